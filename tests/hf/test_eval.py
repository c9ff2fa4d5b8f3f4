#!/usr/bin/env python3
"""Perplexity and KLD against numbers computed with transformers and torch.          SPDX-License-Identifier: Apache-2.0

usage: tests/hf/test_eval.py       ($CARAT and $ROOT as tests/run sets them)

The demo model and its int4 version are evaluated by carat; the same windows are scored by transformers (f32, eager; packed
weights decoded by `carat convert`), the statistics by numpy.
"""
import json
import os
import subprocess
import tempfile

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
import numpy as np
import torch
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM

ROOT = os.environ.get("ROOT") or os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CARAT = os.environ.get("CARAT") or os.path.join(ROOT, "build", "carat")
DEMO = os.path.join(ROOT, "datasets", "demo")
MODEL = os.path.join(DEMO, "model")
BOS, CONTEXT, STRIDE, LIMIT = 2, 128, 97, 6
results = [0, 0]


def check(name, ok, detail=""):
    results[not ok] += 1
    print(f"{'ok' if ok else 'not ok'} {name} {detail}", flush=True)


def near(name, got, want, tolerance):
    check(name, abs(got - want) <= tolerance * max(1, abs(want)), f"{got:.9g} {want:.9g}")


def carat(*args):
    return subprocess.run([CARAT, *args], check=True, capture_output=True, text=True).stdout


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
    check("scored once each", r["perplexity"]["n"] == len(x) == len(set(range(len(x)))), str(len(x)))
    width = 1.96 * r["nll_per_token"]["stderr"]
    check("the bootstrap interval is about the normal one",
          0.5 < (r["nll_per_token"]["high"] - r["nll_per_token"]["low"]) / (2 * width) < 1.5)
    scored = tokenizer.decode([i for ids, f in wins for i in ids[f:]], skip_special_tokens=False).encode()
    near("bits_per_byte", r["bits_per_byte"]["value"], x.sum() / np.log(2) / len(scored), 1e-5)
    whole = evaluate(MODEL, "--suite", "perplexity", "--data", f"perplexity={DEMO}/heldout.txt", "-c", "512", "--numerics", "int8")
    check("every token of the text is scored", whole["perplexity"]["perplexity"]["n"] == len(ids))
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
    check("kld_mean, relative", abs(r["kld_mean"]["value"] / kld.mean() - 1) < 1e-3)
    for name, q in (("kld_median", 0.5), ("kld_p99", 0.99), ("kld_p999", 0.999), ("kld_max", 1)):
        check(name, abs(r[name]["value"] / quantile(kld, q) - 1) < 1e-2, f"{r[name]['value']:.6g} {quantile(kld, q):.6g}")
    near("top1_agreement", r["top1_agreement"]["value"], same.mean(), 2 / len(same))
    ratio = np.exp((nlls(other, wins) - nlls(hf, wins)).mean())
    near("perplexity_ratio", r["perplexity_ratio"]["value"], ratio, 1e-5)
    compact = os.path.join(tmp, "demo.kld")
    floor = evaluate(MODEL, "--suite", "kld", "--write-reference", compact, *common)["kld"]["coding_kld"]["value"]
    again = evaluate(packed, "--suite", "kld", "--reference", compact, *common)["kld"]["kld_mean"]["value"]
    check("a compact reference gives the same mean", abs(again / kld.mean() - 1) < 0.01 and floor < 1e-5, f"{again:.6g} {floor:.3g}")
    none = evaluate(MODEL, "--suite", "kld", "--reference", MODEL, *common)["kld"]["kld_max"]["value"]
    check("nothing diverges from itself", none < 1e-12, str(none))


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
    check("and their closing token", r["nll_per_token"]["n"] == len(x), str(len(x)))


def main():
    tokenizer, hf = Tokenizer.from_file(os.path.join(MODEL, "tokenizer.json")), load(MODEL)
    with tempfile.TemporaryDirectory() as tmp:
        wins, common = plain_text(tokenizer, hf, tmp)
        divergence(hf, wins, common, tmp)
        chat(tokenizer, hf, tmp)
    print(f"{results[0]} passed, {results[1]} failed")
    return 1 if results[1] else 0


raise SystemExit(main())
