#!/usr/bin/env python3
"""Perplexity and KLD against numbers computed with transformers and torch.          SPDX-License-Identifier: Apache-2.0

usage: tests/hf/test_eval.py       ($CARAT and $ROOT as tests/run sets them)

The demo model and its int4 version are evaluated by carat; the same windows are scored by transformers (f32, eager; packed
weights decoded by `carat convert`), the statistics by numpy.
"""
import json
import os
import tempfile

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
import numpy as np
import torch
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM

import tally
from tally import ROOT, carat, check

DEMO = os.path.join(ROOT, "datasets", "demo")
MODEL = os.path.join(DEMO, "model")
BOS, CONTEXT, STRIDE, LIMIT = 2, 128, 97, 6


def near(name, got, want, tolerance):
    check(abs(got - want) <= tolerance * max(1, abs(want)), f"{name}: {got:.9g}, should be {want:.9g}")


def evaluate(*args):
    return json.loads(carat("eval", "--json", "-q", *args))["results"]


def load(path):
    return AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32, attn_implementation="eager").eval()


def windows(ids):
    """(ids, first scored index): window k is BOS + tokens [k * stride, k * stride + context - 1)."""
    out, at, scored = [], 0, 0
    while scored < len(ids) and len(out) < LIMIT:
        end = min(at + CONTEXT - 1, len(ids))
        out.append(([BOS] + ids[at:end], scored - at + 1))
        scored, at = end, at + STRIDE
    return out


@torch.no_grad()
def log_probs(model, ids, first):
    """f64 log-probabilities that predict ids[first:]."""
    logits = model(torch.tensor([ids])).logits[0, first - 1:-1].double()
    return torch.log_softmax(logits, -1)


def nlls(model, wins):
    return np.concatenate([-log_probs(model, i, f)[torch.arange(len(i) - f), torch.tensor(i[f:])].numpy() for i, f in wins])


