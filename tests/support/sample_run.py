#!/usr/bin/env python3
"""Writes a run directory with invented records, for tests of reports and history.      SPDX-License-Identifier: Apache-2.0

usage: sample_run.py DIR [--items N] [--shift X] [--seed S] [--hostile] [--unfinished]

Suites: mmlu-pro (14 categories), mrcr (scores between 0 and 1), perplexity, kld, latency. The same seed gives the same items;
--shift X moves the chance of a right answer by X. report.json is made from the records by plain formulas.
"""
import argparse
import hashlib
import json
import math
import os
import random

CATEGORIES = ["biology", "business", "chemistry", "computer science", "economics", "engineering", "health", "history", "law", "math",
              "other", "philosophy", "physics", "psychology"]
HOSTILE = ["</script><script>alert(1)</script>", "]]>", "<!-- --><b>\"'&amp;&lt;", "\u202eright to left\u202c العربية עברית",
           "\x01\x08\x0b\x0c\x1b[31mred\x7f\x85", "\ufffe\uffff\ufdd0", "a\r\nb\rc\n\n\nd\te", "😀👩‍👩‍👧 e\u0301 ﷽", "|`*_~#\\ [x](javascript:alert(1)) ![i](y)",
           "long " * 20000, "x" * 100000, "\u2028\u2029\u0000".replace("\u0000", ""), "<img src=x onerror=alert(1)>", "</details></pre></body>", ""]
WORDS = ("the of a model reads each line and weighs two numbers that disagree so we count what is left then compare it with the bound "
         "energy mass force contract law cell price supply demand 12 7.5 sum").split()


def mean_metric(values):
    n = len(values)
    mean = sum(values) / n
    error = math.sqrt(sum((v - mean) ** 2 for v in values) / max(n - 1, 1) / n)
    return {"value": mean, "stderr": error, "low": mean - 1.96 * error, "high": mean + 1.96 * error, "n": n}


def prose(r, n):
    return " ".join(r.choice(WORDS) for _ in range(n)).capitalize() + "."


def asked(suite, i, opt):
    r = random.Random(f"{opt.seed} {suite} {i}")
    luck, fate = r.random(), r.random()
    again = random.Random(f"{opt.seed} {opt.shift} {suite} {i}")
    category = CATEGORIES[i * 5 % 14]
    skill = 0.45 + 0.03 * CATEGORIES.index(category) + opt.shift + again.uniform(-.06, .06)
    outcome = "right" if luck < skill else "wrong"
    if fate < .02:
        outcome = "unparsed"
    elif fate < .03:
        outcome = "not_measured"
    truncated = outcome == "not_measured" and i % 2 == 0
    reply = prose(again, again.randrange(20, 120)) + f"\n\nThe answer is ({'ABCDEFGHIJ'[i % 10]})."
    record = {"suite": suite, "item": i, "id": str(70 + i), "cluster": None, "groups": {"category": category}, "asked": prose(r, 60) + "\nA. one\nB. two",
              "prompt_sha256": hashlib.sha256(str(i).encode()).hexdigest(), "reply": reply,
              "thought": prose(again, 200) if i % 5 == 0 else None, "finish": "length" if truncated else "stop", "truncated": truncated,
              "prompt_tokens": 1200, "reply_tokens": len(reply) // 4, "seconds": .5 + again.expovariate(1 / 2), "first_s": .05 + again.expovariate(20),
              "tries": 1, "fault": "HTTP 500 after 5 tries" if outcome == "not_measured" and not truncated else None, "outcome": outcome}
    if i % 7 == 0:
        record["asked_cut"] = 5431
    if suite == "mrcr":
        record["groups"] = {"bucket": ["4k-8k", "8k-16k", "16k-32k"][i % 3], "needles": "248"[i % 3]}
    if outcome in ("right", "wrong"):
        record["score"] = float(outcome == "right") if suite != "mrcr" else (1.0 if outcome == "right" else round(luck * .8, 6))
        record.update(pred="ABCDEFGHIJ"[i % 10], level=1 + i % 3)
    elif outcome == "unparsed":
        record.update(score=0.0, pred=None, level=0)
    if opt.hostile:
        text = HOSTILE[i % len(HOSTILE)]
        record.update(reply=text, asked=text, thought=text, id=text[:300] + str(i), fault=text or None)
    return record


