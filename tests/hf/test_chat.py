#!/usr/bin/env python3
"""Compares carat's chat template and reply parser with transformers, live, on requests and replies made up here.   SPDX-License-Identifier: Apache-2.0

usage: tests/hf/test_chat.py [SEED [N]]       ($CARAT, $BUILD and $ROOT as tests/run sets them)

`carat text render` against apply_chat_template with Gemma 4's own templates, `carat text parse` and the library's streaming parser
against parse_response with its own response_template, all from ../shared. Half of the requests are then spoilt in one place (a
value of another type, a missing key): what the template refuses must be refused, and what it prints all the same be printed.
"""
import ctypes
import gzip
import json
import math
import os
import random
import subprocess
import sys
import tempfile

from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerFast
from transformers.utils.chat_parsing import parse_response

import live

ROOT = os.environ.get("ROOT") or os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("BUILD") or os.path.join(ROOT, "build")
CARAT = os.environ.get("CARAT") or os.path.join(BUILD, "carat")
DATA = os.path.join(ROOT, "..", "shared", "data", "tokenizer")
TEMPLATES = {"small": "chat_template.jinja", "large": "chat_template_large.jinja"}
SEED = int(sys.argv[1]) if len(sys.argv) > 1 else 0
N = int(sys.argv[2]) if len(sys.argv) > 2 else 600

# ---- texts and values ----------------------------------------------------------------------------------------------

SPACES = [" ", "\n", "\t", "\r\n", "\x0b", "\x0c", "\x1c", "\x1f", "\x85", "\xa0", "\u1680", "\u2003", "\u2028", "\u2029", "\u202f", "\u205f", "\u3000"]
NO_SPACES = ["\u200b", "\ufeff", "\u180e", "\x00", "\x7f", "\u200d", "\u0301"]
TAGS = ["<|channel>", "<channel|>", "<|channel>thought\n", "<|turn>", "<turn|>", "<|tool_call>", "<tool_call|>", "<|\"|>", "<bos>", "<|image|>", "<|tool>",
        "<tool_response|>", "<|think|>", "<|", "|>", "{{ x }}", "{% if %}", "thought\n"]
WORDS = """Hello world 2+2? naïve Straße İstanbul ΑΣ ΣΑΣ ΌΣΟΣ ǅ ŉ ﬁnal 日本語 привет 😀 👩‍🔬 𝔘𝔫𝔦 𐐀 ß ẞ "quoted" it's both"' back\\slash a,b {c} [d]""".split(" ")
NAMES = ["a", "A", "b", "B", "_z", "Z1", "z10", "z2", "city", "Ä", "ä", "ß", "İ", "i", "Σ", "ς", "ΑΣ", "type", "description", "properties", "required", "nullable",
         "items", "enum", "", " ", "a-b", "get", "unit", "格式", "𐐀", "value", "{x}", "x:y", "a,b", "<|\"|>"]


def a_text(r, most=8):
    makers = [(12, lambda: r.choice(WORDS)), (6, lambda: " "), (3, lambda: r.choice(SPACES)), (1, lambda: r.choice(NO_SPACES)), (2, lambda: r.choice(TAGS)),
              (1, lambda: chr(r.choice([r.randint(0, 0x7f), r.randint(0x80, 0x2fff), r.randint(0x3000, 0xd7ff), r.randint(0xe000, 0xffff), r.randint(0x10000, 0x1ffff)])))]
    return "".join(m() for _, m in r.choices(makers, [w for w, _ in makers], k=r.randint(0, most)))


def a_name(r):
    return r.choice(NAMES) if r.random() < 0.6 else a_text(r, 2)