def clusters(wins):
    out, c = [], 0
    for ids, first in wins:
        n = len(ids) - first
        out += [c + k // 64 for k in range(n)]
        c = out[-1] + 1
    return np.array(out)


def cluster_error(x, c):
    d = np.array([(x[c == k] - x.mean()).sum() for k in np.unique(c)])
    return np.sqrt((d ** 2).sum() * len(d) / (len(d) - 1)) / len(x)


def quantile(x, q):
    return np.quantile(x, q, method="inverted_cdf")


def plain_text(tokenizer, hf, tmp):
    text = open(os.path.join(DEMO, "heldout.txt"), encoding="utf-8").read()
    ids = tokenizer.encode(text, add_special_tokens=False).ids
    wins = windows(ids)
    common = ["--data", f"perplexity={DEMO}/heldout.txt", "-c", str(CONTEXT), "--stride", str(STRIDE), "--limit", str(LIMIT)]
    r = evaluate(MODEL, "--suite", "perplexity", *common)["perplexity"]
    x, c = nlls(hf, wins), clusters(wins)
    near("nll_per_token", r["nll_per_token"]["value"], x.mean(), 1e-5)
    near("perplexity", r["perplexity"]["value"], np.exp(x.mean()), 1e-5)
    near("cluster-robust error", r["nll_per_token"]["stderr"], cluster_error(x, c), 1e-6)
    check(r["perplexity"]["n"] == len(x), f"scored once each: {len(x)}")
    width = 1.96 * r["nll_per_token"]["stderr"]
    check(0.5 < (r["nll_per_token"]["high"] - r["nll_per_token"]["low"]) / (2 * width) < 1.5, "the bootstrap interval is about the normal one")
    scored = tokenizer.decode([i for ids, f in wins for i in ids[f:]], skip_special_tokens=False).encode()
    near("bits_per_byte", r["bits_per_byte"]["value"], x.sum() / np.log(2) / len(scored), 1e-5)
    whole = evaluate(MODEL, "--suite", "perplexity", "--data", f"perplexity={DEMO}/heldout.txt", "-c", "512", "--numerics", "int8")
    check(whole["perplexity"]["perplexity"]["n"] == len(ids), "every token of the text is scored")
    return wins, common


def divergence(hf, wins, common, tmp):
    packed, floats = os.path.join(tmp, "int4"), os.path.join(tmp, "float")
    carat("quantize", MODEL, packed, "--scheme", "int4-g32", "-q")
    carat("convert", packed, floats, "--dtype", "f32", "-q")
    r = evaluate(packed, "--suite", "kld", "--reference", MODEL, *common)["kld"]
    other, kld, same = load(floats), [], []
    for ids, first in wins:
        p, q = log_probs(hf, ids, first), log_probs(other, ids, first)
        kld.append((p.exp() * (p - q)).sum(-1).numpy())
        same.append((p.argmax(-1) == q.argmax(-1)).numpy())
    kld, same = np.concatenate(kld), np.concatenate(same)
    near("kld_mean", r["kld_mean"]["value"], kld.mean(), 1e-6)
    check(abs(r["kld_mean"]["value"] / kld.mean() - 1) < 1e-3, "kld_mean, relative")
    for name, q in (("kld_median", 0.5), ("kld_p99", 0.99), ("kld_p999", 0.999), ("kld_max", 1)):
        check(abs(r[name]["value"] / quantile(kld, q) - 1) < 1e-2, f"{name}: {r[name]['value']:.6g} {quantile(kld, q):.6g}")
    near("top1_agreement", r["top1_agreement"]["value"], same.mean(), 2 / len(same))
    ratio = np.exp((nlls(other, wins) - nlls(hf, wins)).mean())
    near("perplexity_ratio", r["perplexity_ratio"]["value"], ratio, 1e-5)
    compact = os.path.join(tmp, "demo.kld")
    floor = evaluate(MODEL, "--suite", "kld", "--write-reference", compact, *common)["kld"]["coding_kld"]["value"]
    again = evaluate(packed, "--suite", "kld", "--reference", compact, *common)["kld"]["kld_mean"]["value"]
    check(abs(again / kld.mean() - 1) < 0.01 and floor < 1e-5, f"a compact reference gives the same mean: {again:.6g} {floor:.3g}")
    none = evaluate(MODEL, "--suite", "kld", "--reference", MODEL, *common)["kld"]["kld_max"]["value"]
    check(none < 1e-12, f"nothing diverges from itself: {none}")


def chat(tokenizer, hf, tmp):
    path = os.path.join(tmp, "chat.jsonl")
    talk = [{"role": "user", "content": " Hi "}, {"role": "assistant", "content": "Hello."}, {"role": "user", "content": "2 + 2?"},
            {"role": "assistant", "content": "4"}]
    lines = [json.loads(line)["messages"] for line in list(open(os.path.join(DEMO, "heldout_chat.jsonl")))[:5]] + [talk]
    with open(path, "w") as f:
        f.writelines(json.dumps({"messages": m}) + "\n" for m in lines)
    wins = []
    for messages in lines:
        text = "<bos>"
        for m in messages[:-1]:
            text += f"<|turn>{'model' if m['role'] == 'assistant' else m['role']}\n{m['content'].strip()}<turn|>\n"
        a = tokenizer.encode(text + "<|turn>model\n", add_special_tokens=False).ids
        b = tokenizer.encode(messages[-1]["content"].strip() + "<turn|>", add_special_tokens=False).ids
        wins.append((a + b, len(a)))
    r = evaluate(MODEL, "--suite", "perplexity", "--data", f"perplexity={path}", "-c", "1024")["perplexity"]
    x = nlls(hf, wins)
    near("replies alone are scored", r["nll_per_token"]["value"], x.mean(), 1e-5)
    check(r["nll_per_token"]["n"] == len(x), f"and their closing token: {len(x)}")


def all_numbers():
    tokenizer, hf = Tokenizer.from_file(os.path.join(MODEL, "tokenizer.json")), load(MODEL)
    with tempfile.TemporaryDirectory() as tmp:
        wins, common = plain_text(tokenizer, hf, tmp)
        divergence(hf, wins, common, tmp)
        chat(tokenizer, hf, tmp)


if __name__ == "__main__":
    raise SystemExit(tally.main(all_numbers))
