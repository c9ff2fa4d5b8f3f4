#!/usr/bin/env python3
"""A server of OpenAI's protocol on loopback that answers alike every time, and misbehaves on command.
                                                                            SPDX-License-Identifier: Apache-2.0
usage: openai_stub.py --port-file F [--log F] [--key K] [--carat BIN --model DIR] [--fault KIND[:TIMES]]... [--every N]
                      [--reply TEXT] [--certificate F] [--delay S] [--root NAME]
      openai_stub.py --tell RUN...      a line on what each run made of it, with the exit code in RUN.exit

Replies: --reply, or with --carat and --model what that model writes (greedy, f32), else a letter drawn by a hash of what was asked.
--fault KIND      what happens to a question instead, or at its first TIMES tries only. Of several faults the first that still has tries
                  left acts. --every N: to questions 1, 1 + N, 1 + 2N ... in the order in which they came; others go well.
An address may say the same: http://127.0.0.1:PORT/do/KIND[:TIMES],KIND,every=N/v1.
--log             one line of JSON a request: {"path", "body", "authorized", "try", "beside"}; never a key.
Kinds: NNN (a status), NNN-now, NNN-later, NNN-date, NNN-ages (Retry-After of 0, 1 s, a date in 1 s, a day), and the functions below.
"""
import argparse
import array
import email.utils
import hashlib
import http.server
import json
import math
import os
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time


def run(argv, stdin):
    return subprocess.run(argv, input=stdin, capture_output=True, text=True, check=True).stdout