def a_number(r):
    return r.choice([
        0, 1, -1, 15, 2**31, 2**53, 2**53 + 1, -(2**63), 2**64 + 1, 10**30, -(10**40), 0.0, -0.0, 1.0, 1.5, -2.5, 1e-5, 1e-4, 0.1, 1e15, 1e16, 123456789012345680.0, 1e20, 1e22,
        1.7976931348623157e308, 5e-324, 3.141592653589793, 100000.0, r.randint(-100, 100), r.uniform(-10, 10), math.ldexp(r.random(), r.randint(-1000, 1000)), 2.0 ** r.randint(-60, 90),
        r.randint(-(10**25), 10**25), round(r.uniform(-1000, 1000), r.randint(0, 5))])


def a_value(r, depth=3):
    kinds = ["text"] * 4 + ["number"] * 3 + ["bool", "null"] + (["list", "map"] if depth else [])
    kind = r.choice(kinds)
    if kind == "list":
        return [a_value(r, depth - 1) for _ in range(r.randint(0, 3))]
    if kind == "map":
        return {a_name(r): a_value(r, depth - 1) for _ in range(r.randint(0, 4))}
    return {"text": lambda: a_text(r, 3), "number": lambda: a_number(r), "bool": lambda: r.random() < 0.5, "null": lambda: None}[kind]()


def some(r, p, **fields):
    """The fields, each with probability p; callables are called."""
    return {k: v() if callable(v) else v for k, v in fields.items() if r.random() < p}


# ---- requests ------------------------------------------------------------------------------------------------------


def a_type(r):
    return r.choice(["string", "integer", "number", "boolean", "array", "object", "STRING", "Object", "null", "straße", ["string", "null"], ["object"], "ﬁ", ""])


def a_schema(r, depth=3):
    s = some(r, 0.8, type=lambda: a_type(r))
    s.update(some(r, 0.5, description=lambda: a_text(r, 4)))
    s.update(some(r, 0.2, enum=lambda: [a_value(r, 1) for _ in range(r.randint(0, 3))], nullable=lambda: r.random() < 0.5, default=lambda: a_value(r, 1), title=lambda: a_text(r, 1)))
    if depth and r.random() < (0.8 if s.get("type") in ("array", "object", "Object") else 0.1):
        s.update(some(r, 0.6, items=lambda: a_schema(r, depth - 1), properties=lambda: {a_name(r): a_schema(r, depth - 1) for _ in range(r.randint(0, 3))},
                      required=lambda: [a_name(r) for _ in range(r.randint(0, 3))]))
        s.update(some(r, 0.1, additionalProperties=lambda: r.choice([True, {"type": "string"}]), minimum=lambda: a_number(r), anyOf=lambda: [a_schema(r, 0)]))
    keys = list(s)
    r.shuffle(keys)
    return {k: s[k] for k in keys}


def a_tool(r):
    f = {"name": a_name(r)}
    f.update(some(r, 0.9, description=lambda: a_text(r, 5)))
    f.update(some(r, 0.85, parameters=lambda: {**some(r, 0.9, type="object"), **some(r, 0.9, properties=lambda: {a_name(r): a_schema(r) for _ in range(r.randint(0, 5))}),
                                               **some(r, 0.6, required=lambda: [a_name(r) for _ in range(r.randint(0, 3))])}))
    f.update(some(r, 0.15, response=lambda: a_schema(r, 1)))
    return {**some(r, 0.9, type="function"), "function": f}


def a_part(r):
    kind = r.choice(["text"] * 4 + ["image", "image_url", "audio", "input_audio", "video", "other"])
    part = {"type": kind}
    if kind == "text":
        part["text"] = a_text(r)
    elif r.random() < 0.3:
        part[kind] = {"url": a_text(r, 1)}
    return part


def a_content(r):
    return r.choice([lambda: a_text(r), lambda: a_text(r), lambda: [a_part(r) for _ in range(r.randint(0, 4))]])()


def a_call(r, at):
    return {**some(r, 0.9, type="function"), **some(r, 0.8, id=f"c{at}"), "function": {"name": r.choice(["f", "g", a_name(r)]),
            "arguments": r.choice([{}, None, {a_name(r): a_value(r) for _ in range(r.randint(0, 4))}, {a_name(r): a_value(r) for _ in range(r.randint(0, 4))}])}}


