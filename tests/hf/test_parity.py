#!/usr/bin/env python3
# carat against transformers on random tiny checkpoints: logits, taps, greedy text, numerics.   SPDX-License-Identifier: Apache-2.0
"""
usage: test_parity.py [CONFIGURATIONS]      run by `make check-hf`; needs $CARAT

For each configuration (tiny.py) the reference is what transformers computes (scripts/hf-reference), and these must hold:
  f32      every tap and the logits within 1e-4 of the largest value, with the best kernels and with the reference kernels
  greedy   64 tokens of `carat run`, identical
  batch    one id per pass, five ids per pass and one pass for all give the same file, byte for byte
  threads  -t 1 and -t 2 give the same file, byte for byte, in f32 and in bf16
  bf16     over all configurations the median of KLD(transformers' bf16 run || ours) is at most half of the noise floor, which is
           KLD(transformers' bf16 run || its f32 run); over the models with per-layer embeddings a tenth
"""
import gc
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

import tiny

CARAT = os.environ.get("CARAT", "build/carat")
SHARED = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..", "shared")
TOLERANCE = 1e-4
LENGTHS = (17, 33, 48, 70)
hf = tiny.script("hf-reference")
counts = {"passed": 0, "failed": 0, "skipped": 0}


def check(ok, what):
    counts["passed" if ok else "failed"] += 1
    if not ok:
        print(f"FAIL {what}", flush=True)
    return ok


def skip(what):
    counts["skipped"] += 1
    print(f"SKIP {what}", flush=True)


def carat(*args, ok=(0,)):
    p = subprocess.run([CARAT, *map(str, args)], capture_output=True, text=True)
    if p.returncode not in ok:
        raise RuntimeError(f"carat {' '.join(map(str, args))[:200]}: exit {p.returncode}: {p.stderr.strip()[:300]}")
    return p.stdout


def parity(model, file, *more):
    return json.loads(carat("parity", model, "--reference", file, "--json", *more, ok=(0, 1)))


def list_ids(ids):
    return ",".join(map(str, ids))


# ---- one configuration -----------------------------------------------------------------------------------------------
def make_reference(path, spec, n, file):
    """A reference whose greedy continuation has no near-tie, which rounding could decide: other prompts until then."""
    for salt in range(8):
        ids = tiny.ids(spec, n, salt)
        out, meta = hf.reference(path, ids)
        if float(meta["greedy_margin"]) > 2 * TOLERANCE * float(out["logits"].abs().max()) or salt == 7:
            save_file(out, file, metadata=meta)
            return ids, out["greedy_ids"].tolist()


def same_bytes(path, ids, folder, name, variants):
    """Runs `carat logits` once for each variant of options; True if all files are equal."""
    files = []
    for i, options in enumerate(variants):
        files.append(os.path.join(folder, f"{name}{i}.safetensors"))
        carat("logits", path, "--ids", list_ids(ids), "-o", files[-1], "--taps", *options)
    first = open(files[0], "rb").read()
    return all(open(f, "rb").read() == first for f in files[1:])


def run_one(name, path, file, ids, greedy, folder):
    """All checks of one checkpoint -> its row of the table."""
    f32 = parity(path, file)
    check(f32["passed"], f"{name}: f32: {f32['first_divergence']}")
    ref = parity(path, file, "--kernels", "ref")
    check(ref["passed"], f"{name}: f32 with reference kernels: {ref['first_divergence']}")
    worst = max(t["relative"] for t in f32["taps"])
    made = json.loads(carat("run", path, "--prompt-ids", list_ids(ids), "--raw", "--ids", "--ignore-eos", "--temperature", 0,
                            "-n", len(greedy), "--numerics", "f32"))["ids"]
    same = next((i for i, (a, b) in enumerate(zip(made, greedy)) if a != b), min(len(made), len(greedy)))
    check(same == len(greedy) == len(made), f"{name}: greedy text differs at token {same} of {len(greedy)}")
    check(same_bytes(path, ids, folder, "batch", (["--batch", 1], ["--batch", 5], [])), f"{name}: the batch changes bits")
    check(same_bytes(path, ids, folder, "t", (["-t", 1], ["-t", 2])), f"{name}: the number of threads changes bits in f32")
    row = dict(name=name, worst=worst, greedy=same, kld=f32["kld_mean"])
    bf16 = parity(path, file, "--numerics", "bf16")
    check(same_bytes(path, ids, folder, "b", (["-t", 1, "--numerics", "bf16"], ["-t", 2, "--numerics", "bf16"])),
          f"{name}: the number of threads changes bits in bf16")
    row.update(bf16=bf16["kld_mean"], floor=bf16["floor"]["kld_mean"])
    return row


