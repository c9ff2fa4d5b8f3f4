#!/usr/bin/env python3
"""Compares carat's tokenizer with Hugging Face tokenizers, live, on texts and ids made up here.   SPDX-License-Identifier: Apache-2.0

usage: tests/hf/test_tokenizer.py [SEED]       ($CARAT, $BUILD and $ROOT as tests/run sets them)

With Gemma 4's own tokenizer.json where ../shared has it, with the small one of tests/text, and with random ones whose merges have
arbitrary ranks, so that cutting text into words (runtime/text/bpe.h) is tried where no trainer would lead it.
"""
import ctypes
import gzip
import json
import os
import random
import subprocess
import sys
import tempfile

from tokenizers import Tokenizer
from tokenizers.decoders import DecodeStream

ROOT = os.environ.get("ROOT") or os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("BUILD") or os.path.join(ROOT, "build")
CARAT = os.environ.get("CARAT") or os.path.join(BUILD, "carat")
REAL = os.path.join(ROOT, "..", "shared", "data", "tokenizer", "tokenizer.json.gz")

# ---- texts -------------------------------------------------------------------------------------------------------

WORDS = """the of and a to in is you that it he was for on are as with his they I at be this have from or one had by word but not
what all were we when your can said there use an each which she do how their if will up other about out many then them these so
Straße naïve façade Ünïcödé Größe señor año été Žluťoučký kůň größer İstanbul ıssız ﬁnal Ǆ привет мир Здравствуйте καλημέρα שלום
العربية नमस्ते ไทย 日本語 漢字かな交じり文 中文 繁體 한국어 Tiếng Việt 你好,世界。 カタカナ ｆｕｌｌ ①②③ ½ π≈3.14159 x² ∀x∈ℝ ⟨ψ|φ⟩ →""".split()
CODE = """def f(x): return x**2 + 1 | for (int i = 0; i < n; i++) { a[i] += b[i]; } | <div class="x"></div> | \\n\\t | #include <stdio.h> | SELECT * FROM t
WHERE a >= 10; | {"k": [1, 2.5e-3, null]} | if (!p) goto out; | </s> <s> <table><h1> | $ carat run -p 'x' --top-k=40 | 0xFF 1_000_000 12345678901234567890
| `code` ```python``` | ==== ---- ____ .... !!!! ???? | a.b.c->d::e | %d%s\\0 | // comment | /* c */ | @decorator | lambda x: (yield)""".split("|")
MARKS = """<bos> <eos> <pad> <unk> <mask> <|turn> <turn|> <|tool> <tool|> <|think|> <|channel> <channel|> <|"|> <|image|> <|audio|> <start_of_turn> <0x0A> <0xFF>
<unused5> [multimodal] <| |> < > <|tur <turn| bos> <<bos>> <bo<bos> ▁ ▁▁ <|image> <image|> <end_of_turn> </s>""".split()
EMOJI = list("😀🎉🚀👍🏽🇩🇪❤️‍🔥👨‍👩‍👧‍👦🧑🏿‍💻©™☃️\u200d\ufe0f")
COMBINING = [chr(c) for c in (*range(0x300, 0x330), 0x5b0, 0x64e, 0x93f, 0xe31, 0x1ab0, 0x20d0, 0x3099, 0xfe20)]
SPACES = [" ", "  ", "   ", " " * 7, "\n", "\n\n", "\n\n\n", "\t", "\t\t", "\r\n", "\r", "\u00a0", "\u2003", "\u3000", "\u200b", "\ufeff", "\0", " \n ", "\n  ", "\t \t"]


def a_code_point(r):
    top = r.choice([0x7f, 0x7f, 0x24f, 0x7ff, 0x2fff, 0xffff, 0x1ffff, 0x10ffff])
    while True:
        cp = r.randint(0, top)
        if not 0xd800 <= cp <= 0xdfff:
            return chr(cp)


def a_run(r):
    return r.choice([" ", "\n", "\t", "a", "▁", "=", "-", "0", "😀", "中", "é", "<", ">", "ab", " a", "\u0301", "\0", "> </"]) * r.randint(1, r.choice([5, 40, 100, 400]))


def a_text(r):
    makers = [
        (8, lambda: r.choice(WORDS)), (8, lambda: " " + r.choice(WORDS)), (3, lambda: r.choice(CODE)), (3, lambda: r.choice(MARKS)), (2, lambda: r.choice(EMOJI)),
        (2, lambda: r.choice("aeiouAEIOUnc") + "".join(r.choices(COMBINING, k=r.randint(1, 3)))), (5, lambda: r.choice(SPACES)), (3, lambda: a_code_point(r)),
        (1, lambda: "".join(a_code_point(r) for _ in range(r.randint(1, 20)))), (1, lambda: a_run(r)), (1, lambda: str(r.randint(0, 10 ** r.randint(1, 30)))),
        (1, lambda: r.choice(WORDS).upper()), (1, lambda: "".join(r.choices("abcdefghijklmnopqrstuvwxyz", k=r.randint(1, 30)))), (1, lambda: r.choice(WORDS)[::-1])]
    weights = [w for w, _ in makers]
    return "".join(m() for _, m in r.choices(makers, weights, k=r.randint(0, r.choice([3, 12, 40]))))