def a_message(r):
    """One message, or a call with what follows it."""
    role = r.choice(["user"] * 5 + ["assistant"] * 5 + ["call"] * 4 + ["model", "system", "developer", "weird role", "tool"])
    if role != "call":
        m = {"role": role, **some(r, 0.97, content=lambda: a_content(r))}
        if role == "assistant":
            m.update(some(r, 0.2, reasoning=lambda: a_text(r), reasoning_content=lambda: a_text(r), thinking=lambda: a_text(r)))
            m.update(some(r, 0.05, content=None, tool_calls=r.choice([None, []])))
        return [m]
    calls = [a_call(r, i) for i in range(r.randint(1, 3))]
    m = {"role": r.choice(["assistant"] * 8 + ["model", "user"]), **some(r, 0.6, content=lambda: r.choice(["", None, a_text(r), a_content(r)])), "tool_calls": calls,
         **some(r, 0.3, reasoning=lambda: a_text(r), reasoning_content=lambda: a_text(r))}
    out = [m]
    if r.random() < 0.15:
        m["tool_responses"] = [{**some(r, 0.8, name="f"), **some(r, 0.9, response=lambda: r.choice([{a_name(r): a_value(r) for _ in range(3)}, a_value(r)]))} for _ in range(r.randint(0, 2))]
    for i in range(r.choice([0, 1, 1, len(calls), len(calls) + 1])):
        out.append({"role": "tool", **some(r, 0.95, content=lambda: r.choice([a_text(r), a_text(r), a_number(r), [a_part(r) for _ in range(r.randint(0, 3))]])),
                    **some(r, 0.8, tool_call_id=f"c{i}"), **some(r, 0.4, name=lambda: a_name(r))})
    return out


def a_request(r):
    messages = [{"role": r.choice(["system", "developer"]), "content": a_content(r)}] if r.random() < 0.3 else []
    for _ in range(r.randint(1, 6)):
        messages += a_message(r)
    q = {"messages": messages, **some(r, 0.7, add_generation_prompt=True), **some(r, 0.4, enable_thinking=lambda: r.random() < 0.8), **some(r, 0.3, preserve_thinking=True)}
    if r.random() < 0.35:
        q["tools"] = [a_tool(r) for _ in range(r.randint(0, 3))]
    return q


def places(node, path=()):
    """Paths of all values below node."""
    for k, v in (node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()):
        yield (*path, k)
        yield from places(v, (*path, k))


def spoil(r, q):
    path = r.choice(list(places(q)))
    for k in path[:-1]:
        q = q[k]
    if r.random() < 0.3:
        del q[path[-1]]
    else:
        q[path[-1]] = r.choice([None, True, False, 0, 1.0, "", "response", "abc", [], ["a"], [None], [["b", {}]], {}, {"text": "x"}, {"type": "object"}, a_value(r)])


# ---- render --------------------------------------------------------------------------------------------------------


def carat(action, folder, lines, *more):
    p = subprocess.run([CARAT, "text", action, folder, "--jsonl", *more], input="".join(json.dumps(x, ensure_ascii=i % 2 == 0) + "\n" for i, x in enumerate(lines)).encode(),
                       capture_output=True)
    if p.returncode or p.stderr:
        raise RuntimeError(f"carat text {action}: exit {p.returncode}: {p.stderr.decode()[:300]}")
    out = [json.loads(x) for x in p.stdout.decode().split("\n")[:-1]]
    if len(out) != len(lines):
        raise RuntimeError(f"carat text {action}: {len(lines)} lines in, {len(out)} out")
    return out


