# Tiny random Gemma 4 checkpoints, saved by the real transformers classes.           SPDX-License-Identifier: Apache-2.0
"""
draw(seed, family) picks a shape, build(spec, path) makes the model and saves it. Nothing is left at its default: every norm,
scalar and table is random; sliding windows are a few tokens wide, so that prompts cross them many times; sizes are not all
multiples of a vector register.
"""
import json
import os
import random
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader

import torch
import transformers
from safetensors.torch import load_file, save_file
from transformers import (Gemma4Config, Gemma4ForCausalLM, Gemma4ForConditionalGeneration, Gemma4TextConfig, Gemma4UnifiedConfig,
                          Gemma4UnifiedForConditionalGeneration, Gemma4UnifiedTextConfig)
from transformers.models.gemma4_unified.modeling_gemma4_unified import Gemma4UnifiedForCausalLM

transformers.utils.logging.disable_progress_bar()
transformers.utils.logging.set_verbosity_error()

SLIDING, FULL = "sliding_attention", "full_attention"


def script(name):
    """The functions of scripts/NAME (which has no .py) as a module."""
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "scripts", name)
    loader = SourceFileLoader(name.replace("-", "_"), path)
    module = module_from_spec(spec_from_loader(loader.name, loader))
    loader.exec_module(module)
    return module


# ---- shapes ----------------------------------------------------------------------------------------------------------
def kinds(r, layers, shared):
    """A pattern of layer kinds; both occur before the first shared layer, and the last is always full."""
    while True:
        period = r.choice([2, 3, 4, 5, 6])
        k = [FULL if i % period == period - 1 else SLIDING for i in range(layers)]
        if r.random() < 0.3:
            k = [r.choice([FULL, SLIDING, SLIDING]) for _ in range(layers)]
        k[-1] = FULL
        if set(k[:layers - shared] if shared else k) == {FULL, SLIDING}:
            return k


def draw(seed, family):
    """family: "e2b" (PLE, shared K/V, double-wide MLP), "e4b" (PLE, shared K/V), "31b" (K=V, fewer global heads)."""
    r = random.Random(f"{family}{seed}")
    dense = family == "31b"
    layers = r.randint(4, 12)
    shared = 0 if dense else r.randint(1, max(1, layers - 3))
    layers = max(layers, shared + 2)
    heads = r.choice([2, 4, 4, 8])
    kv = r.choice([k for k in ((2, 4) if dense else (1,) if family == "e2b" else (1, 2)) if heads % k == 0])
    text = dict(
        vocab_size=r.choice([128, 300, 512, 1000]), hidden_size=r.choice([48, 64, 72, 96, 128]),
        intermediate_size=r.choice([36, 64, 96, 160]), num_hidden_layers=layers, num_attention_heads=heads,
        num_key_value_heads=kv, head_dim=r.choice([8, 16, 32]), global_head_dim=r.choice([16, 32, 64]),
        layer_types=kinds(r, layers, shared), sliding_window=r.choice([3, 5, 8, 16]), num_kv_shared_layers=shared,
        hidden_size_per_layer_input=0 if dense else r.choice([8, 16, 20]), use_double_wide_mlp=family == "e2b",
        attention_k_eq_v=dense, num_global_key_value_heads=r.choice([1, None]) if dense else None,
        use_bidirectional_attention="vision" if dense else None, final_logit_softcapping=r.choice([30.0, 30.0, 12.0, None]),
        rms_norm_eps=r.choice([1e-6, 1e-6, 1e-5]), max_position_embeddings=r.choice([512, 4096]),
        pad_token_id=0, bos_token_id=2, eos_token_id=1)
    text["vocab_size_per_layer_input"] = text["vocab_size"]
    if r.random() < 0.3:
        text["rope_parameters"] = {
            SLIDING: {"rope_type": "default", "rope_theta": r.choice([5e3, 1e4])},
            FULL: {"rope_type": "proportional", "partial_rotary_factor": r.choice([0.25, 0.5]), "rope_theta": r.choice([1e5, 1e6])}}
    form = r.choice(["released", "released", "per_layer"])
    return dict(family=family, seed=seed, text=text, text_only=r.random() < 0.3, form=form,
                shards=r.choice([0, 0, 2]), unused_kv=not dense and r.random() < 0.5, dtype="bfloat16",
                tied=r.random() < 0.9)


