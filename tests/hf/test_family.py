#!/usr/bin/env python3
# carat against transformers: mixtures of experts, the 12B's text decoder, text-only classes.   SPDX-License-Identifier: Apache-2.0
"""
usage: test_family.py [MIXTURES [UNIFIED]]      run by `make check-hf`; needs $CARAT

Everything that test_parity.py asks of a configuration, and:
  routers   what each expert is weighted with, at every layer: within 1e-4, and the same experts chosen. Where probabilities tie,
            torch.topk may take any: there experts come in equal pairs, and the weights of a pair are compared
  uncached  one pass over prompt and greedy text gives the same ids as decoding them one by one, windows wrapped many times
  bf16      the median share of the noise floor, and that our bf16 run follows transformers' eager experts: it is nearer to them than
            its grouped back end is
"""
import os
import statistics
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import torch
import transformers
from safetensors.torch import load_file, save_file

import tiny
from live import TOLERANCE, carat, check, hf, list_ids, main, make_reference
from test_parity import print_row, run_one

LENGTHS = (1, 17, 33, 70)
SPECIAL = ("", "", "ties", "", "one", "", "all", "", "single", "")


def argument(i, default):
    return int(sys.argv[i]) if len(sys.argv) > i else default


def logits(path, ids, folder, *more):
    file = os.path.join(folder, "logits.safetensors")
    carat("logits", path, "--ids", list_ids(ids), "-o", file, "--force", "-q", *more)
    return load_file(file)


# ---- routers ---------------------------------------------------------------------------------------------------------
def split_routers(file):
    """Takes the routers out of a reference file -> {name: weights}."""
    tensors = load_file(file)
    routers = {k: v for k, v in tensors.items() if k.startswith("router.") and not k.endswith("_bf16")}
    save_file({k: v for k, v in tensors.items() if not k.startswith("router.")}, file)
    return routers


def pairs_agree(path, ids, want, folder, name):
    got = logits(path, ids, folder, "--taps")
    for key, w in want.items():
        a, b = (x.reshape(len(ids), -1, 2).sum(-1) for x in (got[key], w))
        if not check(float((a - b).abs().max()) <= TOLERANCE and bool(((a != 0) == (b != 0)).all()), f"{name}: {key}: other experts"):
            return
        chosen = (got[key] != 0).reshape(len(ids), -1, 2)
        check(not bool((chosen[..., 1] & ~chosen[..., 0]).any()), f"{name}: {key}: of two equal ones the second was taken")


def one_expert(path, ids, folder, name):
    """The case is what it says: every row of every layer on the last expert."""
    got = logits(path, ids, folder, "--taps")
    check(all(bool((v != 0)[:, -1].all()) for k, v in got.items() if k.startswith("router.")), f"{name}: some row chose another expert")


# ---- one configuration -----------------------------------------------------------------------------------------------
def uncached(path, ids, greedy, folder, name):
    rows = logits(path, ids + greedy[:-1], folder)["logits"][len(ids) - 1:]
    check(rows.argmax(-1).tolist() == greedy, f"{name}: one pass over the greedy text says otherwise")


def run_spec(spec, n):
    name = f"{spec['family']}.{spec['seed']}"
    with tempfile.TemporaryDirectory() as folder:
        path, file = os.path.join(folder, "model"), os.path.join(folder, "ref.safetensors")
        tiny.build(spec, path)
        ids, greedy = make_reference(path, spec, n, file)
        routers = split_routers(file) if spec.get("special") == "ties" else None
        try:
            row = run_one(name, path, file, ids, greedy, folder)
            uncached(path, ids, greedy, folder, name)
            if routers:
                pairs_agree(path, ids, routers, folder, name)
            if spec.get("special") == "one":
                one_expert(path, ids, folder, name)
        except (RuntimeError, ValueError) as e:
            check(False, f"{name}: {tiny.describe(spec)}: {e}")
            return None
    print_row(row, f"{tiny.describe(spec)}, {n} ids")
    return row


def run_all(specs, what, limit):
    print(f"{'config':8} {'f32 worst':>9} {'same':>4} {'floor':>9} {'bf16':>9} {'share':>7}  shape", flush=True)
    rows = [row for row in (run_spec(spec, LENGTHS[i % len(LENGTHS)]) for i, spec in enumerate(specs)) if row]
    if not rows:
        return
    median = statistics.median(r["bf16"] / r["floor"] for r in rows)
    print(f"bf16: median share of the noise floor over {len(rows)} {what}: {median:.3f}, at most {limit}")
    check(median <= limit, f"bf16: median share {median:.3f} of {what} is above {limit}")
    print(f"f32: worst tap of all {max(r['worst'] for r in rows):.1e} of its largest value")


def mixtures():
    run_all([tiny.draw_moe(i, SPECIAL[i % len(SPECIAL)]) for i in range(argument(1, 30))], "mixtures", 0.25)


def unified():
    run_all([tiny.draw_unified(i) for i in range(argument(2, 6))], "of the 12B's class", 0.5)


# ---- which back end --------------------------------------------------------------------------------------------------
def bf16_logits(path, ids, experts):
    model = transformers.Gemma4ForConditionalGeneration.from_pretrained(path, dtype=torch.bfloat16, attn_implementation="eager",
                                                                        experts_implementation=experts)
    with torch.no_grad():
        return model(input_ids=torch.tensor([ids]), use_cache=False).logits[0].float()


def mean_kld(p, q):
    p, q = p.log_softmax(-1), q.log_softmax(-1)
    return float((p.exp() * (p - q)).sum(-1).mean())


def back_ends():
    """transformers' grouped back end sums in another order than its eager one; ours is to be nearer to the eager one."""
    ours, grouped = [], []
    for seed in (100, 101, 104, 105, 108):
        spec = {**tiny.draw_moe(seed), "text_only": False}
        spec["text"].update(hidden_size=64, moe_intermediate_size=32)  # grouped_mm wants multiples of 8
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "model")
            tiny.build(spec, path)
            ids = tiny.ids(spec, 48)
            eager = bf16_logits(path, ids, "eager")
            grouped.append(mean_kld(eager, bf16_logits(path, ids, "grouped_mm")))
            ours.append(mean_kld(eager, logits(path, ids, folder, "--numerics", "bf16")["logits"]))
    a, b = statistics.median(ours), statistics.median(grouped)
    print(f"bf16, median KLD from transformers' eager experts: carat {a:.2e}, transformers' grouped_mm {b:.2e}")
    check(a < b, f"bf16: {a:.2e} from eager, no nearer than grouped_mm with {b:.2e}")


if __name__ == "__main__":
    sys.exit(main(mixtures, unified, back_ends))
