#!/usr/bin/env python3
# Shards under a real Slurm on the loopback and under GNU parallel, merged: the undivided run, item for item.
#                                                                                       SPDX-License-Identifier: Apache-2.0
import json
import os
import shutil
import subprocess
import tempfile

import slurm
import tally
from tally import CARAT, ROOT, carat, check, skip

MODEL = os.path.join(ROOT, "datasets/demo/model")
ASK = [MODEL, "--suite", "mmlu-pro,mrcr,gsm8k,livecodebench,perplexity", "--max-tokens", "100", "--limit", "20"]
TIMES = "wait_s", "first_s", "seconds", "cached_tokens"


def items(run):
    with open(f"{run}/items.jsonl", encoding="utf-8") as f:
        return [{k: v for k, v in json.loads(line).items() if k not in TIMES} for line in f]


def report(run):
    with open(f"{run}/report.json", encoding="utf-8") as f:
        r = json.load(f)
    for place in ("threads", "parallel"):
        r["method"].pop(place)
    return r


def same(run, what):
    check(items(run) == items("whole"), f"{what}: the items")
    check(report(run) == report("whole"), f"{what}: the report")


def under_parallel():
    if not shutil.which("parallel"):
        return skip("GNU parallel (apt-get install parallel)")
    subprocess.run(["parallel", "-j2", CARAT, "eval", *ASK, "-t1", "-q", "--shard", "{}/3", "-o", "par.{}", ":::", "1", "2", "3"],
                   check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env={**os.environ, "PARALLEL_HOME": "."})
    carat("merge", "par.1", "par.2", "par.3", "-o", "par", ok=(0, 5))
    return same("par", "parallel")


def submit(env, out, *more):
    return subprocess.run([f"{ROOT}/scripts/slurm-eval.sh", "-n", "3", "-o", out, *more, "--", *ASK], env={**env, "CARAT": CARAT},
                          capture_output=True, text=True)


def under_slurm():
    why = slurm.missing()
    if why:
        return skip(why)
    with tempfile.TemporaryDirectory(prefix="carat-slurm-", dir="/tmp") as where, slurm.Cluster(where) as cluster:
        p = submit(cluster.env, "slurm", "-w")
        if not check(p.returncode == 0, f"scripts/slurm-eval.sh: {p.stderr}\n{cluster.logs()}"):
            return None
        same("slurm", "Slurm")
        p = submit(cluster.env, "slurm", "-w")
        check(p.returncode == 2 and "exists" in p.stderr, f"a second time: {p.returncode} {p.stderr}")
        shutil.rmtree("slurm")
        shutil.rmtree("slurm.shards/2")
        with open("slurm.shards/2", "w", encoding="utf-8"):
            pass  # where its directory should be: this shard must fail
        p = submit(cluster.env, "slurm", "-w")
        check(p.returncode == 1 and not os.path.exists("slurm"), f"a failed shard: {p.returncode} {p.stderr}")
        os.remove("slurm.shards/2")
        p = submit(cluster.env, "slurm", "-w")
        check(p.returncode == 0, f"after a failed shard: {p.stderr}")
        same("slurm", "the missing shard made up for")
    return None


if __name__ == "__main__":
    carat("eval", *ASK, "-t", 1, "-q", "-o", "whole", ok=(0, 5))
    raise SystemExit(tally.main(under_parallel, under_slurm))