def draw_moe(seed, special=""):
    """A mixture of experts; every fourth one in a body like E2B's (per-layer inputs, shared K/V), which no release has.
    special: "ties" (experts in pairs that are the same), "one" (all tokens choose one expert), "all" (every expert is chosen),
    "single" (there is one expert)."""
    body = "e2b" if seed % 4 == 3 else "31b"
    spec, r = draw(seed, body), random.Random(f"moe{seed}")
    experts = {"single": 1, "ties": r.choice([4, 6, 12])}.get(special) or r.choice([2, 3, 4, 5, 8, 8, 16, 33])
    top = {"one": 1, "all": experts, "single": 1, "ties": r.choice([1, 3])}.get(special) or r.randint(1, min(8, experts))
    spec["text"].update(enable_moe_block=True, num_experts=experts, top_k_experts=top, moe_intermediate_size=r.choice([8, 20, 24, 32, 40, 72]))
    spec.update(family="moe", special=special)
    return spec


def draw_unified(seed):
    """The 12B: K = V, another class."""
    spec = draw(seed, "31b")
    for key in ("hidden_size_per_layer_input", "vocab_size_per_layer_input"):
        del spec["text"][key]
    spec["family"] = "12b"
    return spec


def describe(spec):
    t = spec["text"]
    pattern = "".join("F" if k == FULL else "s" for k in t["layer_types"])
    if t["num_kv_shared_layers"]:
        pattern = pattern[:-t["num_kv_shared_layers"]] + "|" + pattern[-t["num_kv_shared_layers"]:]
    moe = f"{t['top_k_experts']} of {t['num_experts']} experts, {t['moe_intermediate_size']} wide" if t.get("enable_moe_block") else ""
    marks = [moe, spec.get("special"), spec["form"], "text-only" if spec["text_only"] else "", "shards" if spec["shards"] else "",
             "unused-kv" if spec["unused_kv"] else "", "" if spec["tied"] else "untied",
             "" if spec["dtype"] == "bfloat16" else spec["dtype"]]
    return (f"H{t['hidden_size']} {pattern} {t['num_attention_heads']}/{t['num_key_value_heads']}"
            f"{'/' + str(t.get('num_global_key_value_heads')) if t.get('num_global_key_value_heads') else ''} "
            f"d{t['head_dim']}/{t['global_head_dim']} w{t['sliding_window']} V{t['vocab_size']} " + " ".join(filter(None, marks)))


# ---- weights ---------------------------------------------------------------------------------------------------------
def fill(name, t, spec, g):
    def normal(std):
        return torch.randn(t.shape, generator=g) * std

    if name.endswith("layer_scalar"):
        return 0.6 + 0.5 * torch.rand(t.shape, generator=g)
    if name.endswith("per_expert_scale"):
        return 0.5 + torch.rand(t.shape, generator=g)
    if name.endswith("router.proj.weight"):
        return normal(1.5)  # its input has length 1: logits spread over a few units
    if t.ndim == 1:
        if name.endswith(("model.norm.weight", "language_model.norm.weight")):
            # random signs: otherwise the tied head makes each token predict itself
            signs = 2.0 * torch.randint(0, 2, t.shape, generator=g) - 1
            return 2.5 * signs * (1 + normal(0.15))
        # small branches keep the random network well conditioned: its bf16 run stays near its f32 run
        mean = 0.35 if ".post_" in name or "k_norm" in name else 1.0
        return mean * (1 + normal(0.15))
    width = t.shape[-1]
    if "embed_tokens_per_layer" in name:
        width = spec["text"]["hidden_size_per_layer_input"]
    w = normal(width ** -0.5)
    if t.ndim == 3:  # fused experts
        return w
    w[:, torch.randint(0, t.shape[1], (1,), generator=g)] *= 3  # an outlier column
    return w


