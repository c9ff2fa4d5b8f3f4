#!/usr/bin/env python3
"""Makes a run directory as `carat eval` leaves one, with answers drawn here.        SPDX-License-Identifier: Apache-2.0

usage: make_run.py OUT [--suite mmlu-pro] [--items N] [--acc P] [--seed S] [--shared RHO] [--categories a,b,c] [--cluster K] [--graded]
                   [--drop CATEGORY=P] [--unparsed SHARE] [--not-measured SHARE] [--prompts SALT] [--model NAME] [--from I]
       make_run.py OUT --suite perplexity|kld --items WINDOWS --tokens N [--shift NATS] [--noise NATS] [--data HASH]
Any form: [--add] puts the suite into the run that is there; [--metric SUITE.NAME=VALUE] and nothing else adds to its report.

Item i is as hard in every run (of one --items-seed): a reply is right when RHO x that + sqrt(1 - RHO^2) x this run's own luck is
below what gives --acc. --cluster K: K items in a row share their difficulty and a cluster. --graded: scores between 0 and 1.
"""
import argparse
import hashlib
import json
import os
import random
from statistics import NormalDist

N01 = NormalDist()


def hardness(opt, i):
    rng = random.Random(f"{opt.items_seed} {i // opt.cluster if opt.cluster else i}")
    return rng.gauss(0, 1)


def asked(opt):
    luck = random.Random(opt.seed)
    categories = opt.categories.split(",") if opt.categories else []
    drops = dict(d.split("=") for d in opt.drop)
    for i in range(opt.first, opt.first + opt.items):
        z = opt.shared * hardness(opt, i) + (1 - opt.shared ** 2) ** 0.5 * luck.gauss(0, 1)
        category = categories[i % len(categories)] if categories else None
        acc = opt.acc - float(drops.get(category, 0))
        score = float(z < N01.inv_cdf(acc)) if 0 < acc < 1 else acc
        if opt.graded:
            score = N01.cdf(N01.inv_cdf(acc) - z)
        fate = luck.random()
        outcome = "right" if score >= 0.5 else "wrong"
        if fate < opt.not_measured:
            outcome, score = "not_measured", None
        elif fate < opt.not_measured + opt.unparsed:
            outcome, score = "unparsed", 0
        yield {"suite": opt.suite, "item": i, "id": f"q{i}", "cluster": f"c{i // opt.cluster}" if opt.cluster else None,
               "groups": {"category": category} if category else {},
               "prompt_sha256": hashlib.sha256(f"{opt.prompts} {i}".encode()).hexdigest(), "reply": "The answer is (A).",
               "finish": "stop", "truncated": False, "seconds": 0.5, "tries": 1,
               "fault": "no answer" if outcome == "not_measured" else None, "outcome": outcome, "score": score}


def computed(opt):
    luck = random.Random(opt.seed)
    for i in range(opt.items):
        base = random.Random(f"{opt.items_seed} {i}")
        nll = [base.expovariate(0.5) for _ in range(opt.tokens)]
        off = [opt.shift + luck.gauss(0, opt.noise) for _ in nll]
        mine = [max(0.0, x + d) for x, d in zip(nll, off)]
        record = {"suite": opt.suite, "item": i, "bytes": 4 * opt.tokens}
        if opt.suite == "kld":
            record |= {"kld": [abs(d) for d in off], "nll": mine, "reference_nll": nll, "same": [int(abs(d) < 2 * opt.noise) for d in off]}
        else:
            record["nll"] = mine
        yield record


def mean_of(values):
    n = len(values)
    mean = sum(values) / n if n else None
    if n < 2:
        return {"value": mean, "stderr": None, "low": None, "high": None, "n": n}
    se = (sum((x - mean) ** 2 for x in values) / (n - 1) / n) ** 0.5
    return {"value": mean, "stderr": se, "low": mean - 1.96 * se, "high": mean + 1.96 * se, "n": n}


def report_of(opt, records):
    if opt.suite in ("perplexity", "kld"):
        keys = {"nll": "nll_per_token"} if opt.suite == "perplexity" else {"kld": "kld_mean", "same": "top1_agreement"}
        metrics = {name: mean_of([x for r in records for x in r[key]]) for key, name in keys.items()}
        if opt.suite == "perplexity":
            e = metrics["nll_per_token"]
            metrics["perplexity"] = {k: v if k == "n" or v is None else 2.718281828459045 ** v * (e["stderr"] if k == "stderr" else 1)
                                     for k, v in {**e, "stderr": e["value"]}.items()}
        return metrics, {"measured": len(records), "not_measured": 0}
    counts = {k: sum(r["outcome"] == k for r in records) for k in ("right", "wrong", "unparsed", "not_measured")}
    return {"acc": mean_of([r["score"] for r in records if r["score"] is not None])}, counts


def load(path, otherwise):
    return json.load(open(path)) if os.path.exists(path) else otherwise


def main():
    p = argparse.ArgumentParser(usage=__doc__)
    p.add_argument("out")
    p.add_argument("--suite", default="mmlu-pro")
    p.add_argument("--from", dest="first", type=int, default=0)
    for name, kind, value in [("items", int, 100), ("acc", float, 0.7), ("seed", int, 0), ("items-seed", int, 0), ("shared", float, 0.9),
                              ("categories", str, ""), ("cluster", int, 0), ("unparsed", float, 0), ("not-measured", float, 0),
                              ("prompts", str, ""), ("model", str, "a"), ("tokens", int, 100), ("shift", float, 0), ("noise", float, 0.01),
                              ("data", str, "d0")]:
        p.add_argument("--" + name, type=kind, default=value)
    p.add_argument("--drop", action="append", default=[])
    p.add_argument("--metric", action="append", default=[])
    p.add_argument("--graded", action="store_true")
    p.add_argument("--add", action="store_true")
    opt = p.parse_args()
    os.makedirs(opt.out, exist_ok=True)
    name = lambda n: os.path.join(opt.out, n)
    report = load(name("report.json"), {}) if opt.add or opt.metric else {}
    report = {"results": {}, "outcomes": {}, **report}
    if not opt.metric:
        records = list(computed(opt) if opt.suite in ("perplexity", "kld") else asked(opt))
        report["results"][opt.suite], report["outcomes"][opt.suite] = report_of(opt, records)
        with open(name("items.jsonl"), "a" if opt.add else "w") as f:
            f.writelines(json.dumps(r) + "\n" for r in records)
        header = {"carat": "0", "suites": opt.suite, "model": opt.model, "context": 512, "stride": 511, "seed": opt.seed, "data": {}}
        header = load(name("header.json"), header) if opt.add else header
        header["data"][opt.suite] = opt.data
        json.dump(header, open(name("header.json"), "w"))
    for m in opt.metric:
        path, value = m.split("=")
        suite, metric = path.split(".")
        report["results"].setdefault(suite, {})[metric] = {"value": float(value), "stderr": None, "low": None, "high": None, "n": 1}
    json.dump(report, open(name("report.json"), "w"))


if __name__ == "__main__":
    main()
