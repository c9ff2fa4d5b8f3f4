# README's examples, run as they stand: each line it shows comes out, but for the numbers. "..." stands for any lines. A talk is typed on
# a terminal of its own; where a reply was stopped, only the stopping is compared.
cat >check.py <<'PY'
import os, re, subprocess, sys
root = os.environ["ROOT"]
os.symlink(os.path.join(root, "datasets"), "datasets")
os.environ["PATH"] = os.path.dirname(os.environ["CARAT"]) + os.pathsep + os.environ["PATH"]
plain = lambda s: re.sub(r"\s+", " ", re.sub(r"[-+]?\d[\d.]*(e[-+]?\d+)?", "#", re.sub(r"(?<=, )(ref|avx2|avx512|neon)(?= kernels)", "SET", s))).strip()
sys.path.insert(0, os.path.join(root, "tests", "support"))

def talk(command, shown):
    from terminal import Terminal
    t = Terminal(["sh", "-c", "exec " + command], columns=120, XDG_STATE_HOME=os.getcwd())
    t.wait(r"(^|\n)> $")
    for turn in re.findall(r"^> .*\n(?:[^>].*\n)*", shown, re.M):
        words, *want = turn[2:].splitlines()
        for attempt in range(10):
            t.type(words + "\n")
            if want[0].endswith("^C"):
                t.wait(r"\n[^>\n]")
                t.type("\3")
            got = t.wait(r"\n> $")
            if not want[0].endswith("^C") or want[1] in got:
                break
        want = want[1:] if want[0].endswith("^C") else want
        if [plain(line) for line in got.splitlines()[-1 - len(want):-1]] != [plain(line) for line in want]:
            sys.exit(f"{command}: README shows {want!r}, got {got!r}")
    t.type("\4")
    print("ok" if t.end() == 0 else "it did not end well", command.split()[1])

blocks = re.findall(r"^    \$ (.*)\n((?:    .*\n)*)", open(os.path.join(root, "README.md")).read(), re.M)
for command, shown in blocks:
    if command.startswith("carat chat"):
        talk(command, re.sub("^    ", "", shown, flags=re.M))
        continue
    run = subprocess.run(command, shell=True, capture_output=True, text=True)
    out = [plain(line) for line in run.stdout.splitlines()]
    at, loose = 0, False
    for line in shown.splitlines():
        want = plain(line)
        if want == "...":
            loose = True
            continue
        found = next((i for i in range(at, len(out)) if out[i] == want), None)
        if found is None or (found != at and not loose):
            sys.exit(f"{command}: README shows {line!r}, got {run.stdout} {run.stderr}")
        at, loose = found + 1, False
    print("ok" if run.returncode == 0 else run.returncode, command.split()[1])
PY
python3 check.py