def randomize(model, spec):
    g = torch.Generator().manual_seed(spec["seed"] + 1000)
    state = model.state_dict()
    with torch.no_grad():
        for name in sorted(state):
            if name == "lm_head.weight" and spec["tied"]:
                continue
            state[name].copy_(fill(name, state[name], spec, g))
        if spec.get("special") == "ties":
            pair_experts(state)
        if spec.get("special") == "one":
            choose_one(state)
    model.tie_weights()


def pair_experts(state):
    """Experts 2i and 2i + 1 become the same: their probabilities tie, and whichever is taken, the result is one."""
    for name, t in state.items():
        if ".router.proj." in name or ".per_expert_scale" in name or ".experts." in name:
            t[1::2] = t[0::2]


def choose_one(state):
    """The last expert wins everywhere: channel 0 of the stream is positive, nothing but layer_scalar changes it, the routers look at it."""
    for name, t in state.items():
        if name.endswith("embed_tokens.weight"):
            t[:, 0] = 2
        elif ".post_" in name:
            t[0] = 0
        elif name.endswith("router.scale"):
            t[0] = 1
        elif name.endswith("router.proj.weight"):
            t[:, 0], t[-1, 0] = -400, 400


def released_keys(config, spec):
    """per_layer_config -> the keys of the released files."""
    text = config.get("text_config", config)
    del text["per_layer_config"]
    for key in ("global_head_dim", "num_global_key_value_heads"):
        text[key] = spec["text"].get(key)


def add_unused_kv(path, spec):
    """k/v of the KV-shared layers, which the released files carry and nobody reads."""
    t, g = spec["text"], torch.Generator().manual_seed(spec["seed"] + 2000)
    file = os.path.join(path, "model.safetensors")
    state = load_file(file)
    prefix = "model." if spec["text_only"] else "model.language_model."
    for i in range(t["num_hidden_layers"] - t["num_kv_shared_layers"], t["num_hidden_layers"]):
        d = t["global_head_dim"] if t["layer_types"][i] == FULL else t["head_dim"]
        rows = t["num_key_value_heads"] * d
        for name, shape in (("k_proj", (rows, t["hidden_size"])), ("v_proj", (rows, t["hidden_size"])), ("k_norm", (d,))):
            state[f"{prefix}layers.{i}.self_attn.{name}.weight"] = torch.randn(shape, generator=g).to(getattr(torch, spec["dtype"]))
    save_file(state, file, metadata={"format": "pt"})


