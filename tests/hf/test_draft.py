#!/usr/bin/env python3
# Drafters against transformers, and drafting against decoding.                       SPDX-License-Identifier: Apache-2.0
"""
usage: test_draft.py [CONFIGURATIONS]      run by `make check-hf`; needs $CARAT

For each random model (tiny.py) one random assistant with a dense head, one with a centroid head.
  f32       logits and next hidden state of five steps within 1e-4 of the largest value, best kernels and reference kernels
  bf16      over all, the median of KLD(transformers' bf16 run || ours) is at most a tenth of the noise floor, which is
            KLD(transformers' bf16 run || its f32 run); single ones differ where bf16 makes two clusters tie, or the target's own run differs
  packed    the drafter in int8 and int4 says the same ids with and without, and is refused for a model that it does not fit
  ids       50 prompts in all on random models, 50 on the demo model, greedy: `carat run --draft` writes the ids that it writes without,
            drafts of fixed and of chosen length; drawn with a temperature, too
"""
import json
import os
import statistics
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import tiny
from live import CARAT, carat, check, hf, list_ids, main, parity
from safetensors.torch import save_file

ROOT = os.environ.get("ROOT", os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
DEMO = os.path.join(ROOT, "datasets", "demo")
PROMPTS = 50
shares = []
counted = {"random": 0, "demo": 0, "pairs": 0}


def written(path, ids, n, *more):
    return json.loads(carat("run", path, "--prompt-ids", list_ids(ids), "--ids", "--ignore-eos", "-n", n, "-t", 1, *more))["ids"]


def same_ids(what, path, drafter, ids, n=40):
    """Greedy and drawn, with drafts of chosen and of fixed length."""
    for how in (("--temperature", 0), ("--temperature", 1, "--top-k", 30, "--seed", len(ids))):
        want = written(path, ids, n, *how)
        for length in ((), ("--draft-length", 3)):
            got = written(path, ids, n, *how, "--draft", drafter, *length)
            check(got == want, f"{what}: {how} {length}: with a drafter {got[:8]}..., without {want[:8]}...")


def one(spec, seed, centroid, folder):
    model, drafter, file = (os.path.join(folder, n) for n in ("model", f"drafter{seed}", f"ref{seed}.safetensors"))
    draft = tiny.draw_drafter(spec, seed, centroid)
    tiny.build_drafter(draft, drafter)
    ids = tiny.ids(spec, 20 + 7 * seed)
    tensors, meta = hf.reference(model, ids, 0, taps=False)
    tensors.update(hf.draft_reference(model, drafter, ids))
    save_file(tensors, file, metadata=meta)
    name = f"{spec['family']}.{spec['seed']}.{seed}"
    worst = 0
    for kernels in ("auto", "ref"):
        r = parity(model, file, "--draft", drafter, "--kernels", kernels)
        check(r["passed"], f"{name} {kernels}: {r['first_divergence']}")
        worst = max(worst, max(t["relative"] for t in r["taps"] if t["tap"].startswith("draft")))
    r = parity(model, file, "--draft", drafter, "--numerics", "bf16")
    share = r["drafter"]["kld_mean"] / r["drafter"]["floor"]["kld_mean"]
    shares.append(share)
    print(f"{name:10} {worst:8.1e} {share:7.3f}  {tiny.describe_drafter(draft)}", flush=True)
    counted["pairs"] += 1
    return drafter


def random_models(count):
    families = [lambda seed, family=f: tiny.draw(seed, family) for f in ("e2b", "e4b", "31b")] + [tiny.draw_moe, tiny.draw_unified]
    for i in range(count):
        spec = families[i % len(families)](i // len(families))
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "model")
            tiny.build(spec, path)
            drafters = [one(spec, seed, bool(seed), folder) for seed in range(2)]
            for k in range(PROMPTS // count + 1):
                if counted["random"] < PROMPTS:
                    same_ids(f"{spec['family']}.{spec['seed']} prompt {k}", path, drafters[k % 2], tiny.ids(spec, 10 + 9 * k, k))
                    counted["random"] += 1


def packed(folder):
    """A drafter in 8 and in 4 bits drafts other ids, so the text must not change; one that does not fit is refused."""
    spec = tiny.draw(0, "e2b")
    model, drafter = os.path.join(folder, "model"), os.path.join(folder, "drafter")
    tiny.build(spec, model)
    draft = tiny.draw_drafter(spec, 5, True)
    draft["text"].update(hidden_size=64, intermediate_size=64)
    tiny.build_drafter(draft, drafter)
    for scheme in ("int8", "int4-g32"):
        out = os.path.join(folder, scheme)
        carat("quantize", drafter, out, "--scheme", scheme, "--embeddings", scheme)
        same_ids(f"drafter in {scheme}", model, out, tiny.ids(spec, 30))
    message = ""
    try:
        carat("run", DEMO + "/model", "--prompt-ids", "2,5", "--ids", "-n", 2, "--draft", drafter)
    except RuntimeError as e:
        message = str(e)
    check("exit 2" in message and "does not fit" in message, f"a drafter that does not fit: {message}")


def quantized_drafters():
    with tempfile.TemporaryDirectory() as folder:
        packed(folder)


def demo_model():
    questions = [json.loads(line) for line in open(os.path.join(DEMO, "questions.jsonl"))]
    right = drafted = 0
    for q in questions[:: len(questions) // PROMPTS][:PROMPTS]:
        args = [CARAT, "run", DEMO + "/model", "-p", q["messages"][-1]["content"], "--temperature", "0", "-n", "80", "-t", "1"]
        want = subprocess.run(args, capture_output=True, text=True)
        got = subprocess.run([*args, "--draft", DEMO + "/drafter"], capture_output=True, text=True)
        check(want.returncode == got.returncode == 0 and want.stdout == got.stdout, f"demo: {q['messages'][-1]['content'][:40]}: {got.stdout[:60]}")
        for line in got.stderr.splitlines():
            if "drafts:" in line:
                words = line.split("drafts: ")[1].split()
                right, drafted = right + int(words[0]), drafted + int(words[2])
        counted["demo"] += 1
    check(right > 0.4 * drafted > 0, f"demo: {right} of {drafted} drafts right")
    print(f"demo model: {right} of {drafted} drafts right in {counted['demo']} replies", flush=True)


def enough():
    check(statistics.median(shares) <= 0.1, f"bf16: median share {statistics.median(shares):.3f} of the noise floor")
    check(counted["random"] >= PROMPTS and counted["demo"] >= PROMPTS, f"{counted}")
    print(f"{counted['pairs']} assistants, {counted['random']} prompts on random models, {counted['demo']} on the demo model", flush=True)


def random_part():
    random_models(int(sys.argv[1]) if len(sys.argv) > 1 else 10)


if __name__ == "__main__":
    sys.exit(main(random_part, quantized_drafters, demo_model, enough))
