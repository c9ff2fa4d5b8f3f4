#!/usr/bin/env python3
# carat's table of slots against the real classes at their real sizes.               SPDX-License-Identifier: Apache-2.0
"""
usage: test_slots.py       run by `make check-hf`; needs $CARAT

Builds each member of the family on torch's meta device (no memory), writes a sparse checkpoint with its names and shapes, and asks
`carat inspect`: it must know every tensor, miss none, and count as many parameters as torch. Then one tensor at a time is left out,
added or reshaped: inspect must refuse and name it.
"""
import json
import math
import os
import random
import struct
import subprocess
import sys
import tempfile

import torch
import transformers as hf

import tally
from tally import CARAT, check

S, F = "sliding_attention", "full_attention"


def text(hidden, layers, wide, heads, kv, **more):
    period = more.pop("period", 6)
    return dict(vocab_size=262144, vocab_size_per_layer_input=262144, hidden_size=hidden, num_hidden_layers=layers, intermediate_size=wide,
                num_attention_heads=heads, num_key_value_heads=kv, head_dim=256, global_head_dim=512, hidden_size_per_layer_input=0,
                layer_types=[F if i % period == period - 1 else S for i in range(layers)], final_logit_softcapping=30.0, **more)


K_EQ_V = dict(attention_k_eq_v=True, use_bidirectional_attention="vision", sliding_window=1024)
LARGE = dict(hidden_size=1152, intermediate_size=4304, num_hidden_layers=27, num_attention_heads=16, num_key_value_heads=16, head_dim=72,
             standardize=True)
SMALL = dict(use_clipped_linears=True)


def drafter(hidden, wide, heads, kv, backbone, **more):
    t = text(hidden, 4, wide, heads, kv, period=4, num_kv_shared_layers=4, **more)
    return dict(text_config=dict(t, vocab_size_per_layer_input=0, final_logit_softcapping=None), backbone_hidden_size=backbone)


# name -> configuration class, model class, arguments, tensors (None: not published)
MEMBERS = {
    "E2B": ("Gemma4Config", "Gemma4ForConditionalGeneration", dict(
        text_config=dict(text(1536, 35, 6144, 8, 1, period=5, num_kv_shared_layers=20, use_double_wide_mlp=True),
                         hidden_size_per_layer_input=256), vision_config=SMALL, audio_config={}), 1951),
    "E4B": ("Gemma4Config", "Gemma4ForConditionalGeneration", dict(
        text_config=dict(text(2560, 42, 10240, 8, 2, num_kv_shared_layers=18), hidden_size_per_layer_input=256),
        vision_config=SMALL, audio_config={}), 2076),
    "12B": ("Gemma4UnifiedConfig", "Gemma4UnifiedForConditionalGeneration", dict(
        text_config=text(3840, 48, 15360, 16, 8, num_global_key_value_heads=1, **K_EQ_V), vision_config={}, audio_config={}), 677),
    "26B-A4B": ("Gemma4Config", "Gemma4ForConditionalGeneration", dict(
        text_config=text(2816, 30, 2112, 16, 8, num_global_key_value_heads=2, enable_moe_block=True, num_experts=128, top_k_experts=8,
                         moe_intermediate_size=704, **K_EQ_V), vision_config=LARGE, audio_config=None), 1013),
    "31B": ("Gemma4Config", "Gemma4ForConditionalGeneration", dict(
        text_config=text(5376, 60, 21504, 32, 16, num_global_key_value_heads=4, **K_EQ_V), vision_config=LARGE, audio_config=None), 1188),
    "E2B drafter": ("Gemma4AssistantConfig", "Gemma4AssistantForCausalLM", dict(drafter(256, 2048, 4, 1, 1536), use_ordered_embeddings=True), 50),
    "31B drafter": ("Gemma4AssistantConfig", "Gemma4AssistantForCausalLM", drafter(1024, 8192, 32, 16, 5376, num_global_key_value_heads=4, **K_EQ_V), 48),
}


