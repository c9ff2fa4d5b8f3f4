#!/usr/bin/env python3
"""A tiny Gemma 4 checkpoint with random weights, by the standard library alone.     SPDX-License-Identifier: Apache-2.0

usage: tiny.py OUT [--like e2b|31b|moe] [--dtype BF16|F16|F32] [--hidden N] [--layers N] [--shards N] [--seed N]
               [--tower] [--untied] [--bad NAME=VALUE] [--zero NAME]

The same arguments give the same bytes. --bad puts a NaN or infinity in the middle of a tensor, --zero fills one with zeros.
"""
import argparse
import json
import os
import random
import struct

p = argparse.ArgumentParser()
p.add_argument("out")
p.add_argument("--like", default="e2b", choices=["e2b", "31b", "moe"])
p.add_argument("--dtype", default="BF16", choices=["BF16", "F16", "F32"])
p.add_argument("--hidden", type=int, default=64)
p.add_argument("--layers", type=int, default=4)
p.add_argument("--vocab", type=int, default=64)
p.add_argument("--shards", type=int, default=1)
p.add_argument("--seed", type=int, default=1)
p.add_argument("--tower", action="store_true")
p.add_argument("--untied", action="store_true")
p.add_argument("--bad", action="append", default=[])
p.add_argument("--zero", action="append", default=[])
a = p.parse_args()
ple, moe = a.like == "e2b", a.like == "moe"
H, L, V, heads, d, dg, I, P = a.hidden, a.layers, a.vocab, 2, 16, 32, 96, 16
shared = L // 2 if ple else 0
kinds = ["full_attention" if i % 2 else "sliding_attention" for i in range(L)]
text = dict(
    model_type="gemma4_text", vocab_size=V, vocab_size_per_layer_input=V, hidden_size=H, intermediate_size=I,
    num_hidden_layers=L, num_attention_heads=heads, num_key_value_heads=1, head_dim=d, global_head_dim=dg,
    num_global_key_value_heads=None if ple else 1, layer_types=kinds, sliding_window=8, num_kv_shared_layers=shared,
    hidden_size_per_layer_input=P if ple else 0, use_double_wide_mlp=ple, attention_k_eq_v=not ple, enable_moe_block=moe,
    num_experts=4 if moe else None, top_k_experts=2 if moe else None, moe_intermediate_size=32 if moe else None,
    final_logit_softcapping=30.0, rms_norm_eps=1e-6, max_position_embeddings=512, hidden_activation="gelu_pytorch_tanh",
    tie_word_embeddings=not a.untied, pad_token_id=0, bos_token_id=2, eos_token_id=1,
    rope_parameters={"sliding_attention": {"rope_type": "default", "rope_theta": 10000.0},
                     "full_attention": {"rope_type": "proportional", "partial_rotary_factor": 0.25, "rope_theta": 1000000.0}})
config = dict(architectures=["Gemma4ForConditionalGeneration"], model_type="gemma4", text_config=text,
              tie_word_embeddings=not a.untied, image_token_id=60, audio_token_id=61, video_token_id=62, vision_config=None,
              audio_config=None, dtype={"BF16": "bfloat16", "F16": "float16", "F32": "float32"}[a.dtype])
if a.tower:
    config["vision_config"] = dict(model_type="gemma4_vision", hidden_size=32, num_hidden_layers=1, num_attention_heads=2,
                                   num_key_value_heads=2, head_dim=16, intermediate_size=32, patch_size=2,
                                   position_embedding_size=8, use_clipped_linears=True, standardize=False)

shapes = {"embed_tokens.weight": [V, H], "norm.weight": [H]}
if ple:
    shapes.update({"embed_tokens_per_layer.weight": [V, L * P], "per_layer_model_projection.weight": [L * P, H],
                   "per_layer_projection_norm.weight": [P]})
