#!/usr/bin/env python3
"""carat eval over other people's servers of OpenAI's protocol: the prompts and the replies of the demo model are those of `carat eval MODEL`.
                                                                                SPDX-License-Identifier: Apache-2.0
llama.cpp's llama-server: where it is built already, or with CARAT_LLAMA=1, which builds it (scripts/llama: a quarter of an hour).
transformers' `transformers serve`: with CARAT_SERVE=1 (it takes minutes to start on a busy machine; wants fastapi, uvicorn, openai, accelerate).
"""
import hashlib
import http.server
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

import tally
from tally import CARAT, ROOT, check, skip

MODEL = os.path.join(ROOT, "datasets/demo/model")
SUITES = "mmlu-pro,gsm8k,mrcr"
KEY = "sk-live-0123456789abcdef"


def post(url, body, key=KEY):
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json", "Authorization": f"Bearer {key}"})
    with urllib.request.urlopen(request, timeout=300) as r:
        return r.read(), r.headers.get("Content-Type")


class Between(http.server.BaseHTTPRequestHandler):
    """Stands between carat and the server, and writes down what is asked."""
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, data, kind):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        self.answer(404, b"{}", "application/json")

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.bodies.append(body)
        try:
            self.answer(200, *post(self.server.to + self.path, body, self.headers["Authorization"].split()[-1]))
        except urllib.error.HTTPError as e:
            self.answer(e.code, e.read(), "application/json")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def serve(argv, port, work, name):
    """Starts a server and waits until it is healthy."""
    log = open(os.path.join(work, name + ".log"), "w")
    p = subprocess.Popen(argv, stdout=log, stderr=log, env={**os.environ, "HF_HUB_OFFLINE": "1"})
    for _ in range(1200):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as r:
                if r.status == 200:
                    return p
        except OSError:
            pass
        if p.poll() is not None:
            break
        time.sleep(.25)
    p.kill()
    with open(log.name) as f:
        raise RuntimeError(f"{name} does not start: {f.read()[-2000:]}")


def records(run):
    with open(os.path.join(run, "items.jsonl")) as f:
        return {(r["suite"], r["item"]): {**r, "final": r.get("content") or r["reply"]} for r in map(json.loads, f)}


def ask(*args):
    p = subprocess.run([CARAT, "eval", *map(str, args), "-q"], capture_output=True, text=True, env={**os.environ, "CARAT_API_KEY": KEY})
    if p.returncode not in (0, 5):
        raise RuntimeError(f"carat eval: {p.returncode}: {p.stderr}")


def compare(name, here, there, keys):
    check(here.keys() == there.keys(), f"{name}: the same items")
    for k in keys:
        odd = [i for i in here if here[i].get(k) != there[i].get(k)]
        what = f": {odd[0]}: {here[odd[0]].get(k)!r}, {there[odd[0]].get(k)!r}" if odd else ""
        check(not odd, f"{name}: {k} of {len(odd)} in {len(here)} items{what}")


def over(url, model, work, name, suites, limit, *more):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Between)
    server.daemon_threads, server.to, server.bodies = True, url, []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    out = os.path.join(work, name)
    ask("--endpoint", f"http://127.0.0.1:{server.server_address[1]}/v1", "--model", model, "--suite", suites, "--limit", limit, "--parallel", 2,
        "-o", out, *more)
    server.shutdown()
    return records(out), server.bodies


def llama_prompts(url, bodies):
    """The exact prompts, as the server's own template makes them (it adds <bos> behind the template)."""
    for b in bodies:
        if "prompt" in b:
            yield b["prompt"]
        else:
            made = json.loads(post(url + "/apply-template", {"messages": b["messages"], "chat_template_kwargs": b["chat_template_kwargs"]})[0])
            yield "<bos>" + made["prompt"]


