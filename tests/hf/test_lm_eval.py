#!/usr/bin/env python3
"""MMLU-Pro as lm-evaluation-harness puts it: the same endpoint is asked the same, and the same letters are read.  SPDX-License-Identifier: Apache-2.0

usage: tests/hf/test_lm_eval.py       ($CARAT and $ROOT as tests/run sets them)
lm_eval's own task, unchanged but for where its rows come from, and carat eval both ask one loopback server, plain and with chat turns. Rows: the
built-in sample under names of official categories, and 70 official ones where ../shared has them.
"""
import hashlib
import http.server
import json
import os
import shutil
import sys
import tempfile
import threading

for offline in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "TRANSFORMERS_OFFLINE"):
    os.environ[offline] = "1"
os.environ["HF_HOME"] = cache = tempfile.mkdtemp(prefix="carat-lm-eval-cache-")
os.environ.update(OPENAI_API_KEY="none", TQDM_DISABLE="1", HF_DATASETS_DISABLE_PROGRESS_BARS="1")
from tally import ROOT, carat, check, main, skip  # noqa: E402

SHARED = os.path.join(ROOT, "..", "shared", "data", "eval", "mmlu_pro")
RENAMED = dict(geography="history", language="psychology", logic="computer science")
REPLIES = [" So it follows. The answer is ({0}).", " the answer is {0}, no, the answer is ({1}).", " Answer: {0}", " I would say {0}", " Who knows?", "",
           " The answer is **{0}**.", " the answer is\n({0})", " The answer is ({0}).\n\nQuestion:\nAnother one? The answer is ({1}).",
           " answer is ({0}\nanswer is {1}", " The answer is (K). The answer is {0}"]


def reply_to(text):
    """A reply that hangs on the prompt alone, in one of the forms that models have."""
    h = hashlib.sha256(text.encode()).digest()
    return REPLIES[h[0] % len(REPLIES)].format("ABCDEFGHIJ"[h[1] % 10], "ABCDEFGHIJ"[h[2] % 10])