# ---- the two sides -----------------------------------------------------------------------------------------------


class Library:
    """libcarat.so through ctypes: for streams, which the program does not show, and to be quick on many small tokenizers."""

    def __init__(self):
        self.so = ctypes.CDLL(os.path.join(BUILD, "libcarat.so"))
        self.error = ctypes.create_string_buffer(1024)
        for name in ("carat_tokenizer_close", "carat_stream_close", "carat_release"):
            getattr(self.so, name).argtypes = [ctypes.c_void_p]
            getattr(self.so, name).restype = None

    def check(self, status):
        if status:
            raise RuntimeError(self.error.raw[4:].split(b"\0")[0].decode())

    def open(self, path):
        t = ctypes.c_void_p()
        self.check(self.so.carat_tokenizer_open(path.encode(), ctypes.byref(t), self.error))
        return t

    def encode(self, t, data, plain=False):
        ids, n = ctypes.POINTER(ctypes.c_int32)(), ctypes.c_size_t()
        self.check(self.so.carat_encode(t, data, ctypes.c_size_t(len(data)), int(plain), ctypes.byref(ids), ctypes.byref(n), self.error))
        out = ids[:n.value]
        self.so.carat_release(ids)
        return out

    def stream(self, t, ids, skip):
        s, text, n, out = ctypes.c_void_p(), ctypes.POINTER(ctypes.c_char)(), ctypes.c_size_t(), []
        self.check(self.so.carat_stream_open(t, int(skip), ctypes.byref(s), self.error))
        for i in ids:
            self.check(self.so.carat_stream_push(s, i, ctypes.byref(text), ctypes.byref(n), self.error))
            out.append(text[:n.value].decode())
        self.so.carat_stream_close(s)
        return out


def carat(args, values):
    lines = "".join(json.dumps(v) + "\n" for v in values)
    p = subprocess.run([CARAT, "text", *args, "--jsonl"], input=lines.encode(), capture_output=True)
    if p.returncode:
        raise RuntimeError(p.stderr.decode())
    return [json.loads(line) for line in p.stdout.splitlines()]


class Tally:
    def __init__(self):
        self.passed = self.failed = 0

    def same(self, what, given, ours, theirs):
        if ours == theirs:
            self.passed += 1
            return
        self.failed += 1
        if self.failed <= 10:
            print(f"# {what}: {given!r:.300}\n#   carat {ours!r:.300}\n#   HF    {theirs!r:.300}")

    def all(self, what, given, ours, theirs):
        for g, o, t in zip(given, ours, theirs, strict=True):
            self.same(what, g, o, t)


# ---- what is compared --------------------------------------------------------------------------------------------


def some_ids(r, hf, n):
    byte0, size, specials = hf.token_to_id("<0x00>"), hf.get_vocab_size(), [hf.token_to_id(s) for s in ("<bos>", "<|turn>", "<turn|>") if hf.token_to_id(s) is not None]
    makers = [lambda: [r.randrange(size)], lambda: [byte0 + r.randrange(256)], lambda: [byte0 + b for b in a_code_point(r).encode()],
              lambda: [r.choice(specials)] if specials else [], lambda: hf.encode(r.choice(WORDS)).ids]
    return [i for _ in range(n) for i in r.choice(makers)()]


def hf_stream(hf, ids, skip):
    """The chunks until DecodeStream gives up on a run that a later byte spoils."""
    s, out = DecodeStream(skip_special_tokens=skip), []
    for i in ids:
        try:
            out.append(s.step(hf, i) or "")
        except Exception:
            break
    return out


