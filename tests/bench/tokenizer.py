#!/usr/bin/env python3
"""Speed of carat's tokenizer beside Hugging Face tokenizers: one thread, one process, in turns.   SPDX-License-Identifier: Apache-2.0

usage: tests/bench/tokenizer.py TOKENIZER.JSON TEXT...      (build first; needs the Python package tokenizers)

Each text is encoded whole and as single lines by both sides; the results must be equal. The best of five turns counts. Hugging Face is
timed with encode_batch_fast, which computes no offsets; what converting its ids to Python costs is not in its time, for carat's
neither. Times are processor time, so that a busy machine disturbs less.
"""
import ctypes
import os
import sys
import time

os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["RAYON_NUM_THREADS"] = "1"

from tokenizers import Tokenizer  # noqa: E402: the thread count is read at import

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
so = ctypes.CDLL(os.path.join(os.environ.get("BUILD", os.path.join(ROOT, "build")), "libcarat.so"))
so.carat_tokenizer_close.argtypes = so.carat_release.argtypes = [ctypes.c_void_p]
so.carat_release.restype = so.carat_tokenizer_close.restype = None


def load(path):
    t, err = ctypes.c_void_p(), ctypes.create_string_buffer(1024)
    if so.carat_tokenizer_open(path.encode(), ctypes.byref(t), err):
        sys.exit(err.raw[4:].split(b"\0")[0].decode())
    return t


def encode(t, pieces):
    """Seconds, and a function that gives the ids."""
    results = [(ctypes.POINTER(ctypes.c_int32)(), ctypes.c_size_t()) for _ in pieces]
    args = [(p, ctypes.c_size_t(len(p)), ctypes.byref(ids), ctypes.byref(n)) for p, (ids, n) in zip(pieces, results)]
    call = so.carat_encode
    start = time.process_time()
    for data, size, ids, n in args:
        call(t, data, size, 0, ids, n, None)
    seconds = time.process_time() - start
    out = [ids[:n.value] for ids, n in results]
    for ids, _ in results:
        so.carat_release(ids)
    return seconds, out


def best(turn, times=5):
    return min((turn() for _ in range(times)), key=lambda r: r[0])


def hf_encode(hf, pieces):
    start = time.process_time()
    encodings = hf.encode_batch_fast(pieces, add_special_tokens=False)
    return time.process_time() - start, [e.ids for e in encodings]


def compare(name, t, hf, texts):
    size, data = sum(len(x.encode()) for x in texts), [x.encode() for x in texts]
    ours, theirs = (float("inf"), None), (float("inf"), None)
    for _ in range(5):
        ours, theirs = min(ours, encode(t, data), key=lambda r: r[0]), min(theirs, hf_encode(hf, texts), key=lambda r: r[0])
    equal = "the same ids" if ours[1] == theirs[1] else "DIFFERENT IDS"
    print(f"{name:34} {size / ours[0] / 1e6:8.1f} MB/s {size / theirs[0] / 1e6:8.1f} MB/s {theirs[0] / ours[0]:7.1f} x   {equal}")
    return ours[1] == theirs[1]


def timed(f, *args):
    start = time.process_time()
    out = f(*args)
    return time.process_time() - start, out


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    ours, t = best(lambda: timed(load, sys.argv[1]), 3)
    theirs, hf = best(lambda: timed(Tokenizer.from_file, sys.argv[1]), 2)
    print(f"{'':34} {'carat':>13} {'tokenizers':>13}")
    print(f"{'load':34} {ours:11.3f} s {theirs:11.3f} s {theirs / ours:7.1f} x")
    same = True
    for path in sys.argv[2:]:
        with open(path, encoding="utf-8", newline="") as f:
            text = f.read()
        name = os.path.basename(path)
        same &= compare(name + ", whole", t, hf, [text])
        same &= compare(name + ", lines", t, hf, text.splitlines(keepends=True))
    for n in (10_000, 100_000, 1_000_000):
        same &= compare(f"{n} equal characters", t, hf, ["a" * n])
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