def build(spec, path):
    """Makes and saves the checkpoint of `spec` in the directory `path`."""
    unified = spec["family"] == "12b"
    if spec["text_only"]:
        cls, text = (Gemma4UnifiedForCausalLM, Gemma4UnifiedTextConfig) if unified else (Gemma4ForCausalLM, Gemma4TextConfig)
        model = cls(text(**spec["text"], tie_word_embeddings=spec["tied"]))
    else:
        cls, whole = (Gemma4UnifiedForConditionalGeneration, Gemma4UnifiedConfig) if unified else (Gemma4ForConditionalGeneration, Gemma4Config)
        model = cls(whole(text_config={**spec["text"], "tie_word_embeddings": spec["tied"]}, vision_config=None, audio_config=None,
                          tie_word_embeddings=spec["tied"]))
    randomize(model, spec)
    limit = "50GB"
    model.to(getattr(torch, spec["dtype"]))
    if spec["shards"]:
        limit = max(sum(p.numel() * p.element_size() for p in model.parameters()) // spec["shards"], 1)
    model.save_pretrained(path, max_shard_size=limit)
    file = os.path.join(path, "config.json")
    config = json.load(open(file))
    if spec["form"] == "released":
        released_keys(config, spec)
        json.dump(config, open(file, "w"), indent=2)
    if spec["unused_kv"] and not spec["shards"]:
        add_unused_kv(path, spec)


# ---- drafters --------------------------------------------------------------------------------------------------------
def draw_drafter(spec, seed, centroid=None):
    """A random assistant for the model of `spec`: its K/V sizes, and everything else its own."""
    r = random.Random(f"drafter{spec['family']}{spec['seed']}{seed}")
    t, layers = spec["text"], r.choice([4, 4, 2, 1])
    own = t["layer_types"][:t["num_hidden_layers"] - t["num_kv_shared_layers"]]
    full_kv = t.get("num_global_key_value_heads") if t.get("attention_k_eq_v") else None
    kv = [t["num_key_value_heads"], full_kv or t["num_key_value_heads"]]
    kinds_ = [r.choice([SLIDING, SLIDING, FULL]) if SLIDING in own else FULL for _ in range(layers - 1)] + [FULL]
    vocab, clusters = t["vocab_size"], 0
    if r.random() < 0.5 if centroid is None else centroid:
        clusters = r.choice([n for n in range(2, vocab // 2) if vocab % n == 0])
    text = dict(
        vocab_size=vocab, hidden_size=r.choice([20, 24, 32, 48]), intermediate_size=r.choice([28, 40, 64]), num_hidden_layers=layers,
        num_attention_heads=r.choice([h for h in (1, 2, 4, 8) if all(h % k == 0 for k in kv)]), num_key_value_heads=kv[0],
        num_global_key_value_heads=full_kv, head_dim=t["head_dim"], global_head_dim=t["global_head_dim"], layer_types=kinds_,
        sliding_window=t["sliding_window"], num_kv_shared_layers=layers, attention_k_eq_v=t.get("attention_k_eq_v", False),
        final_logit_softcapping=r.choice([None, 12.0]),  # nobody applies it
        rms_norm_eps=r.choice([1e-6, 1e-5]), max_position_embeddings=t["max_position_embeddings"], pad_token_id=0, bos_token_id=2,
        eos_token_id=1, hidden_size_per_layer_input=0)
    if "rope_parameters" in t:
        text["rope_parameters"] = t["rope_parameters"]
    if t.get("use_bidirectional_attention"):
        text["use_bidirectional_attention"] = t["use_bidirectional_attention"]
    more = dict(use_ordered_embeddings=bool(clusters))
    if clusters:
        more.update(num_centroids=clusters, centroid_intermediate_top_k=r.randint(1, max(1, clusters // 2)))
    return dict(family="drafter", seed=seed, text=text, more=more, backbone=t["hidden_size"], unified=spec["family"] == "12b",
                dtype="bfloat16", tied=True)


def build_drafter(spec, path):
    """Makes and saves the assistant of `spec`; needs hf-reference's repair of kv_sharing_modes."""
    kind = "Gemma4Unified" if spec["unified"] else "Gemma4"
    text = dict(spec["text"], **({} if spec["unified"] else {"vocab_size_per_layer_input": 0}))
    if spec["unified"]:
        del text["hidden_size_per_layer_input"]
    config = getattr(transformers, kind + "AssistantConfig")(
        text_config=getattr(transformers, kind + "TextConfig")(**text), backbone_hidden_size=spec["backbone"], **spec["more"])
    model = getattr(transformers, kind + "AssistantForCausalLM")(config)
    g = torch.Generator().manual_seed(spec["seed"] + 3000)
    state = model.state_dict()
    with torch.no_grad():
        for name in sorted(state):
            if name.endswith("token_ordering"):
                state[name].copy_(torch.randperm(spec["text"]["vocab_size"], generator=g))
            elif name != "lm_head.weight":
                state[name].copy_(fill(name, state[name], spec, g))
    model.tie_weights()
    model.to(torch.bfloat16)
    model.save_pretrained(path)


def describe_drafter(spec):
    t, m = spec["text"], spec["more"]
    head = f"centroids {m['num_centroids']} top {m['centroid_intermediate_top_k']}" if m["use_ordered_embeddings"] else "dense head"
    return (f"drafter H{t['hidden_size']} {''.join('F' if k == FULL else 's' for k in t['layer_types'])} {t['num_attention_heads']} heads, {head}"
            + " unified" * spec["unified"])


def ids(spec, n, salt=0):
    """A prompt of n ids: BOS, then ordinary tokens."""
    r = random.Random(f"{spec['family']}{spec['seed']}ids{salt}")
    special = {0, 1, 2}
    vocab = [i for i in range(spec["text"]["vocab_size"]) if i not in special]
    return [2] + [r.choice(vocab) for _ in range(n - 1)]