class Server(http.server.ThreadingHTTPServer):
    """Speaks as much of OpenAI's protocol as both programs need, and keeps what it was asked."""
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked, self.lock = [], threading.Lock()
        threading.Thread(target=self.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server_port}/v1"

    def take(self):
        with self.lock:
            asked, self.asked = self.asked, []
        return asked


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def send(self, body, kind="application/json"):
        data = body.encode()
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        self.send(json.dumps({"object": "list", "data": [{"id": "stub", "object": "model"}]}))

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        chat = self.path.endswith("/chat/completions")
        prompts = [json.dumps(body["messages"], sort_keys=True)] if chat else body["prompt"] if isinstance(body["prompt"], list) else [body["prompt"]]
        with self.server.lock:
            self.server.asked += prompts
        choices = []
        for i, prompt in enumerate(prompts):
            text = reply_to(prompt)
            for stop in body.get("stop") or []:
                text = text.split(stop)[0]
            part = {"message": {"role": "assistant", "content": text}} if chat else {"text": text}
            choices.append({"index": i, "finish_reason": "stop", **part})
        head = {"id": "x", "created": 0, "model": "stub", "object": "chat.completion" if chat else "text_completion"}
        if not body.get("stream"):
            self.send(json.dumps({**head, "choices": choices, "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}}))
            return
        if chat:
            choices[0]["delta"] = choices[0].pop("message")
            head["object"] = "chat.completion.chunk"
        self.send(f"data: {json.dumps({**head, 'choices': choices})}\n\ndata: [DONE]\n\n", "text/event-stream")


def own_tasks(folder, rows):
    """lm_eval's mmlu_pro folder with its rows from local files -> the names of its tasks."""
    import lm_eval
    source = os.path.join(os.path.dirname(lm_eval.__file__), "tasks", "mmlu_pro")
    shutil.copytree(source, folder, ignore=shutil.ignore_patterns("__pycache__"))
    path = os.path.join(folder, "_default_template_yaml")
    with open(path) as f:
        text = f.read()
    kind = "json" if rows["test"].endswith(".jsonl") else "parquet"
    changed = text.replace("dataset_path: TIGER-Lab/MMLU-Pro\n", f"dataset_path: {kind}\ndataset_kwargs:\n  data_files: {json.dumps(rows)}\n")
    assert changed != text, "the task names its rows in another way"
    with open(path, "w") as f:
        f.write(changed)


def harness(folder, rows, categories, server, chat):
    """-> {question_id: (prompt as sent, letter or None, right)} of lm_eval, and all prompts the server saw."""
    import lm_eval
    from lm_eval.tasks import TaskManager
    own_tasks(folder, rows)
    tasks = ["mmlu_pro_" + c.replace(" ", "_") for c in categories]
    kind, path = ("local-chat-completions", "/chat/completions") if chat else ("local-completions", "/completions")
    result = lm_eval.simple_evaluate(
        model=kind, tasks=tasks, log_samples=True, bootstrap_iters=0, apply_chat_template=chat, fewshot_as_multiturn=chat,
        model_args=dict(model="stub", base_url=server.url + path, tokenizer_backend=None, tokenized_requests=False, num_concurrent=1, max_retries=1),
        task_manager=TaskManager(include_path=folder, include_defaults=False))
    found = {}
    for task in tasks:
        for s in result["samples"][task]:
            letter = s["filtered_resps"][0]
            found[str(s["doc"]["question_id"])] = (None if letter == "[invalid]" else letter, s["exact_match"] == 1)
    return found, sorted(server.take())


def compare(name, rows, data, categories):
    server = Server()
    for variant, chat in (("lm-eval", False), ("lm-eval-chat", True)):
        with tempfile.TemporaryDirectory() as folder:
            theirs, asked = harness(os.path.join(folder, "tasks"), rows, categories, server, chat)
            run = os.path.join(folder, "run")
            carat("eval", "--endpoint", server.url, "--model", "stub", "--suite", "mmlu-pro", "--variant", variant, "--data", f"mmlu-pro={data}",
                  "--parallel", "4", "-o", run, "-q")
            with open(os.path.join(run, "items.jsonl")) as f:
                records = [json.loads(line) for line in f]
        ours = {r["id"]: (r["pred"], r["outcome"] == "right") for r in records}
        mine = sorted(server.take())
        check(len(theirs) > 20 and len(ours) == len(theirs), f"{name} {variant}: {len(ours)} items, lm_eval has {len(theirs)}")
        check(mine == asked, f"{name} {variant}: prompts differ: {next((f'{a!r} {b!r}' for a, b in zip(mine, asked) if a != b), (len(mine), len(asked)))}")
        for key, verdict in theirs.items():
            check(ours.get(key) == verdict, f"{name} {variant} {key}: {ours.get(key)}, lm_eval says {verdict}")
        letters = [v[0] for v in theirs.values()]
        check(0 < letters.count(None) < len(letters), f"{name} {variant}: replies are of one form: {letters}")
    server.shutdown()


def built_in():
    with tempfile.TemporaryDirectory() as folder:
        rows, categories = {}, set()
        for split, sample in (("test", "mmlu-pro"), ("validation", "mmlu-pro-validation")):
            rows[split] = os.path.join(folder, split + ".jsonl")
            with open(rows[split], "w") as f:
                for line in carat("datasets", "cat", "sample:" + sample).splitlines():
                    row = json.loads(line)
                    row["category"] = RENAMED.get(row["category"], row["category"])
                    categories.add(row["category"])
                    f.write(json.dumps(row) + "\n")
        compare("sample", rows, folder, sorted(categories))


def official():
    rows = {"test": os.path.join(SHARED, "test70.parquet"), "validation": os.path.join(SHARED, "validation-00000-of-00001.parquet")}
    if not os.path.exists(rows["test"]):
        skip(f"official rows: no {rows['test']}")
        return
    categories = ("biology business chemistry computer_science economics engineering health history law math other philosophy physics psychology")
    compare("official", rows, rows["test"], [c.replace("_", " ") for c in categories.split()])


if __name__ == "__main__":
    try:
        import lm_eval  # noqa: F401
    except ImportError:
        skip("lm_eval is not installed")
        print("0 passed, 0 failed, 1 skipped")
        sys.exit(0)
    try:
        code = main(built_in, official)
    finally:
        shutil.rmtree(cache, ignore_errors=True)
    sys.exit(code)
