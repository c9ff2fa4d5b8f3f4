# What the live parity tests share: references, and what tally.py has.                   SPDX-License-Identifier: Apache-2.0
import json

import torch
from safetensors.torch import save_file

import tally
import tiny
from tally import CARAT, carat, check, counts, skip  # noqa: F401: for those who import this

TOLERANCE = 1e-4
ROUTER_MARGIN = 3e-5  # relative; the f32 runs differ by a tenth of it
hf = tiny.script("hf-reference")


def parity(model, file, *more):
    return json.loads(carat("parity", model, "--reference", file, "--json", *more, ok=(0, 1)))


def list_ids(ids):
    return ",".join(map(str, ids))


def greedy_text(path, ids, n):
    """The n ids that `carat run` puts behind `ids`; one thread: steps this small are mostly waiting for the second (logits are compared
    with two)."""
    return json.loads(carat("run", path, "--prompt-ids", list_ids(ids), "--raw", "--ids", "--ignore-eos", "--temperature", 0,
                            "-n", n, "--numerics", "f32", "-t", 1))["ids"]


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
    """tally.main; torch computes with one thread: the products are tiny, a second one would only wait."""
    torch.set_num_threads(1)
    return tally.main(*parts)