def computed(suite, i, opt):
    r = random.Random(f"{opt.seed} {suite} {i}")
    record = {"suite": suite, "item": i}
    nll = [r.expovariate(.45) for _ in range(64)]
    if suite == "perplexity":
        record.update(bytes=260, nll=nll)
    else:
        kld = [math.exp(r.gauss(-6 - 10 * opt.shift, 1.7)) for _ in range(64)]
        record.update(kld=kld, nll=nll, reference_nll=[x * .99 for x in nll], same=[int(k < .1) for k in kld])
    return record


def report(records):
    out = {"results": {}, "groups": {}, "notes": {}, "outcomes": {}, "truncated": {}}
    for suite in dict.fromkeys(r["suite"] for r in records):
        mine = [r for r in records if r["suite"] == suite]
        if "outcome" in mine[0]:
            graded = [r for r in mine if r["outcome"] != "not_measured"]
            name = "score" if suite == "mrcr" else "acc"
            out["results"][suite] = {name: mean_metric([r["score"] for r in graded])}
            out["outcomes"][suite] = {o: sum(r["outcome"] == o for r in mine) for o in ("right", "wrong", "unparsed", "not_measured")}
            out["truncated"][suite] = sum(r["truncated"] for r in mine)
            groups = {}
            for key in mine[0]["groups"]:
                for value in sorted({r["groups"][key] for r in mine}):
                    scores = [r["score"] for r in graded if r["groups"][key] == value]
                    if scores:
                        groups.setdefault(key, {})[value] = {name: mean_metric(scores)}
            out["groups"][suite] = groups
            out["notes"][suite] = "invented records"
            continue
        nll = mean_metric([x for r in mine for x in r["nll"]])
        ppl = math.exp(nll["value"])
        metrics = {"perplexity": {"value": ppl, "stderr": ppl * nll["stderr"], "low": math.exp(nll["low"]), "high": math.exp(nll["high"]), "n": nll["n"]},
                   "nll_per_token": nll}
        if suite == "kld":
            kld = sorted(x for r in mine for x in r["kld"])
            metrics = {"kld_mean": mean_metric(kld), "kld_p99": {"value": kld[len(kld) * 99 // 100], "stderr": None, "low": None, "high": None, "n": len(kld)},
                       "top1_agreement": mean_metric([x for r in mine for x in r["same"]])}
        out["results"][suite] = metrics
        out["notes"][suite] = "BOS opens every window and is not scored"
        out["outcomes"][suite] = {"measured": len(mine), "not_measured": 0}
    return out


def main():
    p = argparse.ArgumentParser(usage=__doc__.split("usage: ")[1].split("\n")[0])
    p.add_argument("dir")
    p.add_argument("--items", type=int, default=200)
    p.add_argument("--shift", type=float, default=0)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--hostile", action="store_true")
    p.add_argument("--unfinished", action="store_true")
    opt = p.parse_args()
    os.makedirs(opt.dir, exist_ok=True)
    records = [asked(s, i, opt) for s in ("mmlu-pro", "mrcr") for i in range(opt.items if s == "mmlu-pro" else opt.items // 4)]
    records += [computed(s, i, opt) for s in ("perplexity", "kld") for i in range(max(opt.items // 20, 2))]
    method = {"carat": "0.1.0", "suites": "mmlu-pro,mrcr,perplexity,kld", "model": f"models/gemma-4-E2B{'-int4' if opt.shift else ''}",
              "backend": "int4-g32 weights, int8 numerics, bf16 KV cache, avx2 kernels", "seed": opt.seed, "shift": opt.shift, "limit": opt.items,
              "data": {"mmlu-pro": hashlib.sha256(b"data").hexdigest()}, "threads": 2, "template": hashlib.sha256(b"template").hexdigest()}
    if opt.hostile:
        method.update(model="".join(HOSTILE[:9]), note=HOSTILE[0])
    with open(os.path.join(opt.dir, "header.json"), "w") as f:
        json.dump(method, f)
    with open(os.path.join(opt.dir, "items.jsonl"), "w") as f:
        f.writelines(json.dumps(r, ensure_ascii=False) + "\n" for r in records)
    if not opt.unfinished:
        with open(os.path.join(opt.dir, "report.json"), "w") as f:
            json.dump({**report(records), "method": method}, f)


if __name__ == "__main__":
    main()