class Brain:
    """What is answered to a request -> (thought or None, content, finish, tokens of the prompt, of the reply)"""

    def __init__(self, opt):
        self.opt = opt

    def __call__(self, path, body):
        if self.opt.reply is not None:
            return None, self.opt.reply, "stop", 7, len(self.opt.reply)
        if self.opt.carat:
            return self.model(path, body)
        asked = json.dumps(body.get("messages", body.get("prompt")))
        letter = "ABCDEFGHIJ"[hashlib.sha256(asked.encode()).digest()[0] % 10]
        return None, f"Let me see. é 漢 🎉 The answer is ({letter}).", "stop", len(asked), 9

    def model(self, path, body):
        carat, model = self.opt.carat, self.opt.model
        limit = str(body.get("max_tokens", 512))
        common = [carat, "run", model, "-n", limit, "--temperature", "0", "--numerics", "f32", "-q", "-t", "1", "-c", "2048"]
        if path.endswith("/chat/completions"):
            request = {"messages": body["messages"], "add_generation_prompt": True, **body.get("chat_template_kwargs", {})}
            prompt = json.loads(run([carat, "text", "render", model, "--jsonl"], json.dumps(request) + "\n"))
            ids = json.loads(run([carat, "text", "encode", model], prompt))
        else:
            prompt = body["prompt"]
            ids = json.loads(run([carat, "text", "encode", model, "--add-bos"], prompt))
            common += ["--raw"] + [x for stop in body.get("stop", []) for x in ("--stop", stop)]
        made = json.loads(run([*common, "--prompt-ids", ",".join(map(str, ids)), "--ids"], ""))
        raw = json.loads(run([carat, "text", "decode", model, "--jsonl"], json.dumps(made["ids"]) + "\n"))
        thought, content = None, raw
        if path.endswith("/chat/completions"):
            parts = json.loads(run([carat, "text", "parse", model, "--jsonl"], json.dumps({"text": raw, "prefix": prompt}) + "\n"))
            thought, content = parts["thought"], parts["content"]
        else:  # as servers do: no special tokens, nothing from the first stop string on
            content = json.loads(run([carat, "text", "decode", model, "--jsonl", "--skip-special"], json.dumps(made["ids"]) + "\n"))
            for stop in body.get("stop", []):
                content = content.split(stop)[0]
        return thought, content, made["finish"], len(ids), len(made["ids"])

    def losses(self, body):
        """`echo` with `logprobs`, as vLLM answers: -> (tokens, log-probabilities), one more of each than the prompt has."""
        carat, model, prompt = self.opt.carat, self.opt.model, body["prompt"]
        ids = prompt if isinstance(prompt, list) else json.loads(run([carat, "text", "encode", model, "--add-bos"], prompt))
        with tempfile.TemporaryDirectory() as work:
            path = os.path.join(work, "x.safetensors")
            subprocess.run([carat, "logits", model, "--ids", ",".join(map(str, ids)), "-o", path, "-q", "-t", "1"], check=True, capture_output=True)
            with open(path, "rb") as f:
                head = json.loads(f.read(int.from_bytes(f.read(8), "little")))["logits"]
                at = f.tell() + head["data_offsets"][0]
                f.seek(at)
                rows = array.array("f", f.read(head["data_offsets"][1] - head["data_offsets"][0]))
        vocab, logprobs = head["shape"][1], [None]
        for k in range(len(ids)):
            row = rows[k * vocab:(k + 1) * vocab]
            top = max(row)
            next_id = ids[k + 1] if k + 1 < len(ids) else row.index(top)
            logprobs.append(row[next_id] - top - math.log(math.fsum(math.exp(x - top) for x in row)))
        last = row.index(top)
        tokens = run([carat, "text", "decode", model, "--jsonl"], "".join(f"[{i}]\n" for i in [*ids, last])).splitlines()
        return [json.loads(t) for t in tokens], logprobs


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    # ---- replies

    def whole(self, status, data, kind="application/json", **headers):
        data = data if isinstance(data, bytes) else data.encode() if isinstance(data, str) else json.dumps(data).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(data)

    def stream(self, kind="text/event-stream"):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def piece(self, data):
        if data:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
            self.wfile.flush()

    def event(self, obj):
        self.piece(b"data: " + (obj if isinstance(obj, bytes) else json.dumps(obj, ensure_ascii=False).encode()) + b"\n\n")

    def ends(self):
        self.wfile.write(b"0\r\n\r\n")

    def drop(self):
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def chunk(self, finish=None, **delta):
        if self.path.endswith("/chat/completions"):
            return {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}
        return {"choices": [{"index": 0, "text": delta.get("content", ""), "finish_reason": finish}]}

    def usage(self):
        return {"prompt_tokens": self.answer[3], "completion_tokens": self.answer[4]}

    def say(self, thought, content, finish="stop", name="reasoning_content"):
        if not self.body.get("stream"):
            if self.path.endswith("/chat/completions"):
                message = {"role": "assistant", "content": content, **({name: thought} if thought else {})}
                choice = {"index": 0, "message": message, "finish_reason": finish}
            else:
                choice = {"index": 0, "text": content, "finish_reason": finish}
            return self.whole(200, {"choices": [choice], "usage": self.usage()})
        self.stream()
        self.event(self.chunk(role="assistant", content=""))
        for i in range(0, len(thought or ""), 5):
            self.event(self.chunk(**{name: thought[i:i + 5]}))
        for i in range(0, len(content or ""), 5):
            self.event(self.chunk(content=content[i:i + 5]))
        self.event(self.chunk(finish=finish))
        self.event({"choices": [], "usage": self.usage()})
        self.event(b"[DONE]")
        self.ends()

    def echoed(self, tokens, logprobs):
        text = "".join(tokens)
        self.whole(200, {"choices": [{"index": 0, "text": text, "finish_reason": "length", "logprobs": {
            "tokens": tokens, "token_logprobs": logprobs, "top_logprobs": None, "text_offset": None}}],
            "usage": {"prompt_tokens": len(tokens) - 1, "completion_tokens": 1}})

    # ---- misbehaviour

    def no_echo(self):
        """As llama.cpp's server says it."""
        self.whole(400, {"error": {"code": 400, "message": "Only no echo is supported", "type": "invalid_request_error"}})

    def positive(self):
        self.echoed(["a", "b", "c"], [None, 0.5, -1])

    def holes(self):
        self.echoed(["a", "b", "c"], [None, None, -1])

    def miscounted(self):
        self.echoed(["a", "b", "c"], [None, -1])

    def strange(self):
        """A server whose tokens are another model's."""
        n = len(self.body["prompt"])
        self.echoed(["zq"] * (n + 1), [None] + [-1.5] * n)

    def die(self):
        self.drop()

    def reset(self):
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()

    def down(self):
        """The whole server ends."""
        os._exit(0)

    def garbage(self):
        self.wfile.write(b"\x16\x03\x01 this is no HTTP \xff\xfe\r\n\r\n")
        self.drop()

    def page(self):
        self.whole(200, "<html><body>The answer is (A). Sign in to the hotel's network</body></html>", "text/html")

    def half(self):
        """Half of a JSON reply, said to be all of it."""
        self.whole(200, b'{"choices": [{"index": 0, "message": {"content": "The answer is (A).", "finish_reas')

    def cut(self):
        """A reply that breaks off: half a stream, or fewer bytes than announced."""
        if not self.body.get("stream"):
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b'{"choices": [')
            return self.drop()
        self.stream()
        self.event(self.chunk(content="The answer is (A)."))
        self.drop()

    def quiet_end(self):
        """A stream that ends well as HTTP, but not as a reply."""
        self.stream()
        self.event(self.chunk(content="The answer is (A)."))
        self.ends()

    def silent(self):
        time.sleep(30)
        self.drop()

    def stall(self):
        self.stream()
        self.event(self.chunk(content="The answer is (A)."))
        time.sleep(30)
        self.drop()

    def loris(self):
        """A byte now and then, for ever."""
        self.stream()
        for _ in range(3000):
            self.piece(b":")
            time.sleep(0.05)

    def redirect(self):
        self.whole(307, "", Location="http://127.0.0.1:1/elsewhere")

    def error_event(self):
        self.stream()
        self.event(self.chunk(content="The answer is (A)."))
        self.event({"error": {"message": "CUDA out of memory", "code": 500}})
        self.event(b"[DONE]")
        self.ends()

    def error_object(self):
        self.whole(200, {"error": {"message": "the model is overloaded", "type": "overloaded"}})

    def bad_event(self):
        self.stream()
        self.event(b'{"choices": [{"delta": {"content": "The answer is (A)."')
        self.event(b"[DONE]")
        self.ends()

    def empty_choices(self):
        self.whole(200, {"choices": [], "usage": {}})

    def no_choices(self):
        self.whole(200, {"object": "chat.completion"})

    def a_list(self):
        self.whole(200, [1, 2])

    def odd_content(self):
        self.whole(200, {"choices": [{"message": {"content": {"answer": "A"}}, "finish_reason": "stop"}]})

    def null(self):
        self.say(None, None)

    def filtered(self):
        self.say(None, "The answer is (A).", "content_filter")

    def tools(self):
        self.say(None, None, "tool_calls")

    def no_finish(self):
        self.say(None, "The answer is (A).", None)

    def short(self):
        self.say(None, "I think that the answer is (A", "length")

    def huge(self):
        """An event of 20 MB."""
        self.stream()
        self.piece(b"data: ")
        for _ in range(20):
            self.piece(b"x" * (1 << 20))
        self.piece(b"\n\n")
        self.ends()

    def echo(self):
        """An error that repeats the key, as some servers do."""
        self.whole(400, {"error": {"message": "Incorrect API key provided: " + self.headers.get("Authorization", "")}})

    def leak(self):
        """A reply that repeats it."""
        self.say(None, "The answer is (A). " + self.headers.get("Authorization", ""))

    # ---- dialects: none of these is a fault

    def odd_stream(self):
        """Comments, CRLF, CR, fields nobody needs, characters and lines cut anywhere, data in two lines, no last blank line."""
        self.stream("text/event-stream; charset=utf-8")
        text = b"\xef\xbb\xbf: hello\r\n\r\nevent: message\nid: 7\nretry: 10\n"
        for i in range(0, len(self.answer[1]), 3):
            body = json.dumps(self.chunk(content=self.answer[1][i:i + 3]), ensure_ascii=False).encode()
            at = body.index(b" ")
            text += b"data:" + body[:at] + b"\r\ndata: " + body[at:] + b"\r\n\r\n: still there\r\r"
        text += b"data: " + json.dumps(self.chunk(finish="stop")).encode() + b"\n\ndata: "
        text += json.dumps({"choices": [], "usage": self.usage()}).encode()
        for i in range(len(text)):
            self.piece(text[i:i + 1])
        self.ends()

    def unstreamed(self):
        """A whole reply although a stream was asked for."""
        self.body["stream"] = False
        self.say(*self.answer[:3])

    def reasons(self):
        self.say("Maybe the answer is (A).", self.answer[1], name="reasoning")

    def reasons_content(self):
        self.say("Maybe the answer is (A).", self.answer[1])

    def marked(self):
        self.say(None, "<|channel>thought\nMaybe the answer is (A).<channel|>" + self.answer[1] + "<turn|>")

    def think(self):
        self.say(None, "<think>Maybe the answer is (A).</think>\n\n" + self.answer[1])

    def half_think(self):
        """The template wrote the opening marker."""
        self.say(None, "Maybe the answer is (A).</think>\n\n" + self.answer[1])

    def endless_think(self):
        self.say(None, "<|channel>thought\nThe answer is (A). But wait")

    def two_thinks(self):
        """Thoughts between two parts of the answer."""
        self.say(None, "<think>Maybe the answer is (A).</think>Well. <think>Or the answer is (B)?</think>" + self.answer[1])

    def long(self):
        """3 MB, the answer at their end."""
        self.body["stream"] = False
        self.say(None, "So it goes on. " * 200000 + self.answer[1])

    def long_stream(self):
        self.stream()
        for _ in range(40):
            self.event(self.chunk(content="So it goes on. " * 1000))
        self.event(self.chunk(content=self.answer[1]))
        self.event(self.chunk(finish="stop"))
        self.ends()

    def empty(self):
        self.say(None, "")

    def blank(self):
        self.say(None, " \n\t ")

    def bad_bytes(self):
        """Bytes that are no UTF-8, around the answer."""
        text = json.dumps({"choices": [{"index": 0, "message": {"content": "@" + self.answer[1] + "@"}, "text": "@" + self.answer[1] + "@", "finish_reason": "stop"}]}, ensure_ascii=False)
        self.whole(200, text.encode().replace(b"@", b"\xff\xc3"))

    def surrogate(self):
        """Half a character, as json.dumps writes it."""
        self.say(None, "\ud83c" + self.answer[1])

    def nul(self):
        self.say(None, "\0" + self.answer[1])

    def glued(self):
        """The markers of the thought were dropped as special tokens."""
        self.say(None, "thought\nMaybe the answer is (A)." + self.answer[1])

    # ---- requests

    def status(self, kind):
        code, _, wait = kind.partition("-")
        later = {"now": "0", "later": "1", "date": email.utils.formatdate(time.time() + 2, usegmt=True), "ages": "86400"}
        self.whole(int(code), {"error": {"message": f"told to say {code}"}}, **({"Retry_After": later[wait]} if wait else {}))

    def fault(self):
        s, faults, every, where = self.server, self.server.opt.fault, self.server.opt.every, ""
        if self.path.startswith("/do/"):
            where = self.path.split("/")[2]
            faults = [x for x in where.split(",") if "=" not in x]
            every = int(where.partition("every=")[2] or 1)
        with s.lock:
            key = json.dumps(self.body.get("messages", self.body.get("prompt")))
            seen, tries = s.seen.setdefault(where, {}), s.tries.setdefault(where, {})
            number = seen.setdefault(key, len(seen))
            tries[key] = count = tries.get(key, 0) + 1
            if s.opt.log:
                right = self.headers.get("Authorization") == (f"Bearer {s.opt.key}" if s.opt.key else None)
                with open(s.opt.log, "a") as f:
                    f.write(json.dumps({"path": self.path, "body": self.body, "authorized": right, "try": count, "beside": s.beside}) + "\n")
        if number % every:
            return None
        for fault in faults:
            kind, _, times = fault.partition(":")
            if not times or count <= int(times):
                return kind
            count -= int(times)
        return None

    def do_GET(self):
        if self.server.opt.key and self.headers.get("Authorization") != f"Bearer {self.server.opt.key}":
            return self.whole(401, {"error": {"message": "no such key"}})
        self.whole(200, {"object": "list", "data": [{"id": "stub", **({"root": self.server.opt.root} if self.server.opt.root else {})}]}) if self.path.endswith("/models") else self.whole(404, {})

    def do_POST(self):
        self.body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.server.lock:
            self.server.beside += 1
        try:
            self.reply(self.fault())
        finally:
            with self.server.lock:
                self.server.beside -= 1

    def reply(self, kind):
        try:
            if self.server.opt.key and self.headers.get("Authorization") != f"Bearer {self.server.opt.key}":
                return self.whole(401, {"error": {"message": "no such key"}})
            time.sleep(self.server.opt.delay)
            if kind and kind[:1].isdigit():
                return self.status(kind)
            if self.body.get("echo") and self.server.opt.carat and not kind:
                return self.echoed(*self.server.brain.losses(self.body))
            if not self.body.get("echo"):
                self.answer = self.server.brain(self.path, self.body)
            getattr(self, kind.replace("-", "_"))() if kind else self.say(*self.answer[:3])
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True
        except subprocess.CalledProcessError as e:
            print(f"{e}\n{e.stderr}", file=sys.stderr)
            self.whole(500, {"error": {"message": e.stderr}})