def print_row(row, text):
    ratio = row["bf16"] / row["floor"]
    print(f"{row['name']:8} {row['worst']:9.1e} {row['greedy']:4} {row['floor']:9.2e} {row['bf16']:9.2e} {ratio:7.3f}  {text}",
          flush=True)


def configurations(count):
    families = ("e2b", "e4b", "31b")
    return [tiny.draw(i // 3, families[i % 3]) for i in range(count)]


def random_checkpoints(count):
    rows = []
    print(f"{'config':8} {'f32 worst':>9} {'same':>4} {'floor':>9} {'bf16':>9} {'share':>7}  shape", flush=True)
    for i, spec in enumerate(configurations(count)):
        name = f"{spec['family']}.{spec['seed']}"
        with tempfile.TemporaryDirectory() as folder:
            path, file = os.path.join(folder, "model"), os.path.join(folder, "ref.safetensors")
            tiny.build(spec, path)
            ids, greedy = make_reference(path, spec, LENGTHS[i % len(LENGTHS)], file)
            try:
                row = run_one(name, path, file, ids, greedy, folder)
            except (RuntimeError, ValueError) as e:
                check(False, f"{name}: {tiny.describe(spec)}: {e}")
                continue
        row["family"] = spec["family"]
        print_row(row, tiny.describe(spec))
        rows.append(row)
    return rows


def medians(rows):
    for families, limit in ((("e2b", "e4b", "31b"), 0.5), (("e2b", "e4b"), 0.1)):
        shares = [r["bf16"] / r["floor"] for r in rows if r["family"] in families]
        if not shares:
            continue
        median = statistics.median(shares)
        print(f"bf16: median share of the noise floor over {len(shares)} of {'/'.join(families)}: {median:.3f}, at most {limit}")
        check(median <= limit, f"bf16: median share {median:.3f} of {'/'.join(families)} is above {limit}")
    if rows:
        print(f"f32: worst tap of all {max(r['worst'] for r in rows):.1e} of its largest value; "
              f"mean KLD at most {max(r['kld'] for r in rows):.1e}")


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
            worst = max(t["relative"] for t in result["taps"])
            check(result["passed"], f"{dtype} weights: {result['first_divergence']}")
            print(f"{dtype} weights, {tiny.describe(spec)}: worst tap {worst:.1e}", flush=True)


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
        out, meta = hf.reference(path, ids, 32)
        gc.collect()
        save_file(out, file, metadata=meta)
        f32 = parity(path, file)
        check(f32["passed"], f"full widths: {f32['first_divergence']}")
        made = json.loads(carat("run", path, "--prompt-ids", list_ids(ids), "--raw", "--ids", "--ignore-eos", "--temperature", 0,
                                "-n", 32, "--numerics", "f32"))["ids"]
        check(made == out["greedy_ids"].tolist(), "full widths: greedy text differs")
        bf16 = parity(path, file, "--numerics", "bf16")
        share = bf16["kld_mean"] / bf16["floor"]["kld_mean"]
        check(share <= 0.1, f"full widths: bf16 KLD is {share:.3f} of the floor")
        print(f"full widths, {len(ids)} ids: worst tap {max(t['relative'] for t in f32['taps']):.1e}, bf16 share {share:.3f}", flush=True)


# ---- references made elsewhere ---------------------------------------------------------------------------------------
def shared_fixtures():
    """../shared/data/parity/{e2b,dense31}: another maker's checkpoints and dumps, brought into the layout of hf-reference."""
    for name in ("e2b", "dense31"):
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
                save_file({k: v.contiguous().clone() for k, v in out.items()}, file)
                result = parity(path, file)
                check(result["passed"], f"fixture {name}.{n}: {result['first_divergence']}")
                greedy = dump[p + "greedy_ids"].tolist()
                made = json.loads(carat("run", path, "--prompt-ids", list_ids(out["input_ids"].tolist()), "--raw", "--ids",
                                        "--ignore-eos", "--temperature", 0, "-n", len(greedy), "--numerics", "f32"))["ids"]
                check(made == greedy, f"fixture {name}.{n}: greedy text differs")
                print(f"fixture {name}.{n}: worst tap {max(t['relative'] for t in result['taps']):.1e}", flush=True)


def main():
    torch.set_num_threads(1)  # tiny products: a second thread would only wait
    start = time.time()
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 42
    medians(random_checkpoints(count))
    for part in (stored_types, shared_fixtures, full_widths):
        try:
            part()
        except (RuntimeError, ValueError, OSError, subprocess.CalledProcessError) as e:
            check(False, f"{part.__name__}: {e}")
    print(f"{time.time() - start:.0f} s")
    print(f"{counts['passed']} passed, {counts['failed']} failed, {counts['skipped']} skipped")
    return 1 if counts["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
