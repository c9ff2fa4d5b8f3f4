# A quantize run that is killed at any moment leaves nothing under the final name that is not whole; Ctrl-C leaves nothing at all.
# usage: kill.sh [KILLS]      20 by default; CARAT must name the program
python3 "$ROOT/tests/support/tiny.py" src --hidden 128 --layers 6 --vocab 512
$CARAT quantize src whole --scheme int4-g32 >/dev/null
python3 - "$CARAT" "${1:-20}" <<'PY'
import os, random, signal, subprocess, sys, time
carat, kills = sys.argv[1], int(sys.argv[2])
r = random.Random(7)
command = [carat, "quantize", "src", "out", "--scheme", "int4-g32", "-q"]

def same(a, b):
    return subprocess.run(["diff", "-r", a, b], capture_output=True).returncode == 0

def run(sig, after, *more):
    p = subprocess.Popen(command + list(more), stderr=subprocess.PIPE, text=True)
    time.sleep(after)
    p.send_signal(sig)
    err = p.communicate()[1]
    return p.returncode, err

t = time.time()
subprocess.run(command, check=True)
took = time.time() - t
assert same("out", "whole")
subprocess.run(["cp", "-r", "out", "old"], check=True)
ended = {"killed": 0, "finished": 0}
for i in range(kills):
    fresh = i % 2 == 0
    subprocess.run(["rm", "-rf", "out"], check=True)
    if not fresh:  # a run that replaces: the old directory or the new one stands there, nothing else
        subprocess.run(["cp", "-r", "old", "out"], check=True)
    code, err = run(signal.SIGKILL, r.uniform(0, 1.3 * took), *([] if fresh else ["--force"]))
    ended["killed" if code else "finished"] += 1
    if os.path.exists("out"):
        assert same("out", "whole"), f"kill {i}: a directory under the final name that is not whole"
    else:
        assert fresh and code, f"kill {i}: the replaced directory is gone"
assert ended["killed"] >= kills // 4, ended
subprocess.run(["rm", "-rf", "out"], check=True)
codes = set()
for i in range(6):
    code, err = run(signal.SIGINT, r.uniform(0.3, 0.9) * took)
    codes.add(code)
    if code == 130:
        assert err.count("\n") == 1 and "interrupted" in err, err
        assert not os.path.exists("out") and not [f for f in os.listdir(".") if f.startswith("out.partial")], "left behind"
    subprocess.run(["rm", "-rf", "out"], check=True)
assert codes <= {0, 130, -signal.SIGINT}, codes
subprocess.run(command, check=True)
left = [f for f in os.listdir(".") if f.startswith("out.partial")]
assert same("out", "whole") and not left, left
print("whole or absent, every time; the next run cleared what was left")
PY