def one_file(r, tally, lib, path, n):
    hf = Tokenizer.from_file(path)
    hf.encode_special_tokens = False
    t = lib.open(path)
    texts = [a_text(r) for _ in range(n)]
    tally.all("encode", texts, carat(["encode", path], texts), [hf.encode(x, add_special_tokens=False).ids for x in texts])
    hf.encode_special_tokens = True
    tally.all("encode --plain", texts, carat(["encode", path, "--plain"], texts), [hf.encode(x, add_special_tokens=False).ids for x in texts])
    hf.encode_special_tokens = False
    broken = [bytes(r.choices(range(256), k=r.randint(1, 12))) + x.encode()[r.randint(0, 2):r.randint(3, 30)] for x in texts[:n // 10]]
    for b in broken:
        tally.same("encode bytes", b, lib.encode(t, b), hf.encode(b.decode("utf-8", "replace"), add_special_tokens=False).ids)
    lists = [some_ids(r, hf, r.randint(0, 20)) for _ in range(n // 5)]
    for skip in (False, True):
        theirs = [hf.decode(x, skip_special_tokens=skip) for x in lists]
        tally.all("decode", lists, carat(["decode", path] + ["--skip-special"] * skip, lists), theirs)
        for ids in lists:
            theirs = hf_stream(hf, ids, skip)
            tally.same("stream", ids, lib.stream(t, ids, skip)[:len(theirs)], theirs)
    lib.so.carat_tokenizer_close(t)


# ---- tokenizers that nobody trained ------------------------------------------------------------------------------


def a_tokenizer(r):
    """Merges of random pieces in random order over a small alphabet."""
    alphabet = r.sample(["a", "b", "c", "▁", "\n", "é", "中", "😀", "<", ">", "|", "\u0301", " "], r.randint(2, 7))
    pieces, merges = list(alphabet), []
    for _ in range(r.randint(1, 60)):
        a, b = r.choice(pieces), r.choice(pieces)
        if len(a + b) <= 12 and (a, b) not in merges:
            merges.append((a, b))
            if a + b not in pieces:
                pieces.append(a + b)
    r.shuffle(merges)
    marked = r.random() < 0.8
    specials = ["<pad>", "<bos>", "<unk>"] + r.sample(["<|turn>", "a|", "ab", "<", "😀a", "aab", "> <"], r.randint(0, 4))
    words = specials + [f"<0x{i:02X}>" for i in range(256)] + [p for p in pieces if p not in specials]
    replace = {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}
    if r.random() < 0.5:
        merges = [list(m) for m in merges]
    elif any(" " in a + b for a, b in merges):
        merges = [list(m) for m in merges]
    else:
        merges = [" ".join(m) for m in merges]
    return alphabet, {
        "version": "1.0", "truncation": None, "padding": None,
        "added_tokens": [{"id": i, "content": s, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": i < 3 or r.random() < 0.5}
                         for i, s in enumerate(specials)],
        "normalizer": {"type": "Replace", "pattern": {"String": " "}, "content": "▁"} if marked else None,
        "pre_tokenizer": {"type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious", "invert": False} if marked else None,
        "post_processor": None,
        "decoder": {"type": "Sequence", "decoders": [replace] * marked + [{"type": "ByteFallback"}, {"type": "Fuse"}]},
        "model": {"type": "BPE", "dropout": None, "unk_token": "<unk>", "continuing_subword_prefix": None, "end_of_word_suffix": None, "fuse_unk": True,
                  "byte_fallback": True, "ignore_merges": False, "vocab": {w: i for i, w in enumerate(words)}, "merges": merges}}


def random_tokenizers(r, tally, lib, n, work):
    path = os.path.join(work, "random.json")
    for _ in range(n):
        alphabet, d = a_tokenizer(r)
        with open(path, "w", encoding="utf-8") as f:
            json.dump(d, f, ensure_ascii=r.random() < 0.5, indent=r.choice([None, 2]))
        hf, t = Tokenizer.from_file(path), lib.open(path)
        for k in range(25):
            letters = [" " if c == "▁" and r.random() < 0.7 else c for c in alphabet] + ["x"] * (r.random() < 0.3)
            x = "".join(r.choices(letters, k=r.choice([1, 5, 12, 23, 26, 60, 200]))) + r.choice(["", "", "<bos>", "<|turn>"])
            plain = k % 2 == 1
            hf.encode_special_tokens = plain
            tally.same(f"random tokenizer, plain {plain}, {json.dumps(d['model']['merges'])}", x, lib.encode(t, x.encode(), plain), hf.encode(x).ids)
        lib.so.carat_tokenizer_close(t)


def main():
    r, tally, lib = random.Random(int(sys.argv[1]) if len(sys.argv) > 1 else 4), Tally(), Library()
    small = os.path.join(ROOT, "tests", "text", "tokenizer.json")
    skipped = 0
    with tempfile.TemporaryDirectory() as work:
        if os.path.exists(REAL):
            path = os.path.join(work, "tokenizer.json")
            with gzip.open(REAL) as f, open(path, "wb") as g:
                g.write(f.read())
            one_file(r, tally, lib, path, 5000)
        else:
            print("SKIP Gemma's own tokenizer: no ../shared/data/tokenizer")
            skipped = 1
        if os.path.exists(small):
            one_file(r, tally, lib, small, 1000)
        random_tokenizers(r, tally, lib, 300, work)
    print(f"{tally.passed} passed, {tally.failed} failed, {skipped} skipped")
    return 1 if tally.failed else 0


if __name__ == "__main__":
    sys.exit(main())
