#!/usr/bin/env python3
# Artifacts of every member of the family, towers and all, in transformers and compressed-tensors.   SPDX-License-Identifier: Apache-2.0
"""
usage: test_quantize_family.py [MEMBER...]      run by `make check-hf`; needs $CARAT

The members as scripts/make-checkpoint writes them, scaled down, sharded; quantized. As in test_quantize.py: nothing missing, nothing
unexpected, weights bit for bit those of `carat convert`, logits as ours; drafters without logits. Towers are packed where --set names
them. The 26B's packed experts, which transformers 5.23 cannot read:
  names        those that vLLM's loader asks for, built here from the config alone; everything else as in the source
  groups       each module matches one config group or the ignore list, under the names of transformers and of vLLM
  decoded      by compressed-tensors' own decompressor, bit for bit what `carat convert --dtype bf16` puts into the stacks
and with --experts bf16 it is tested like the others.
"""
import json
import os
import re
import subprocess
import sys
import tempfile

import torch
from compressed_tensors.compressors import BaseCompressor
from compressed_tensors.quantization import QuantizationConfig
from compressed_tensors.utils.match import match_name

import test_quantize as t
import tiny

VOCAB = 1024
LAYERS = {"e2b": "8", "e4b": "7", "12b": "6", "31b": "6", "26b": "2"}  # the 26B: 768 expert matrices
EMBEDDED = ["--scheme", "int4-g32", "--embeddings", "int4-g32"]
WAYS = {
    "e2b": [["--scheme", "int4-g32"], [*EMBEDDED, "--ple", "int4-g32"],
            ["--scheme", "int8", "--set", "vision_tower.*(q|up)_proj=int8", "--set", "audio_tower.*ffw=int8"]],
    "e4b": [["--scheme", "int8"], ["--scheme", "int4-g16", "--set", "(vision|audio)_tower=int4-g16"]],
    "12b": [["--scheme", "int4-g32"], ["--scheme", "int8", "--set", "vision_embedder=int8", "--set", "embed_(vision|audio)=int8"]],
    "31b": [["--scheme", "int4-g32"], ["--scheme", "int4-g128", "--set", "vision_tower.*=int8"]],
    "26b": [["--scheme", "int4-g32", "--experts", "bf16"], ["--scheme", "int8", "--experts", "keep"]],
}
ASSISTANT = [["--scheme", "int4-g32"], ["--scheme", "int8", "--set", "(pre|post)_projection=int8"]]


def make(member, path, *more):
    maker = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "scripts", "make-checkpoint")
    subprocess.run([sys.executable, maker, "--like", member, "--scale", "16", "--layers", LAYERS.get(member, "4"),
                    "--vocab", str(VOCAB), "--shard-size", "4M", *more, path], check=True, stdout=subprocess.DEVNULL)


def spec_of(member, text_only=False):
    return dict(family="assistant" if "assistant" in member else member, seed=0, dtype="bfloat16", text_only=text_only,
                text=dict(vocab_size=VOCAB))


def run_member(member, ways, work, *more):
    src, spec = os.path.join(work, "src"), spec_of(member, "--text-only" in more)
    make(member, src, *more)
    for i, way in enumerate(ways):
        out, label = os.path.join(work, f"out{i}"), " ".join([member, *more, *way])
        print(f"# {label}", flush=True)
        try:
            t.try_way(spec, src, out, json.loads(t.carat("quantize", src, out, "--json", *way)), label, way)
        except Exception as e:
            t.check(False, f"{label}: {type(e).__name__}: {str(e)[:400]}")


# ---- packed experts --------------------------------------------------------------------------------------------------
def wanted_names(source, text):
    """What vLLM's gemma4 loader asks for: the stacks under per-expert names, every packed matrix in three tensors."""
    names, parts = set(), ("weight_packed", "weight_scale", "weight_shape")
    for n in source:
        stack = re.fullmatch(r"(.*\.experts\.)(gate_up_proj|down_proj)", n)
        if stack:
            which = ("gate_proj", "up_proj") if stack[2] == "gate_up_proj" else ("down_proj",)
            names |= {f"{stack[1]}{e}.{w}.{p}" for e in range(text["num_experts"]) for w in which for p in parts}
        elif re.search(r"language_model\.layers\.\d+\.(self_attn|mlp)\..*_proj\.weight$", n):
            names |= {n[:-len("weight")] + p for p in parts}
        else:
            names.add(n)
    return names


