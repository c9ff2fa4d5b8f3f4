#!/usr/bin/env python3
# Artifacts of `carat quantize` in transformers + compressed-tensors, on random tiny checkpoints.  SPDX-License-Identifier: Apache-2.0
"""
usage: test_quantize.py [CONFIGURATIONS]      run by `make check-hf`; needs $CARAT

For each configuration (tiny.py: E2B-, E4B- and 31B-like) and each way to quantize it:
  compressed   from_pretrained(OUT) in f32: no missing and no unexpected tensor; after the first forward every packed matrix is
               code x scale exactly, bit for bit what `carat convert --dtype f32` writes
  dequantize   CompressedTensorsConfig(dequantize=True) in the checkpoint's type: the same, rounded to that type:
               bit for bit `carat convert --dtype bf16` (f16)
  scope        exactly the modules that the report calls packed are packed; every other tensor has its old bits
  logits       of the compressed model against `carat logits --numerics f32 OUT`, within 1e-4 of the largest
  loads_in     says for both ways what happened
"""
import contextlib
import gc
import io
import json
import os
import re
import subprocess
import sys
import tempfile
import warnings

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
os.environ.setdefault("TQDM_DISABLE", "1")
import torch
import transformers
from safetensors.torch import load_file
from transformers import CompressedTensorsConfig

import tally
import tiny
from tally import CARAT, check

TOLERANCE = 1e-4
WAYS = [
    ["--scheme", "int8"],
    ["--scheme", "int8-g32"],
    ["--scheme", "int4-g16"],
    ["--scheme", "int4-g32"],
    ["--scheme", "int4-g64"],
    ["--scheme", "int4-g128"],
    ["--scheme", "int4-g32", "--method", "absmax"],
    ["--scheme", "w8a8"],
    ["--scheme", "int4-g16", "--set", r"layers\.0\.=int8", "--set", r"layers\.1\.mlp=keep", "--set", "o_proj=w8a8"],
    ["--scheme", "keep", "--set", "per_layer_input_gate|q_proj=int8"],
    ["--scheme", "int8", "--embeddings", "int8"],
    ["--scheme", "int8-g32", "--embeddings", "int8"],
    ["--scheme", "int4-g16", "--embeddings", "int8", "--ple", "int8"],
    ["--scheme", "f32"],
]


def carat(*args):
    p = subprocess.run([CARAT, *map(str, args)], capture_output=True, text=True)
    if p.returncode:
        raise RuntimeError(f"carat {' '.join(map(str, args))[:200]}: exit {p.returncode}: {p.stderr.strip()[:300]}")
    return p.stdout


def tensors(path):
    out = {}
    for f in sorted(os.listdir(path)):
        if f.startswith("model") and f.endswith(".safetensors"):
            out.update(load_file(os.path.join(path, f)))
    return out


def load(spec, path, **kw):
    """-> model, or None and the error; and the names that did not fit."""
    cls = getattr(transformers, json.load(open(os.path.join(path, "config.json")))["architectures"][0])
    with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        model, info = cls.from_pretrained(path, attn_implementation="eager", output_loading_info=True, **kw)
    return model.eval(), {k: v for k, v in info.items() if v}


def on_disk(name):
    """The 12B's embedder is spelt otherwise in memory than on disk."""
    name = name.replace("model.embed_vision.multimodal_embedder.", "model.embed_vision.")
    return re.sub(r"^model\.embed_vision\.(patch_|pos_)", r"model.vision_embedder.\1", name)


def weights(model):
    state = {on_disk(k): v for k, v in model.state_dict().items()}
    return {k: v for k, v in state.items() if not k.endswith((".weight_scale", ".weight_shape", ".weight_packed"))}


def differing(got, want, skip=()):
    """Names in both whose bits differ. What only the file has (k/v of shared layers) is not loaded; the head may be tied."""
    return [n for n, w in want.items() if n in got and n not in skip and
            not (got[n].dtype == w.dtype and torch.equal(got[n], w))]


def unseen(got, want):
    return [n for n in got if n not in want and n != "lm_head.weight"]