def official(tokenizer, template, q):
    """What transformers makes of a request, or the exception."""
    try:
        if not isinstance(q.get("messages"), list):
            raise TypeError("messages is no list")  # transformers takes other things for conversations; the contract does not
        return tokenizer.apply_chat_template(q["messages"], tools=q.get("tools"), chat_template=template, tokenize=False, add_generation_prompt=q.get("add_generation_prompt", False),
                                             **{k: q[k] for k in ("enable_thinking", "preserve_thinking") if k in q})
    except Exception as e:  # noqa: BLE001  whatever it raises, it refuses
        return e


def batched(q):
    return isinstance(q.get("messages"), list) and q["messages"] and isinstance(q["messages"][0], list)


def judge_render(q, want, got, what):
    refused = isinstance(got, dict)
    if isinstance(want, Exception):
        return live.check(refused, f"{what}: rendered, should be refused ({type(want).__name__}: {want}): {json.dumps(q)}")
    return live.check(got == want, f"{what}: {json.dumps(q)}\n  want {want!r}\n   got {got!r}")


def renders():
    r = random.Random(SEED)
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=os.path.join(ROOT, "tests", "text", "tokenizer.json"), bos_token="<bos>")
    requests = []
    while len(requests) < N:
        q = a_request(r)
        if len(requests) % 2:
            for _ in range(r.randint(1, 2)):
                if list(places(q)):
                    spoil(r, q)
        if not batched(q) and not q.get("continue_final_message"):
            requests.append(json.loads(json.dumps(q)))
    refused = 0
    for edition, name in TEMPLATES.items():
        template = open(os.path.join(DATA, name), encoding="utf-8").read()
        with tempfile.TemporaryDirectory() as folder:
            out = carat("render", folder_with(folder, chat_template__jinja=template), requests)
        for q, got in zip(requests, out):
            want = official(tokenizer, template, q)
            refused += isinstance(want, Exception)
            judge_render(q, want, got, edition)
    print(f"seed {SEED}: {len(requests)} conversations, 2 editions, {refused} refused by the template")
    live.check(refused > 0, "no request was refused: the generator is too tame")


def folder_with(folder, **files):
    for name, text in {"config.json": "{}", **{k.replace("__", "."): v for k, v in files.items()}}.items():
        with open(os.path.join(folder, name), "w", encoding="utf-8", newline="") as f:
            f.write(text)
    return folder


def editions():
    """Which template a checkpoint ships is told by its text; older ones are named and refused."""
    q = {"messages": [{"role": "user", "content": "x"}], "add_generation_prompt": True}

    def ask(*more, **files):
        with tempfile.TemporaryDirectory() as folder:
            p = subprocess.run([CARAT, "text", "render", folder_with(folder, **files), "--jsonl", *more], input=json.dumps(q), capture_output=True, text=True)
            return p.returncode, p.stdout and json.loads(p.stdout), p.stderr

    for edition, name in TEMPLATES.items():
        text = open(os.path.join(DATA, name), encoding="utf-8").read()
        want = "<bos><|turn>user\nx<turn|>\n<|turn>model\n" + "<|channel>thought\n<channel|>" * (edition == "large")
        for files in ({"chat_template__jinja": text}, {"chat_template__jinja": text.replace("\n", "\r\n") + "\r\n"}, {"tokenizer_config__json": json.dumps({"chat_template": text})},
                      {"chat_template__jinja": text, "tokenizer_config__json": json.dumps({"chat_template": "other"})}):
            live.check(ask(**files) == (0, want, ""), f"{edition} as {list(files)}: {ask(**files)}")
        code, _, err = ask(chat_template__jinja=text.replace("thought", "thinking", 1))
        live.check(code == 3 and "none that carat knows" in err, f"{edition}, one word changed: {code} {err}")
        other = "small" if edition == "large" else "large"
        code, _, err = ask("--template", other, chat_template__jinja=text)
        live.check(code == 0 and f"ships the {edition} edition" in err, f"{edition} rendered as {other}: {code} {err}")
    for name in sorted(os.listdir(os.path.join(DATA, "older_templates"))):
        text = open(os.path.join(DATA, "older_templates", name), encoding="utf-8").read()
        code, _, err = ask(chat_template__jinja=text)
        live.check(code == 3 and "older edition" in err and name.split("_")[0] in err, f"{name}: {code} {err}")
        code, out, err = ask("--template", "small", chat_template__jinja=text)
        live.check(code == 0 and out and "as asked" in err, f"{name} --template small: {code} {err}")


