# What all live comparisons share: the program, counting, the last line that tests/run reads.      SPDX-License-Identifier: Apache-2.0
import os
import subprocess
import time

ROOT = os.environ.get("ROOT") or os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CARAT = os.environ.get("CARAT") or os.path.join(ROOT, "build", "carat")
counts = {"passed": 0, "failed": 0, "skipped": 0}


def check(ok, what):
    counts["passed" if ok else "failed"] += 1
    if not ok:
        print(f"FAIL {what}", flush=True)
    return ok


def skip(what):
    counts["skipped"] += 1
    print(f"SKIP {what}", flush=True)


def carat(*args, ok=(0,)):
    """What `carat ARGS` prints; another exit code than those in `ok` is a RuntimeError."""
    p = subprocess.run([CARAT, *map(str, args)], capture_output=True, text=True)
    if p.returncode not in ok:
        raise RuntimeError(f"carat {' '.join(map(str, args))[:200]}: exit {p.returncode}: {p.stderr.strip()[:300]}")
    return p.stdout


def main(*parts):
    """Runs the parts, prints the counts; the exit code."""
    start = time.time()
    for part in parts:
        try:
            part()
        except (RuntimeError, ValueError, OSError, subprocess.CalledProcessError) as e:
            check(False, f"{part.__name__}: {e}")
    print(f"{time.time() - start:.0f} s")
    print(f"{counts['passed']} passed, {counts['failed']} failed, {counts['skipped']} skipped")
    return 1 if counts["failed"] else 0
