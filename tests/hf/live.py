# What the live parity tests share: running carat, counting, references.              SPDX-License-Identifier: Apache-2.0
import json
import os
import subprocess
import time

import torch
from safetensors.torch import save_file

import tiny

CARAT = os.environ.get("CARAT", "build/carat")
TOLERANCE = 1e-4
ROUTER_MARGIN = 3e-5  # relative; the f32 runs differ by a tenth of it
hf = tiny.script("hf-reference")
counts = {"passed": 0, "failed": 0, "skipped": 0}


def check(ok, what):
    counts["passed" if ok else "failed"] += 1
    if not ok:
        print(f"FAIL {what}", flush=True)
    return ok


def skip(what):
    counts["skipped"] += 1
    print(f"SKIP {what}", flush=True)


def carat(*args, ok=(0,)):
    p = subprocess.run([CARAT, *map(str, args)], capture_output=True, text=True)
    if p.returncode not in ok:
        raise RuntimeError(f"carat {' '.join(map(str, args))[:200]}: exit {p.returncode}: {p.stderr.strip()[:300]}")
    return p.stdout


def parity(model, file, *more):
    return json.loads(carat("parity", model, "--reference", file, "--json", *more, ok=(0, 1)))


def list_ids(ids):
    return ",".join(map(str, ids))


def greedy_text(path, ids, n):
    """The n ids that `carat run` puts behind `ids`."""
    return json.loads(carat("run", path, "--prompt-ids", list_ids(ids), "--raw", "--ids", "--ignore-eos", "--temperature", 0,
                            "-n", n, "--numerics", "f32"))["ids"]


def worst_tap(result):
    return max(float("inf") if t["relative"] is None else t["relative"] for t in result["taps"])


def decided(spec, out, meta):
    """No near-tie that rounding could decide, neither between two best ids nor between an expert chosen and one that is not."""
    router = float(meta.get("router_margin", "inf"))
    return (float(meta["greedy_margin"]) > 2 * TOLERANCE * float(out["logits"].abs().max()) and
            (router > ROUTER_MARGIN or spec.get("special") == "ties"))


def make_reference(path, spec, n, file):
    """A reference in which nothing hangs on a near-tie: other prompts until then."""
    for salt in range(8):
        ids = tiny.ids(spec, n, salt)
        out, meta = hf.reference(path, ids)
        if decided(spec, out, meta) or salt == 7:
            save_file(out, file, metadata=meta)
            return ids, out["greedy_ids"].tolist()


def main(*parts):
    """Runs the parts, prints the counts that tests/run reads; the exit code."""
    torch.set_num_threads(1)  # tiny products: a second thread would only wait
    start = time.time()
    for part in parts:
        try:
            part()
        except (RuntimeError, ValueError, OSError, subprocess.CalledProcessError) as e:
            check(False, f"{part.__name__}: {e}")
    print(f"{time.time() - start:.0f} s")
    print(f"{counts['passed']} passed, {counts['failed']} failed, {counts['skipped']} skipped")
    return 1 if counts["failed"] else 0
