#!/usr/bin/env python3
"""LiveCodeBench: the samples with official verdicts, Python's own idea of equality, all hostile programs.   SPDX-License-Identifier: Apache-2.0

usage: tests/hf/test_livecodebench.py [SEED]       ($CARAT and $ROOT as tests/run sets them)
"""
import decimal
import json
import os
import random
import subprocess
import sys

ROOT = os.environ.get("ROOT") or os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CARAT = os.environ.get("CARAT") or os.path.join(ROOT, "build", "carat")
SAMPLES = os.path.join(ROOT, "..", "shared", "data", "eval", "lcb")
counts = {"passed": 0, "failed": 0, "skipped": 0}


def check(ok, what):
    counts["passed" if ok else "failed"] += 1
    if not ok:
        print(f"FAIL {what}"[:2000], flush=True)


def rows(path):
    with open(path, encoding="utf-8") as f:
        return [json.loads(line) for line in f]


def grade(replies, data, mode):
    p = subprocess.run([CARAT, "grade", "livecodebench", "--replies", "-", "--data", data, "--mode", mode, "-q"],
                       input="".join(json.dumps(r) + "\n" for r in replies), capture_output=True, text=True)
    if p.returncode == 4:
        print("SKIP", p.stderr.strip())
        return None
    lines = [json.loads(x) for x in p.stdout.split("\n") if x]
    return lines[:-1]


def samples():
    """Verdict per test, code and message as the official checker gave them; passed in process mode; extraction."""
    if not os.path.isdir(SAMPLES):
        print("SKIP no samples with official verdicts beside this tree")
        counts["skipped"] += 1
        return
    wanted = rows(f"{SAMPLES}/verdicts.jsonl")
    for mode in "official", "process":
        got = grade(wanted, f"{SAMPLES}/problems.jsonl", mode)
        if got is None:
            counts["skipped"] += 1
            continue
        keys = ("passed", "results", "error_code", "error_message") if mode == "official" else ("passed",)
        for w, g in zip(wanted, got, strict=True):
            check(all(w[mode][k] == g.get(k) for k in keys), f"{mode} {w['question_id']} {w['candidate']}: {[w[mode][k] for k in keys]}, got {g}")
    p = subprocess.run([CARAT, "grade", "livecodebench", "--replies", f"{SAMPLES}/extract.jsonl", "--extract-only"], capture_output=True, text=True, check=True)
    for w, g in zip(rows(f"{SAMPLES}/extract.jsonl"), map(json.loads, p.stdout.split("\n")[:-1])):
        check(w["code"] == g["code"], f"extract {w['id']}: {w['code']!r}, got {g['code']!r}")


# ---- the rule of equal outputs, written once more with Python's own strip, split and Decimal

def lines_of(text):
    return [line.strip() for line in text.strip().split("\n")]


def numbers(line):
    try:
        return [decimal.Decimal(t) for t in line.split()]
    except decimal.InvalidOperation:
        return None


def equal(got, want):
    a, b = lines_of(got), lines_of(want)
    if len(a) != len(b):
        return [-2]
    try:
        for x, y in zip(a, b):
            if x != y and (numbers(x) is None or numbers(y) is None or numbers(x) != numbers(y)):
                return [-2]
    except decimal.InvalidOperation:
        return [-4]
    return [True]


def spelling(r, value):
    text = r.choice([str(value), f"{value:e}", f"+{value}", f"{value}.0" if "." not in str(value) else str(value) + "00", f"0{value}" if value >= 0 else str(value),
                     "_".join(str(value)), str(value).translate({ord("0") + i: 0x660 + i for i in range(10)}), f"{value}E0", f"{value}e-0", f".{value}"])
    return text


def random_line(r):
    odd = ["inf", "Infinity", "-INF", "nan", "NaN", "sNaN", "-0", "0", "0e5", "1e999999999999999999", "1e1000000000000000000", "0e1000000000000000000", "1e-1999999999999999997",
           "1e-1999999999999999998", "e5", ".", "1.2.3", "--1", "yes", "YES", "é", "1_", "_", "٣", "½", "NaN12", "infi", "1e", "1e+", "0x10", "1,5", "٣.٥", "1\u00a02", "1\u200b"]
    return r.choice([" ", "  ", "\t", "\u2003"]).join(r.choice(odd) if r.random() < .4 else spelling(r, r.choice([r.randrange(-3, 12), decimal.Decimal(r.randrange(-50, 50)) / 4]))
                                                      for _ in range(r.randrange(4)))