def ids():
    """--ids, with Gemma's own tokenizer."""
    cases = [json.loads(x) for x in open(os.path.join(DATA, "template_examples.jsonl"), encoding="utf-8")]
    cases = [c for c in cases if "small" in c]
    with tempfile.TemporaryDirectory() as folder:
        with gzip.open(os.path.join(DATA, "tokenizer.json.gz")) as f, open(os.path.join(folder_with(folder), "tokenizer.json"), "wb") as to:
            to.write(f.read())
        own = Tokenizer.from_file(os.path.join(folder, "tokenizer.json"))
        out = carat("render", folder, cases, "--template", "small", "--ids", "--quiet")
    for c, got in zip(cases, out):
        live.check(got == own.encode(c["small"], add_special_tokens=False).ids and len(got) == c["small_ids_len"], f"ids of sample {c['id']}: {got}")


def samples():
    cases = [json.loads(x) for x in open(os.path.join(DATA, "template_examples.jsonl"), encoding="utf-8")]
    for edition in TEMPLATES:
        with tempfile.TemporaryDirectory() as folder:
            out = carat("render", folder_with(folder), cases, "--template", edition, "--quiet")
        for c, got in zip(cases, out):
            live.check(isinstance(got, dict) if "error" in c else got == c[edition], f"sample {c['id']} {edition}: {got!r}")


# ---- replies -------------------------------------------------------------------------------------------------------

PREFIXES = ["", "<bos><|turn>user\nq<turn|>\n<|turn>model\n", "<bos><|turn>user\nq<turn|>\n<|turn>model\n<|channel>thought\n<channel|>",
            "<|turn>model\n<|tool_call>call:f{}<tool_call|><|tool_response>response:f{value:1}<tool_response|><|channel>thought\n", "<|turn>model\nSo far, ", "no anchor <turn|> x",
            "<|turn>model\n<|chan", "<|turn>model\nx<|turn>model\n<|tool_call>call:f{a:"]
TYPES = ["integer", "number", "boolean", "null", "object", "array", "string", ["integer", "null"], "strange", 5]
CASTABLE = ["7", " 7 ", "007", "-0", "+5", "1_000", "_1", "1__0", "7.0", "7.5", "1e3", "1E400", "-1.50", ".5", "5.", "1e", "inf", "NaN", "true", " TRUE ", "0", "1", "False", "null", "None",
            "{\"a\": 1}", "[1, 2]", " [1,{}] ", "{a:1}", "abc", "", "٣", "１２", "3\u2003", "1" * 30, "9" * 5000, "0x10", "1e22", "-0.0", "1.0e5", "--1", "+", "1,5", "½", "\x007"]


def a_literal(r, depth=2):
    kind = r.choice(["mark"] * 4 + ["number"] * 2 + ["word", "quoted"] + (["map", "list"] if depth else []))
    if kind == "map":
        return an_object(r, depth - 1)
    if kind == "list":
        return "[" + r.choice([",", ", "]).join(a_literal(r, depth - 1) for _ in range(r.randint(0, 3))) + "]"
    return {"mark": lambda: '<|"|>' + r.choice([a_text(r, 4), r.choice(CASTABLE), "k:1,m:2", "}<tool_call|>"]) + '<|"|>', "number": lambda: r.choice([json.dumps(a_number(r)), "01", "1.", "-", "1e5", "+1"]),
            "word": lambda: r.choice(["null", "true", "false", "NaN", "Infinity", "-Infinity", "None", "True"]), "quoted": lambda: json.dumps(a_text(r, 3), ensure_ascii=r.random() < 0.5)}[kind]()