def try_way(spec, src, out, report, label, way):
    rows = {r["name"]: r for r in report["tensors"]}
    packed = {n[: -len(".weight")] for n, r in rows.items() if r["got"][:4] in ("int4", "int8", "w8a8")}
    source, made = tensors(src), tensors(out)
    stored = {n[: -len(".weight_scale")] for n in made if n.endswith(".weight_scale")}
    check(stored == packed, f"{label}: packed modules {sorted(stored ^ packed)[:3]} differ from the report")
    plain = [n for n in source if n in made and rows[n]["got"] == "keep" and not torch.equal(source[n], made[n])]
    check(not plain, f"{label}: kept tensors changed: {plain[:3]}")

    says = {"dequantize" in p["how"]: p["loads"] for p in report["loads_in"] if p["program"].startswith("transformers")}
    ids = tiny.ids(spec, 21)
    logits, loaded = None, False
    exact, rounded = out + "-exact", out + "-rounded"
    carat("convert", out, exact, "--dtype", "f32")
    try:
        model, info = load(spec, out, dtype=torch.float32)
        with torch.no_grad(), contextlib.redirect_stderr(io.StringIO()):
            if spec["family"] == "assistant":  # its forward wants the target's states
                for hook in list(model._forward_pre_hooks.values()):
                    hook(model, ())
            else:
                logits = model(input_ids=torch.tensor([ids]), use_cache=False).logits[0]
        loaded = True
    except Exception as e:
        check(not says[False], f"{label}: compressed: {type(e).__name__}: {str(e)[:300]}")
    if loaded:
        check(says[False], f"{label}: loads compressed, loads_in says no")
        check(not info, f"{label}: compressed: {str(info)[:300]}")
        want, got = tensors(exact), weights(model)
        bad, lost = differing(got, want), unseen(got, want)
        check(not bad and not lost, f"{label}: compressed: weights differ: {bad[:3]} {lost[:3]}")
    name = {"bfloat16": "bf16", "float16": "f16", "float32": "f32"}[spec["dtype"]]
    carat("convert", out, rounded, "--dtype", name)
    try:
        model, info = load(spec, out, dtype=getattr(torch, spec["dtype"]),
                           **({"quantization_config": CompressedTensorsConfig(dequantize=True)} if packed else {}))
    except Exception as e:
        model = None
        check(not says[bool(packed)], f"{label}: dequantize: {type(e).__name__}: {str(e)[:300]}")
    if model is not None:
        if not says[bool(packed)]:  # several schemes that look alike in a tiny model (one group a row): right below, or it fails there
            print(f"# {label}: loads dequantized although loads_in says no")
        check(not info, f"{label}: dequantize: {str(info)[:300]}")
        want, got = tensors(rounded), weights(model)
        if name == "f32":  # scales of f32 checkpoints are bf16: that is what the product is rounded to
            for m in packed:
                want[m + ".weight"] = want[m + ".weight"].to(torch.bfloat16).to(torch.float32)
        bad, lost = differing(got, want), unseen(got, want)
        check(not says[bool(packed)] or not bad and not lost, f"{label}: dequantize: weights differ: {bad[:3]} {lost[:3]}")
    if logits is not None and "w8a8" not in way and not any("=w8a8" in w for w in way):  # there transformers rounds activations too
        file = out + ".logits"
        carat("logits", out, "--ids", ",".join(map(str, ids)), "-o", file, "--numerics", "f32")
        ours = load_file(file)["logits"]
        worst = float((ours - logits).abs().max() / logits.abs().max())
        check(worst <= TOLERANCE, f"{label}: logits differ by {worst:.2e}")
    del model
    gc.collect()


def configuration(seed, family, dtype, ways):
    spec = tiny.draw(seed, family)
    spec["dtype"] = dtype
    print(f"# {family} {seed} {dtype}: {tiny.describe(spec)}", flush=True)
    with tempfile.TemporaryDirectory(prefix="carat-hf-") as work:
        src = os.path.join(work, "src")
        tiny.build(spec, src)
        for i, way in enumerate(ways):
            if family == "31b" and ("--ple" in way or any("per_layer" in w for w in way)):
                continue
            out = os.path.join(work, f"out{i}")
            label = f"{family} {seed} {dtype} {' '.join(way)}"
            try:
                report = json.loads(carat("quantize", src, out, "--json", *way))
                try_way(spec, src, out, report, label, way)
            except Exception as e:
                check(False, f"{label}: {type(e).__name__}: {str(e)[:400]}")


def all_ways():
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    for seed in range(n):
        for family in ("e2b", "e4b", "31b"):
            configuration(100 + seed, family, "bfloat16", WAYS)
    configuration(200, "e2b", "float16", WAYS[:4])
    configuration(201, "31b", "float32", WAYS[1:4])


if __name__ == "__main__":
    sys.exit(tally.main(all_ways))