def test_llama(work):
    built = os.environ.get("CARAT_LLAMA_DIR", os.path.expanduser("~/.cache/carat/llama"))
    if not os.environ.get("CARAT_LLAMA") and not os.path.exists(os.path.join(built, "bin/llama-server")):
        return skip("llama-server is not built; CARAT_LLAMA=1 builds it")
    where = subprocess.run([os.path.join(ROOT, "scripts/llama")], capture_output=True, text=True, check=True).stdout.strip()
    gguf, port = os.path.join(work, "demo.gguf"), free_port()
    subprocess.run([sys.executable, f"{where}/src/convert_hf_to_gguf.py", MODEL, "--outtype", "f32", "--outfile", gguf], check=True, capture_output=True,
                   env={**os.environ, "PYTHONPATH": f"{where}/src/gguf-py"})
    p = serve([f"{where}/bin/llama-server", "-m", gguf, "--host", "127.0.0.1", "--port", str(port), "-t", "1", "-c", "4096", "-np", "2", "-ctk", "f32",
               "-ctv", "f32", "--jinja", "--api-key", KEY], port, work, "llama-server")
    url = f"http://127.0.0.1:{port}"
    try:
        for variant in ("local", "api"):
            here = os.path.join(work, "here-" + variant)
            ask(MODEL, "--suite", SUITES, "--variant", "mmlu-pro=" + variant, "--limit", 10, "--max-tokens", 96, "-t", 1, "-o", here)
            here = records(here)
            for stream in ("on", "off"):
                there, bodies = over(url, "demo", work, f"llama-{variant}-{stream}", SUITES, 10, "--variant", "mmlu-pro=" + variant, "--max-tokens", 96,
                                     "--set", f"stream={stream}")
                compare(f"llama.cpp, {variant}, stream {stream}", here, there, ("final", "finish", "outcome", "score", "pred", "prompt_tokens", "fault"))
                sums = {hashlib.sha256(x.encode()).hexdigest() for x in llama_prompts(url, bodies)}
                check({r["prompt_sha256"] for r in here.values()} == sums, f"llama.cpp, {variant}: the same prompts byte for byte")
    finally:
        p.terminate()
        p.wait(30)


# The demo's checkpoint has no processor for images, without which `transformers serve` does not take a Gemma 4: it gets the tokenizer.
SERVE = """
import sys
from transformers import AutoTokenizer
from transformers.cli.serving.model_manager import ModelManager
ModelManager._load_processor = lambda self, where, gguf_file=None: AutoTokenizer.from_pretrained(where.rsplit("@", 1)[0])
from transformers.cli.transformers import main
sys.argv = ["transformers", "serve", "--host", "127.0.0.1", "--port", sys.argv[1], "--device", "cpu", "--dtype", "float32", sys.argv[2]]
main()
"""


def test_transformers(work):
    from transformers.utils.import_utils import is_serve_available
    if not os.environ.get("CARAT_SERVE"):
        return skip("transformers serve: CARAT_SERVE=1 asks for it")
    if not is_serve_available():
        return skip("transformers serve: fastapi, uvicorn or openai is not installed")
    port = free_port()
    p = serve([sys.executable, "-c", SERVE, str(port), MODEL], port, work, "transformers")
    try:
        here = os.path.join(work, "here")
        ask(MODEL, "--suite", "mmlu-pro,gsm8k", "--variant", "mmlu-pro=api", "--limit", 6, "--max-tokens", 96, "-t", 1, "-o", here)
        for stream in ("on", "off"):
            there, _ = over(f"http://127.0.0.1:{port}", MODEL, work, "transformers-" + stream, "mmlu-pro,gsm8k", 6, "--variant", "mmlu-pro=api",
                            "--max-tokens", 96, "--set", f"stream={stream}")
            compare(f"transformers, stream {stream}", records(here), there, ("final", "finish", "outcome", "score", "pred", "prompt_tokens", "fault"))
    finally:
        p.kill()
        p.wait(30)


def main():
    with tempfile.TemporaryDirectory() as work:
        def llama():
            test_llama(work)

        def transformers():
            test_transformers(work)

        return tally.main(llama, transformers)


if __name__ == "__main__":
    sys.exit(main())