def let_all_layers_share():
    """transformers 5.23 refuses to build its own drafters: kv_sharing_modes wants a layer that owns K/V."""
    was = hf.Gemma4TextConfig.kv_sharing_modes.fget
    hf.Gemma4TextConfig.kv_sharing_modes = property(
        lambda self: ["reuse"] * self.num_hidden_layers if self.num_kv_shared_layers == self.num_hidden_layers else was(self))


def on_disk(name):
    """The 12B's names on disk differ from those in memory (save_pretrained renames them)."""
    head, _, rest = name.partition("model.embed_vision.")
    if head == "" and rest.startswith("multimodal_embedder."):
        return "model.embed_vision." + rest[len("multimodal_embedder."):]
    if head == "" and rest.startswith(("patch_", "pos_")):
        return "model.vision_embedder." + rest
    return name.replace("model.embed_audio.multimodal_embedder.", "model.embed_audio.")


def write(folder, config, tensors):
    header, at = {}, 0
    for name, (dtype, shape) in tensors.items():
        size = math.prod(shape) * {"BF16": 2, "I64": 8}[dtype]
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [at, at + size]}
        at += size
    raw = json.dumps(header).encode()
    with open(f"{folder}/model.safetensors", "wb") as f:
        f.write(struct.pack("<Q", len(raw)) + raw)
        f.truncate(8 + len(raw) + at)  # a hole: no blocks are used
        for name, (dtype, shape) in tensors.items():
            if dtype == "I64":  # the order of a drafter's tokens has to name each once
                f.seek(8 + len(raw) + header[name]["data_offsets"][0])
                f.write(struct.pack(f"<{math.prod(shape)}q", *range(math.prod(shape))))
    config.save_pretrained(folder)


def inspect(folder):
    p = subprocess.run([CARAT, "inspect", folder, "--json"], capture_output=True, text=True)
    return p.returncode, p.stdout, p.stderr.strip()


def spoil(folder, config, tensors, r):
    """One tensor of the text model left out, spelled wrong, or of another shape."""
    name = r.choice([n for n in tensors if "tower" not in n and "embed_vision" not in n and "embed_audio" not in n and "vision_embedder" not in n])
    dtype, shape = tensors[name]
    for what, change in (("missing", {}), ("misspelled", {name + "x": (dtype, shape)}), ("reshaped", {name: (dtype, [3, *shape])})):
        changed = {**{k: v for k, v in tensors.items() if k != name}, **change}
        write(folder, config, changed)
        code, _, err = inspect(folder)
        check(code == 3 and name.removesuffix(".weight") in err and err.count("\n") == 0, f"{what} {name}: exit {code}: {err}")


def run_one(member, folder):
    config_class, model_class, args, published = MEMBERS[member]
    config = getattr(hf, config_class)(**args)
    config.architectures = [model_class]
    with torch.device("meta"):
        model = getattr(hf, model_class)(config)
    state = {on_disk(k): v for k, v in model.state_dict().items() if k != "lm_head.weight"}
    tensors = {k: ("I64" if v.dtype == torch.int64 else "BF16", list(v.shape)) for k, v in state.items()}
    params = sum(v.numel() for v in state.values())
    check(published in (None, len(state)), f"{member}: {len(state)} tensors, {published} published")
    write(folder, config, tensors)
    code, out, err = inspect(folder)
    check(code == 0, f"{member}: exit {code}: {err}")
    if code == 0:
        got = json.loads(out)
        check(got["parameters"]["total"] == params, f"{member}: {got['parameters']['total']} parameters, torch has {params}")
        check(got["family"] == (member.replace("drafter", "assistant")), f"{member}: family {got['family']}")
        check(got["parameters"]["unused"] == 0, f"{member}: unused tensors")
        print(f"{member:12} {len(state):5} tensors {params:15,} parameters, {got['parameters']['active']:14,} active", flush=True)
    r = random.Random(member)
    for _ in range(4):
        spoil(folder, config, tensors, r)


def whole_family():
    let_all_layers_share()
    for member in MEMBERS:
        with tempfile.TemporaryDirectory() as folder:
            run_one(member, folder)


if __name__ == "__main__":
    sys.exit(tally.main(whole_family))