def group_of(config, module):
    """The scheme of the one group that a module matches; None: ignored."""
    hits = [g for g in config.config_groups.values() if any(match_name(module, target) for target in g.targets)]
    ignored = any(match_name(module, target) for target in config.ignore)
    assert len(hits) + ignored == 1, f"{module}: {len(hits)} groups, ignored: {ignored}"
    return hits[0] if hits else None


def decode(config, made, module):
    scheme = group_of(config, module)
    compressor = BaseCompressor.get_value_from_registry(scheme.format)
    parts = {p: made[f"{module}.{p}"] for p in ("weight_packed", "weight_scale", "weight_shape", "weight") if f"{module}.{p}" in made}
    return compressor.decompress(parts, scheme)["weight"]


def in_vllm(module):
    return re.sub(r"\.experts\.(\d+)\.", r".moe.experts.\1.", module.replace("model.language_model.", "language_model.model."))


def packed_experts(way, work, i):
    src, out, plain = (os.path.join(work, n) for n in ("src", f"packed{i}", f"plain{i}"))
    label = "26b " + " ".join(way)
    print(f"# {label}", flush=True)
    report = json.loads(t.carat("quantize", src, out, "--json", *way))
    t.carat("convert", out, plain, "--dtype", "bf16")
    source, made, ours = t.tensors(src), t.tensors(out), t.tensors(plain)
    raw = json.load(open(os.path.join(out, "config.json")))
    config, text = QuantizationConfig.model_validate(raw["quantization_config"]), raw["text_config"]
    t.check(not any(p["loads"] for p in report["loads_in"] if p["program"].startswith("transformers")), f"{label}: loads_in")
    if "w8a8" not in way:
        want = wanted_names(source, text)
        t.check(set(made) == want, f"{label}: names {sorted(set(made) ^ want)[:3]}")
    t.check(set(ours) == set(source), f"{label}: names after convert {sorted(set(ours) ^ set(source))[:3]}")
    modules = sorted({n.rsplit(".weight_scale", 1)[0] for n in made if n.endswith(".weight_scale")})
    for m in modules:
        t.check(group_of(config, m) == group_of(config, in_vllm(m)), f"{label}: {m}: vLLM's name is in another group")
        got, expert = decode(config, made, m), re.fullmatch(r"(.*experts\.)(\d+)\.(gate|up|down)_proj", m)
        if expert:
            stack, inner = ours[expert[1] + ("down_proj" if expert[3] == "down" else "gate_up_proj")][int(expert[2])], text["moe_intermediate_size"]
            mine = {"down": stack, "gate": stack[:inner], "up": stack[inner:]}[expert[3]]
        else:
            mine = ours[m + ".weight"]
        if not (got.dtype == mine.dtype and torch.equal(got, mine)):
            t.check(False, f"{label}: {m}: decoded weights differ")
    t.check(sum(".experts." in m for m in modules) == 3 * text["num_experts"] * text["num_hidden_layers"], f"{label}: packed experts")
    for n in ("layers.0.router.proj", "layers.0.experts.0.gate_proj" if "keep" in way else "lm_head"):
        t.check(group_of(config, "language_model.model." + n) is None, f"{label}: {n} is not ignored")
    print(f"# {len(modules)} packed modules decoded", flush=True)


def all_members():
    members = sys.argv[1:] or ["e2b", "e4b", "12b", "31b", "26b"]
    tiny.script("hf-reference")  # repairs transformers' drafters
    for member in members:
        with tempfile.TemporaryDirectory(prefix="carat-hf-") as work:
            run_member(member, WAYS[member], work)
            for i, way in enumerate((["--scheme", "int4-g32"], ["--scheme", "int8"], ["--scheme", "int4-g128"], ["--scheme", "w8a8"])
                                    if member == "26b" else ()):
                try:
                    packed_experts(way, work, i)
                except Exception as e:
                    t.check(False, f"26b {way}: {type(e).__name__}: {str(e)[:400]}")
        with tempfile.TemporaryDirectory(prefix="carat-hf-") as work:
            run_member(member + "-assistant", ASSISTANT, work)
    for member in {"e2b", "31b", "12b"} & set(members):
        with tempfile.TemporaryDirectory(prefix="carat-hf-") as work:
            run_member(member, WAYS[member][:1], work, "--text-only")


if __name__ == "__main__":
    sys.exit(t.tally.main(all_members))