def an_object(r, depth=2):
    def key():
        return r.choice([r.choice(["a", "hour", "ratio", "on", "label", "list", "obj", "ключ", "naïve", "क्षि", "x1"]), r.choice(["a b", "a-b", '"q"', '<|"|>m<|"|>', ""])] if r.random() < 0.1
                        else ["a", "hour", "ratio", "on", "label", "maybe", "list", "obj", "nul"])
    return "{" + r.choice([",", ",", ",", ", "]).join(f"{key()}:{r.choice(['', '', '', ' '])}{a_literal(r, depth)}" for _ in range(r.randint(0, 4))) + "}"


def a_reply(r):
    def call():
        return "<|tool_call>call:" + r.choice(["f", "set", "set", "get_weather", "名前", "a.b", "", "a-b"] if r.random() < 0.2 else ["f", "set"]) + an_object(r) + "<tool_call|>"
    makers = [(5, lambda: a_text(r, 6)), (3, lambda: "<|channel>thought\n" + a_text(r, 5) + "<channel|>"), (4, call), (2, lambda: r.choice(["<turn|>", "<|tool_response>", "<eos>"])),
              (1, lambda: r.choice(SPACES)), (1, lambda: r.choice(TAGS))]
    text = "".join(m() for _, m in r.choices(makers, [w for w, _ in makers], k=r.randint(0, 5)))
    if r.random() < 0.3 and text:
        at = r.randint(0, len(text))
        text = r.choice([lambda: text[:at], lambda: text[:at] + text[at + 1:], lambda: text[:at] + r.choice(TAGS + [":", "{", ",", '"', "\x01"]) + text[at:]])()
    return text


def a_tools(r):
    def schema():
        s = some(r, 0.8, type=lambda: r.choice(TYPES))
        s.update(some(r, 0.2, nullable=True, anyOf=lambda: [{"type": r.choice(TYPES)}, {"type": "null"}], oneOf=lambda: [{"type": r.choice(TYPES), "nullable": True}, r.choice([1, "x", None])]))
        return r.choice([s] * 12 + [None, "integer", []])
    properties = {k: schema() for k in ("a", "hour", "ratio", "on", "label", "maybe", "list", "obj", "nul") if r.random() < 0.8}
    f = {"name": r.choice(["set", "f"]), **some(r, 0.95, parameters=lambda: {"type": "object", "properties": properties})}
    return r.choice([[{"type": "function", "function": f}], [f], [{"function": f}, {"function": {"name": "set", "parameters": None}}], [1, "x", {"function": None}, {"function": f}], []])


class Streaming:
    """The library's parser through ctypes, fed in pieces."""

    def __init__(self):
        self.so = ctypes.CDLL(os.path.join(BUILD, "libcarat.so"))
        self.fn = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t)
        self.so.carat_reply_open.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p, self.fn, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p]
        self.so.carat_reply_push.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_void_p]
        self.so.carat_reply_finish.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p]
        self.so.carat_reply_close.argtypes = [ctypes.c_void_p]
        self.so.carat_reply_close.restype = None

    def parse(self, case, cuts):
        """-> (message or {"error"}, what was shown as [(kind, text)])"""
        shown, reply, error = [], ctypes.c_void_p(), ctypes.create_string_buffer(1024)
        fn = self.fn(lambda _, kind, p, n: shown.append((kind, ctypes.string_at(p, n))))
        prefix, tools = case.get("prefix", "").encode(), json.dumps(case["tools"]).encode() if "tools" in case else None
        if self.so.carat_reply_open(prefix, len(prefix), tools, fn, None, ctypes.byref(reply), error):
            return {"error": error.raw[4:].split(b"\0")[0].decode()}, shown
        text = case["text"].encode()
        for a, b in zip([0, *cuts], [*cuts, len(text)]):
            if self.so.carat_reply_push(reply, text[a:b], b - a, error):
                raise RuntimeError("carat_reply_push")
        out, n = ctypes.c_void_p(), ctypes.c_size_t()
        bad = self.so.carat_reply_finish(reply, ctypes.byref(out), ctypes.byref(n), error)
        result = {"error": error.raw[4:].split(b"\0")[0].decode()} if bad else json.loads(ctypes.string_at(out, n.value))
        self.so.carat_reply_close(reply)
        return result, shown


