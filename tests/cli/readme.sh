# README's examples, run as they stand: each line it shows comes out, but for the numbers. "..." stands for any lines.
cat >check.py <<'PY'
import os, re, subprocess, sys
root = os.environ["ROOT"]
os.symlink(os.path.join(root, "datasets"), "datasets")
os.environ["PATH"] = os.path.dirname(os.environ["CARAT"]) + os.pathsep + os.environ["PATH"]
plain = lambda s: re.sub(r"\s+", " ", re.sub(r"[-+]?\d[\d.]*(e[-+]?\d+)?", "#", re.sub(r"(?<=, )(ref|avx2|avx512|neon)(?= kernels)", "SET", s))).strip()
blocks = re.findall(r"^    \$ (.*)\n((?:    .*\n)*)", open(os.path.join(root, "README.md")).read(), re.M)
for command, shown in blocks:
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