def compared(seed):
    """Random outputs against random expected ones: one problem a pair, a program that prints."""
    r = random.Random(seed)
    path = os.path.join(os.getcwd(), "problems.jsonl")
    pairs = []
    for _ in range(150):
        want = "\n".join(random_line(r) for _ in range(r.randrange(1, 4)))
        got = "\n".join(line if r.random() < .5 else " ".join(spelling(r, decimal.Decimal(t)) if numbers(t) and numbers(t)[0].is_finite() and abs(numbers(t)[0].adjusted()) < 9 else t
                                                              for t in line.split()) if r.random() < .7 else random_line(r) for line in want.split("\n"))
        pairs.append((got + r.choice(["", "\n", " \n\n"]), want + r.choice(["", "\n", "\r\n"])))
    cases = [{"question_id": f"p{i:03}", "question_title": "", "question_content": "", "platform": "", "contest_id": "", "contest_date": "2025-01-01", "starter_code": "",
              "difficulty": "", "public_test_cases": json.dumps([{"input": "", "output": want, "testtype": "stdin"}]), "private_test_cases": "[]", "metadata": "{}"}
             for i, (_, want) in enumerate(pairs)]
    with open(path, "w") as f:
        f.writelines(json.dumps(c) + "\n" for c in cases)
    got = grade([{"question_id": c["question_id"], "code": f"print({p[0]!r}, end='')"} for c, p in zip(cases, pairs)], path, "official")
    if got is None:
        counts["skipped"] += 1
        return
    for g, (output, want) in zip(got, pairs, strict=True):
        check(g.get("results") == equal(output, want), f"{output!r} against {want!r}: {equal(output, want)}, got {g}")


def json_equal(seed):
    """Values that a function returns, in process mode, against Python's == on what json.loads reads."""
    r = random.Random(seed)

    def value(depth):
        kind = r.randrange(9 if depth else 6)
        if kind < 6:
            return r.choice([None, True, False, 0, 1, -1, 2 ** 53 + 1, float(2 ** 53), 10 ** 30, 1e30, 0.1, -0.0, 1.0, "a", "é\ud83d\ude00"[:1], "\u0000"[:0], float("nan"), float("inf"), 1e16])
        return [value(depth - 1) for _ in range(r.randrange(3))] if kind < 8 else {r.choice("abc"): value(depth - 1) for _ in range(r.randrange(3))}

    def vary(v):
        if r.random() < .1:
            return value(1)
        if isinstance(v, bool):
            return r.choice([v, int(v), float(v)])
        if isinstance(v, (int, float)) and v == v and abs(v) < 1e18 and v == int(v):
            return r.choice([int(v), float(v), v])
        return [vary(x) for x in v] if isinstance(v, list) else {k: vary(v[k]) for k in sorted(v, reverse=r.random() < .5)} if isinstance(v, dict) else v

    pairs = [(vary(w), w) for w in (value(3) for _ in range(120))]
    path = os.path.join(os.getcwd(), "calls.jsonl")
    with open(path, "w") as f:
        for i, (_, want) in enumerate(pairs):
            f.write(json.dumps({"question_id": f"c{i:03}", "question_title": "", "question_content": "", "platform": "", "contest_id": "", "contest_date": "2025-01-01",
                                "starter_code": "", "difficulty": "", "public_test_cases": json.dumps([{"input": "1", "output": json.dumps(want), "testtype": "functional"}]),
                                "private_test_cases": "[]", "metadata": json.dumps({"func_name": "f"})}) + "\n")
    got = grade([{"question_id": f"c{i:03}", "code": f"def f(_): return json.loads({json.dumps(g)!r})"} for i, (g, _) in enumerate(pairs)], path, "process")
    if got is None:
        counts["skipped"] += 1
        return
    for g, (a, b) in zip(got, pairs, strict=True):
        want = json.loads(json.dumps(a)) == json.loads(json.dumps(b))
        check(g.get("passed") == want, f"{json.dumps(a)} against {json.dumps(b)}: {want}, got {g}")


def hostile():
    p = subprocess.run([sys.executable, f"{ROOT}/tests/support/hostile.py", CARAT, "--all"], capture_output=True, text=True)
    print(p.stdout)
    for line in p.stdout.splitlines():
        if line.startswith("SKIP"):
            counts["skipped"] += 1
        elif not line.startswith(" "):
            check("none got through" in line, p.stdout)


if __name__ == "__main__":
    start = int(sys.argv[1]) if len(sys.argv) > 1 and sys.argv[1].isdigit() else 1
    "nosamples" in sys.argv or samples()
    compared(start)
    json_equal(start)
    "nohostile" in sys.argv or hostile()
    print("{passed} passed, {failed} failed, {skipped} skipped".format(**counts))
    sys.exit(1 if counts["failed"] else 0)