def official_reply(template, case):
    try:
        m = parse_response(case["text"], template, prefix=case.get("prefix") or "", tools=case.get("tools"))
    except Exception as e:  # noqa: BLE001
        return e
    return {"thought": m.get("thinking"), "content": m.get("content"), "tool_calls": [c["function"] for c in m.get("tool_calls", [])]}


def same(a, b):
    return json.dumps(a, sort_keys=True) == json.dumps(b, sort_keys=True)  # NaN is itself, 1 is not 1.0


def half_surrogate(case):
    """JSON strings of a call may hold half a surrogate pair for Python; carat refuses what is no text."""
    return "\\ud" in case["text"].lower()


def replies():
    r = random.Random(SEED + 1)
    template = json.load(open(os.path.join(DATA, "tokenizer_config.json"), encoding="utf-8"))["response_template"]
    cases = [json.loads(x) for x in open(os.path.join(DATA, "reply_examples.jsonl"), encoding="utf-8")]
    known = len(cases)
    while len(cases) < N + known:
        case = {"text": a_reply(r), **some(r, 0.8, prefix=lambda: r.choice(PREFIXES)), **some(r, 0.5, tools=lambda: a_tools(r))}
        if not half_surrogate(case):
            cases.append(case)
    streaming, refused = Streaming(), 0
    with tempfile.TemporaryDirectory() as folder:
        out = carat("parse", folder, cases)
    for i, (case, got) in enumerate(zip(cases, out)):
        want = official_reply(template, case)
        bad = isinstance(want, Exception)
        refused += bad
        if i < known:
            live.check("error" in got if case["expect"] is None else same(got, case["expect"]), f"sample {case['id']}: {got}")
        live.check("error" in got if bad else same(got, want), f"{json.dumps(case)}\n  want {want!r}\n   got {got}")
        size = len(case["text"].encode())
        cuts = range(1, size) if i % 2 else sorted(r.choices(range(size + 1), k=r.randint(0, 5)))
        cut, shown = streaming.parse(case, list(cuts))
        live.check(same(cut, got), f"cut at {list(cuts)}: {json.dumps(case)}\n  whole {got}\n    cut {cut}")
        check_shown(case, got, shown)
    print(f"seed {SEED}: {len(cases)} replies, {refused} refused")


def check_shown(case, got, shown):
    """What was shown ends with the message's own text, if the prompt held none of it; characters were never cut."""
    for kind, field in ((0, "thought"), (1, "content")):
        text = b"".join(t for k, t in shown if k == kind).decode()
        if "error" not in got and not case.get("prefix", "").endswith((" ", "\n", "|>", "a:", " x")) and got[field] is not None:
            live.check(text.endswith(got[field]), f"shown {text!r}, message {got[field]!r}: {json.dumps(case)}")
    calls = [json.loads(t) for k, t in shown if k == 2]
    if "error" not in got:
        live.check(same(calls, got["tool_calls"][len(got["tool_calls"]) - len(calls):]), f"calls shown: {json.dumps(case)}")


def main():
    if not os.path.isdir(DATA):
        live.skip(f"no {DATA}")
        return live.main()
    return live.main(samples, editions, ids, renders, replies)


if __name__ == "__main__":
    sys.exit(main())
