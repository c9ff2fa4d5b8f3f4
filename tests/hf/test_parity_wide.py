#!/usr/bin/env python3
# carat against transformers: other stored types, dumps made elsewhere, E2B's full widths.      SPDX-License-Identifier: Apache-2.0
import gc
import json
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import torch
from safetensors.torch import load_file, save_file

import tiny
from live import CARAT, check, greedy_text, hf, main, make_reference, parity, skip, worst_tap

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
SHARED = os.path.join(ROOT, "..", "shared")


# ---- other stored types ----------------------------------------------------------------------------------------------
def stored_types():
    """Weights kept as f32 and f16: no rounding on the way in."""
    for family, dtype in (("e2b", "float32"), ("31b", "float16")):
        spec = {**tiny.draw(900, family), "dtype": dtype}
        with tempfile.TemporaryDirectory() as folder:
            path, file = os.path.join(folder, "model"), os.path.join(folder, "ref.safetensors")
            tiny.build(spec, path)
            make_reference(path, spec, 33, file)
            result = parity(path, file)
            check(result["passed"], f"{dtype} weights: {result['first_divergence']}")
            print(f"{dtype} weights, {tiny.describe(spec)}: worst tap {worst_tap(result):.1e}", flush=True)


def made_checkpoints():
    """What scripts/make-checkpoint writes: transformers finds each tensor it wants and no other, and computes what we compute."""
    for like, *more in (("e2b", "--unused-kv"), ("e4b", "--text-only", "--shard-size", "2M"), ("31b",)):
        with tempfile.TemporaryDirectory() as folder:
            path, file = os.path.join(folder, "model"), os.path.join(folder, "ref.safetensors")
            subprocess.run([os.path.join(ROOT, "scripts", "make-checkpoint"), "--like", like, "--scale", "16", "--layers", "12",
                            "--vocab", "600", *more, path], check=True, capture_output=True)
            out, meta = hf.reference(path, [2] + list(range(5, 64)), 0)
            save_file(out, file, metadata=meta)
            result = parity(path, file)
            check(result["passed"], f"make-checkpoint --like {like}: {result['first_divergence']}")
            print(f"make-checkpoint --like {like} {' '.join(more)}: worst tap {worst_tap(result):.1e}, "
                  f"noise floor {result['floor']['kld_mean']:.1e}", flush=True)


# ---- full widths -----------------------------------------------------------------------------------------------------
WIDE = """I went to the market on a rainy Tuesday and bought 12 apples, 3 loaves of bread and a jar of honey for €17.40.
def f(x): return {"x": [x, -x]}   # naïve café 東京 🙂"""


def full_widths():
    """E2B's own widths and vocabulary, four layers of both kinds, the last two sharing K/V; the real tokenizer if it is there."""
    maker = tiny.script("make-checkpoint")
    torch.set_num_threads(2)
    with tempfile.TemporaryDirectory() as folder:
        path, file = os.path.join(folder, "model"), os.path.join(folder, "ref.safetensors")
        m = maker.shapes("e2b", 1, 4, 0)
        m.update(shared=2, kinds=[tiny.SLIDING, tiny.FULL] * 2, window=8)
        os.mkdir(path)
        rows = maker.tensors(m, False, False)
        maker.write_weights(path, rows, maker.Weights(m, 5, maker.POOL), {"format": "pt"}, 1 << 40)
        maker.dump(os.path.join(path, "config.json"), maker.config(m, False))
        tokenizer = os.path.join(SHARED, "data", "tokenizer", "tokenizer.json.gz")
        if os.path.exists(tokenizer):
            maker.copy_tokenizer(tokenizer, path)
            ids = [2] + json.loads(subprocess.run([CARAT, "text", "encode", path], input=WIDE, capture_output=True, text=True,
                                                  check=True).stdout)
        else:
            skip("full widths: no real tokenizer; random ids instead")
            ids = [2] + torch.randint(3, 262144, (40,), generator=torch.Generator().manual_seed(1)).tolist()
        out, meta = hf.reference(path, ids, 64)
        gc.collect()
        save_file(out, file, metadata=meta)
        f32 = parity(path, file)
        check(f32["passed"], f"full widths: {f32['first_divergence']}")
        check(greedy_text(path, ids, 64) == out["greedy_ids"].tolist(), "full widths: greedy text differs")
        bf16 = parity(path, file, "--numerics", "bf16")
        share = bf16["kld_mean"] / bf16["floor"]["kld_mean"]
        check(bf16["passed"], f"full widths: bf16 KLD is {share:.3f} of the floor")
        print(f"full widths, {len(ids)} ids: worst tap {worst_tap(f32):.1e}, bf16 share {share:.3f}", flush=True)


# ---- references made elsewhere ---------------------------------------------------------------------------------------
def router_taps(path, dump, p):
    """Chosen experts and their weights -> one weight for each expert."""
    experts = json.load(open(os.path.join(path, "config.json")))["text_config"].get("num_experts")
    chosen = {key.split(".")[3]: v.long() for key, v in dump.items() if key.startswith(p + "router.") and key.endswith(".ids")}
    return {f"router.{i}": torch.zeros(len(v), experts).scatter_(1, v, dump[f"{p}router.{i}.weights"]) for i, v in chosen.items()}


def shared_fixtures():
    """../shared/data/parity/{e2b,dense31,moe,unified}: another maker's checkpoints and dumps, brought into the layout of hf-reference."""
    for name in ("e2b", "dense31", "moe", "unified"):
        path = os.path.join(SHARED, "data", "parity", name)
        if not os.path.isdir(path):
            skip(f"fixture {name}: {os.path.normpath(path)} is not there")
            continue
        dump = load_file(os.path.join(path, "reference.safetensors"))
        with tempfile.TemporaryDirectory() as folder:
            for n in range(3):
                p, file = f"text.{n}.", os.path.join(folder, f"{n}.safetensors")
                out = {"input_ids": dump[p + "input_ids"].long(), "logits": dump[p + "logits"],
                       "logits_bf16": dump[p + "logits_bf16"].float(), "embed": dump[p + "embed"], "norm": dump[p + "final_norm"]}
                out.update({key.replace(p + "hidden", "block"): v for key, v in dump.items() if key.startswith(p + "hidden.")})
                out.update(router_taps(path, dump, p))
                save_file({k: v.contiguous().clone() for k, v in out.items()}, file)
                result = parity(path, file)
                check(result["passed"], f"fixture {name}.{n}: {result['first_divergence']}")
                greedy = dump[p + "greedy_ids"].tolist()
                check(greedy_text(path, out["input_ids"].tolist(), len(greedy)) == greedy, f"fixture {name}.{n}: greedy text differs")
                print(f"fixture {name}.{n}: worst tap {worst_tap(result):.1e}", flush=True)


if __name__ == "__main__":
    sys.exit(main(stored_types, made_checkpoints, shared_fixtures, full_widths))