for i, kind in enumerate(kinds):
    hd, wide = (dg if kind == "full_attention" else d), I * (2 if ple and i >= L - shared else 1)
    layer = {"self_attn.q_proj.weight": [heads * hd, H], "self_attn.k_proj.weight": [hd, H], "self_attn.v_proj.weight": [hd, H],
             "self_attn.o_proj.weight": [H, heads * hd], "self_attn.q_norm.weight": [hd], "self_attn.k_norm.weight": [hd],
             "mlp.gate_proj.weight": [wide, H], "mlp.up_proj.weight": [wide, H], "mlp.down_proj.weight": [H, wide],
             "layer_scalar": [1]}
    layer.update({f"{n}_layernorm.weight": [H] for n in ("input", "post_attention", "pre_feedforward", "post_feedforward")})
    if not ple and kind == "full_attention":
        del layer["self_attn.v_proj.weight"]
    if ple:
        layer.update({"per_layer_input_gate.weight": [P, H], "per_layer_projection.weight": [H, P],
                      "post_per_layer_input_norm.weight": [H]})
    if moe:
        layer.update({"router.proj.weight": [4, H], "router.scale": [H], "router.per_expert_scale": [4],
                      "experts.gate_up_proj": [4, 64, H], "experts.down_proj": [4, H, 32],
                      "post_feedforward_layernorm_1.weight": [H], "post_feedforward_layernorm_2.weight": [H],
                      "pre_feedforward_layernorm_2.weight": [H]})
    shapes.update({f"layers.{i}.{k}": v for k, v in layer.items()})
shapes = {"model.language_model." + k: v for k, v in shapes.items()}
if a.untied:
    shapes["lm_head.weight"] = [V, H]
if a.tower:
    tower = {"patch_embedder.input_proj.weight": [32, 12], "patch_embedder.position_embedding_table": [2, 8, 32]}
    tower.update({f"encoder.layers.0.{n}_layernorm.weight": [32]
                  for n in ("input", "post_attention", "pre_feedforward", "post_feedforward")})
    tower.update({f"encoder.layers.0.self_attn.{n}_norm.weight": [16] for n in "qk"})
    for n in [f"self_attn.{k}_proj" for k in "qkvo"] + [f"mlp.{k}_proj" for k in ("gate", "up", "down")]:
        tower[f"encoder.layers.0.{n}.linear.weight"] = [32, 32]
        tower.update({f"encoder.layers.0.{n}.{side}_{end}": [] for side in ("input", "output") for end in ("min", "max")})
    shapes.update({"model.vision_tower." + k: v for k, v in tower.items()})
    shapes["model.embed_vision.embedding_projection.weight"] = [H, 32]

r = random.Random(a.seed)
bad = dict(b.split("=") for b in a.bad)
size = {"BF16": 2, "F16": 2, "F32": 4}[a.dtype]


def encode(values):
    if a.dtype == "F16":
        return struct.pack(f"<{len(values)}e", *values)
    raw = struct.pack(f"<{len(values)}f", *values)
    return raw if a.dtype == "F32" else b"".join(raw[i + 2:i + 4] for i in range(0, len(raw), 4))  # cut off: as good as rounded


def tensor(name, shape):
    n = 1
    for x in shape:
        n *= x
    if name in a.zero:
        values = [0.0] * n
    elif not shape:  # a clip bound: open, as most are
        values = [float("-inf" if name.endswith("min") else "inf")]
    elif len(shape) == 1:
        values = [1 + r.gauss(0, 0.1) for _ in range(n)]
    else:
        values = [r.gauss(0, shape[-1] ** -0.5) * (4 if i % 37 == 0 else 1) for i in range(n)]
    if name in bad:
        values[n // 2] = float(bad[name])
    return encode(values)


os.makedirs(a.out, exist_ok=True)
names, weight_map = list(shapes), {}
for s in range(a.shards):
    mine = names[len(names) * s // a.shards:len(names) * (s + 1) // a.shards]
    header, data = {"__metadata__": {"format": "pt"}}, b""
    for name in mine:
        t = tensor(name, shapes[name])
        header[name] = {"dtype": a.dtype, "shape": shapes[name], "data_offsets": [len(data), len(data) + len(t)]}
        data += t
    file = "model.safetensors" if a.shards == 1 else f"model-{s + 1:05d}-of-{a.shards:05d}.safetensors"
    weight_map.update({n: file for n in mine})
    h = json.dumps(header).encode()
    with open(os.path.join(a.out, file), "wb") as f:
        f.write(struct.pack("<Q", len(h)) + h + data)
if a.shards > 1:
    with open(os.path.join(a.out, "model.safetensors.index.json"), "w") as f:
        json.dump({"metadata": {"total_size": 0}, "weight_map": weight_map}, f)
for file, content in (("config.json", config), ("generation_config.json", {"bos_token_id": 2, "eos_token_id": [1]}),
                      ("tokenizer_config.json", {"carried": "over"})):
    with open(os.path.join(a.out, file), "w") as f:
        json.dump(content, f, indent=1)
