# A run of questions that is killed at any moments goes on and ends with the items of an undisturbed one: none lost, none twice.
# usage: eval_kill.sh [KILLS [SUITE...]]      12 kills by default, over all suites but latency; CARAT must name the program
[ $# -gt 0 ] || set -- "${CARAT_KILLS:-12}"
unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY
python3 - "$CARAT" "$ROOT" "$@" <<'PY'
import atexit, json, os, random, shutil, signal, subprocess, sys, time
carat, root, kills, only = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4:]
model = root + "/datasets/demo/model"
r = random.Random(11)
TIMES = "wait_s", "first_s", "seconds", "cached_tokens"  # what a kill may change

# The demo model writes no programs; a server does, so that answers wait for their graders when the kill comes.
PROGRAM = """```python
import time
a, b = input(), input()
time.sleep(0.1)
print(int(a) + int(b) if b.lstrip("-").isdigit() else a.count(b))
```"""
stub = subprocess.Popen([sys.executable, f"{root}/tests/support/openai_stub.py", "--port-file", "port", "--reply", PROGRAM])
atexit.register(stub.kill)
deadline = time.time() + 60
while not os.path.exists("port") and time.time() < deadline:
    time.sleep(0.05)
with open("port", encoding="utf-8") as f:
    server = ["--endpoint", f"http://127.0.0.1:{f.read()}/v1", "--model", "stub", "--parallel", "3"]
unsafe = []

MORE = {"kld": ["--reference", model, "-c", "64"], "perplexity": ["-c", "64"]}

def command(suite, run):
    which = [*server, *unsafe] if suite == "livecodebench" else [model, "--max-tokens", "40"]
    threads = "2" if suite == "livecodebench" else "1"
    return [carat, "eval", *which, "--suite", suite, *MORE.get(suite, []), "--limit", "8", "-t", threads, "-q", "-o", run]

def items(run):
    with open(f"{run}/items.jsonl", encoding="utf-8") as f:
        lines = [json.loads(line) for line in f]
    if lines[0]["suite"] == "latency":  # nothing but times
        return [(line["item"], line["id"], sorted(line)) for line in lines]
    return [{k: v for k, v in line.items() if k not in TIMES} for line in lines]

def report(run):
    with open(f"{run}/report.json", encoding="utf-8") as f:
        r = json.load(f)
    return sorted(r["results"]["latency"]) if "latency" in r["results"] else r

def undisturbed(suite):
    start = time.time()
    p = subprocess.run(command(suite, "whole-" + suite), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if p.returncode and "sandbox" in p.stderr and not unsafe:
        unsafe.append("--unsafe-no-sandbox")  # the program above does no harm
        return undisturbed(suite)
    assert p.returncode in (0, 5), (suite, p.returncode, p.stderr)
    return time.time() - start, p.returncode

def kill_once(suite, run, took):
    """-> was it killed before its end?"""
    p = subprocess.Popen(command(suite, run), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    time.sleep(r.uniform(0, min(1.1 * took, 3)))  # on a busy machine not for ever
    p.kill()
    err = p.communicate()[1]
    assert p.returncode in (-signal.SIGKILL, 0, 5), (p.returncode, err)
    if os.path.exists(f"{run}/items.jsonl"):
        with open(f"{run}/items.jsonl", "rb") as f:
            for line in f.read().split(b"\n")[:-1]:
                json.loads(line)  # whole lines are whole, whenever it was
    return p.returncode < 0

listed = subprocess.run([carat, "list", "suites"], capture_output=True, text=True, check=True).stdout
suites = [line.split()[0] for line in listed.splitlines()]
asking = [s for s in suites if (s in only if only else s != "latency" or kills > 12)]
done = dict.fromkeys(asking, 0)
took, code = {}, {}
for suite in asking:
    took[suite], code[suite] = undisturbed(suite)
while sum(done.values()) < kills:
    suite = min(asking, key=lambda s: done[s])
    shutil.rmtree("run", ignore_errors=True)
    for _ in range(r.randint(1, 4)):
        done[suite] += kill_once(suite, "run", took[suite])
    p = subprocess.run(command(suite, "run"), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert p.returncode == code[suite], (suite, p.returncode, p.stderr)
    assert items("run") == items("whole-" + suite), f"{suite}: the items differ"
    assert report("run") == report("whole-" + suite), f"{suite}: the reports differ"
    assert sorted(os.listdir("run")) == ["header.json", "items.jsonl", "lock", "report.json"], os.listdir("run")
if len(sys.argv) > 4 or kills > 12:
    print(*(f"{n} kills of {s}" for s, n in done.items()), sep="\n")
assert sum(done.values()) >= kills and all(done.values())
print("resumed")

PY
