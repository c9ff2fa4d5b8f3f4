#!/usr/bin/env python3
# K and V kept as bf16, f16 or int8, against transformers with a cache that keeps them so.      SPDX-License-Identifier: Apache-2.0
"""
usage: test_cache.py [CONFIGURATIONS]      run by `make check-hf`; needs $CARAT

For each random tiny checkpoint, in f32 numerics, 70 ids through windows that wrap several times:
  nearer   `carat logits --kv TYPE` against transformers whose Cache.update hands out keys and values rounded so: on average at most
           half as far off as from transformers that does not round. (Not nearer still: where f32 sums differ in the last bit a
           rounding tips over now and then, and the layers above carry that on.)
  bound    against transformers with keys and values as they are: mean KLD and the largest difference of a logit, as a share of the
           largest logit, within BOUND
"""
import os
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import torch
from safetensors.torch import load_file
from transformers import DynamicCache

import tiny
from live import carat, check, hf, list_ids, main

BOUND = {"bf16": (1e-3, 6e-2), "f16": (2e-5, 1e-2), "int8": (1e-2, 0.2)}  # mean KLD, share of the largest logit
LENGTH = 70


def keep(x, kind):
    if kind == "bf16":
        return x.bfloat16().float()
    if kind == "f16":
        return x.half().float()
    most = x.abs().amax(-1, keepdim=True)
    return torch.round(x * (127 / most)) * (most / 127)


class Rounded(DynamicCache):
    kind = None

    def update(self, keys, values, *more, **kw):
        return super().update(keep(keys, self.kind), keep(values, self.kind), *more, **kw)


def logits_of(model, ids, kind):
    cache = None
    if kind:
        cache = Rounded(config=hf.text_model(model).config)
        cache.kind = kind
    with torch.no_grad():
        return model(input_ids=torch.tensor([ids]), past_key_values=cache, use_cache=bool(kind)).logits[0].float()


def kld(p, q):
    p, q = torch.log_softmax(p.double(), -1), torch.log_softmax(q.double(), -1)
    return float((p.exp() * (p - q)).sum(-1).mean())


def rows_off(got, want):
    return (got - want).abs().amax(-1) / want.abs().max()


def one(spec, folder, worst):
    path, out = os.path.join(folder, "model"), os.path.join(folder, "out.safetensors")
    tiny.build(spec, path)
    ids = tiny.ids(spec, LENGTH, 0)
    model = hf.load(path, torch.float32)
    plain = logits_of(model, ids, None)
    for kind, (most_kld, most_off) in BOUND.items():
        carat("logits", path, "--ids", list_ids(ids), "-o", out, "--kv", kind, "--batch", 16, "--force")
        got = load_file(out)["logits"]
        off = rows_off(got, logits_of(model, ids, kind))
        share = float(off.mean() / rows_off(got, plain).mean())
        check(share <= 0.5, f"{tiny.describe(spec)}: kv {kind}: {share:.2f} as far from the same rounding as from none")
        bound = kld(plain, got), float(rows_off(got, plain).max())
        check(bound[0] <= most_kld and bound[1] <= most_off, f"{tiny.describe(spec)}: kv {kind}: KLD {bound[0]:.1e}, {bound[1]:.1e} off")
        worst[kind] = [max(a, b) for a, b in zip(worst.get(kind, (0, 0, 0)), (*bound, share))]


def configurations():
    worst = {}
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 12
    for i in range(count):
        with tempfile.TemporaryDirectory() as folder:
            one(tiny.draw(300 + i // 3, ("e2b", "e4b", "31b")[i % 3]), folder, worst)
    for kind, (mean, off, share) in worst.items():
        print(f"kv {kind:5} against f32: mean KLD at most {mean:.1e}, a logit at most {off:.1e} of the largest off; "
              f"at most {share:.2f} as far from the same rounding in transformers", flush=True)


if __name__ == "__main__":
    sys.exit(main(configurations))
