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
import os
import statistics
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import tiny
from live import carat, check, greedy_text, list_ids, main, make_reference, parity, worst_tap

LENGTHS = (17, 33, 48, 70)


# ---- one configuration -----------------------------------------------------------------------------------------------
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
    made = greedy_text(path, ids, len(greedy))
    same = next((i for i, (a, b) in enumerate(zip(made, greedy)) if a != b), min(len(made), len(greedy)))
    check(same == len(greedy) == len(made), f"{name}: greedy text differs at token {same} of {len(greedy)}")
    check(same_bytes(path, ids, folder, "batch", (["--batch", 1], ["--batch", 5], [])), f"{name}: the batch changes bits")
    check(same_bytes(path, ids, folder, "t", (["-t", 1], ["-t", 2])), f"{name}: the number of threads changes bits in f32")
    row = dict(name=name, worst=worst_tap(f32), greedy=same, kld=f32["kld_mean"])
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


def all_configurations():
    medians(random_checkpoints(int(sys.argv[1]) if len(sys.argv) > 1 else 42))


if __name__ == "__main__":
    sys.exit(main(all_configurations))