def tell(runs):
    for path in runs:
        with open(os.path.join(path, "items.jsonl")) as f:
            last = {r["item"]: r for r in map(json.loads, f)}  # of several records of an item the last counts
        graded = [r for r in last.values() if r["outcome"] in ("right", "wrong")]
        missing = [r for r in last.values() if r["outcome"] == "not_measured"]
        faults = sorted({r["fault"] or r["finish"] for r in last.values() if r["outcome"] == "not_measured"})
        tries = sorted({r["tries"] for r in last.values()})
        with open(path + ".exit") as f:
            code = f.read().strip()
        print(f"{path}: exit {code}, graded {len(graded)}, unparsed {len(last) - len(graded) - len(missing)}, not measured {len(missing)}, tries {tries}", *[f": {x}" for x in faults])


def main():
    if sys.argv[1:2] == ["--tell"]:
        return tell(sys.argv[2:])
    p = argparse.ArgumentParser(usage=__doc__.split("usage: ")[1].split("\n\n")[0])
    p.add_argument("--port-file", required=True)
    p.add_argument("--log")
    p.add_argument("--key")
    p.add_argument("--carat")
    p.add_argument("--model")
    p.add_argument("--fault", action="append", default=[])
    p.add_argument("--every", type=int, default=1)
    p.add_argument("--reply")
    p.add_argument("--certificate")
    p.add_argument("--root", help="what /models says the checkpoint is")
    p.add_argument("--delay", type=float, default=0)
    opt = p.parse_args()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.opt, server.brain, server.lock, server.seen, server.tries, server.beside = opt, Brain(opt), threading.Lock(), {}, {}, 0
    if opt.certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(opt.certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    with open(opt.port_file + ".tmp", "w") as f:
        f.write(str(server.server_address[1]))
    os.rename(opt.port_file + ".tmp", opt.port_file)
    server.handle_error = lambda *_: None
    server.serve_forever()


if __name__ == "__main__":
    sys.exit(main())
