#!/usr/bin/env python3
"""Compares carat grade with Python itself: difflib's ratio in every bit, MMLU-Pro's patterns with re.   SPDX-License-Identifier: Apache-2.0

usage: tests/hf/test_grade.py [SEED [PAIRS]]       ($CARAT and $ROOT as tests/run sets them)
Pairs of texts are of up to 20,000 characters; the time that difflib and carat took for them is printed. Also the samples with official verdicts under ../shared, where there are any.
"""
import difflib
import gzip
import json
import os
import random
import re
import resource
import subprocess
import sys
import time

import tally
from tally import CARAT, ROOT, check, skip

SAMPLES = os.path.join(ROOT, "..", "shared", "data", "eval")


def grade(suite, rows, variant):
    text = "".join(json.dumps(r) + "\n" for r in rows)
    p = subprocess.run([CARAT, "grade", suite, "--replies", "-", "--variant", variant], input=text, capture_output=True, text=True, check=True)
    lines = [json.loads(x) for x in p.stdout.splitlines()]
    return lines[:-1], lines[-1]["total"]


# ---- difflib

def random_pair(r):
    alphabet = r.choice(["ab", "abcdefghij", "abcdefghijklmnopqrstuvwxyz     ", "αβγ😀 x", "".join(map(chr, range(0x4E00, 0x5200))),
                         "".join(chr(r.randrange(0x20, 0x3000)) for _ in range(300))])
    length = r.choice([4000, 20000]) if r.random() < .02 else r.choice([0, 1, 5, 50, 198, 199, 200, 201, 399, 400, 1000, 2000])
    a = "".join(r.choice(alphabet) for _ in range(length))
    if r.random() < .1 and a:  # of one piece, again and again
        a = (a[:r.randrange(1, 400)] * len(a))[:len(a)]
    if r.random() < .4 or not a:
        return a, "".join(r.choice(alphabet) for _ in range(r.choice([0, 3, 199, 200, 201, 450, 900])))
    b = list(a)
    for _ in range(r.randrange(1, 30)):
        i = r.randrange(len(b) + 1)
        b[i:i + r.choice([0, r.randrange(20)])] = [r.choice(alphabet) for _ in range(r.choice([0, r.randrange(20)]))]
    return a, "".join(b)


def cpu_of_children():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def ratios(r, n):
    pairs = [random_pair(r) for _ in range(n)] + [tuple("".join(r.choice("etaoin shrdlu") for _ in range(6000)) for _ in range(2))]
    for variant, most, want in (("openai", 1 << 30, lambda a, b: difflib.SequenceMatcher(None, a, b).ratio()),
                                ("no-autojunk", 1 << 20, lambda a, b: difflib.SequenceMatcher(None, b, a, False).ratio())):
        some = [(a, b) for a, b in pairs if len(a) * len(b) <= most]  # difflib without autojunk takes minutes for the longest
        rows = [dict(response=a, answer=b, random_string_to_prepend="") for a, b in some]
        before = cpu_of_children()
        results = grade("mrcr", rows, variant)[0]
        ours, theirs = cpu_of_children() - before, 0
        for (a, b), got in zip(some, results):
            start = time.process_time()
            value = want(a, b).hex()
            theirs += time.process_time() - start
            check(got["score_hex"] == value, f"{variant}: {got['score_hex']}, difflib {value}: {a[:60]!r} {b[:60]!r}")
        print(f"{variant}: {len(some)} pairs, difflib {theirs:.1f} s, carat with reading and writing {ours:.2f} s: {theirs / ours:.0f} times")


# ---- letters

LEVELS = [r"answer is \(?([A-J])\)?", r"[aA]nswer:\s*([A-J])", r"\b[A-J]\b"]


def first(text):
    for level, pattern in ((1, LEVELS[0]), (2, ".*" + LEVELS[1])):
        m = re.search(pattern, text)
        if m:
            return m.group(1), level
    m = re.search(LEVELS[2] + r"(?!.*\b[A-J]\b)", text, re.DOTALL)
    return (m.group(0), 3) if m else (None, 0)


def last(text):
    for level, pattern in enumerate(LEVELS, 1):
        found = re.findall(pattern, text)
        if found:
            return found[-1], level
    return None, 0


def random_reply(r):
    parts = ["answer is ", "Answer: ", "answer:", "nswer:", "(", ")", "A", "J", "K", "B", " ", "\n", "\t", "\u2003", "\u00a0", "\u200b", "\x1c", "\r", "_", "7",
             "²", "½", "é", "e\u0301", "答案", "😀", "\u00ad", "\ufeff", "\u2028", "answer is (C", "the ", "**", "\x00"]
    return "".join(r.choice(parts) for _ in range(r.randrange(14)))


def letters(r, n):
    texts = [random_reply(r) for _ in range(n)]
    rows = [dict(output=t) for t in texts]
    cut = [t.replace("**", "") for t in texts]
    for variant, wants in (("local", map(first, texts)), ("api", map(first, cut)), ("last", map(last, texts))):
        for text, got, want in zip(texts, grade("mmlu-pro", rows, variant)[0], wants):
            check((got["pred"], got["level"]) == want, f"mmlu-pro {variant}: {got} should be {want}: {text!r}")


# ---- samples

def samples():
    if not os.path.isdir(SAMPLES):
        skip("samples with official verdicts: no ../shared/data/eval")
        return
    rows = [json.loads(x) for x in open(os.path.join(SAMPLES, "mrcr", "pairs.jsonl"))]
    means = json.load(open(os.path.join(SAMPLES, "mrcr", "expected.json")))["mean_in_file_order_hex"]
    for variant in ("openai", "openai-lstrip", "no-autojunk", "v2"):
        key = variant.replace("-", "_")
        got, total = grade("mrcr", rows, variant)
        for row, g in zip(rows, got):
            check(g["score_hex"] == row["scores"][key], f"mrcr {variant} {row['id']}: {g['score_hex']} should be {row['scores'][key]}")
        check(total["score_hex"] == means[key], f"mrcr {variant}: mean")
    folder = os.path.join(SAMPLES, "mmlu_pro")
    rows = [json.loads(x) for x in open(os.path.join(folder, "edge_cases.jsonl"))]
    rows += [json.loads(x) for x in gzip.open(os.path.join(folder, "outputs_sample.jsonl.gz"), "rt")]
    for row, g in zip(rows, grade("mmlu-pro", rows, "local")[0]):
        check((g["pred"], g["level"]) == (row["expected_pred"], row["level"]), f"mmlu-pro {row['output'][-60:]!r}: {g}")
    for row, g in zip(rows, grade("mmlu-pro", rows, "last")[0]):
        check(g["pred"] == row["pred_last"], f"mmlu-pro last {row['output'][-60:]!r}: {g}")


def compare():
    seed = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    r = random.Random(seed)
    print(f"seed {seed}")
    ratios(r, int(sys.argv[2]) if len(sys.argv) > 2 else 1500)
    letters(r, 4000)
    samples()


if __name__ == "__main__":
    sys.exit(tally.main(compare))
