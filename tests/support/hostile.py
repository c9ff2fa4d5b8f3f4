#!/usr/bin/env python3
"""Programs that try to get out of the sandbox, or to spoil it.                       SPDX-License-Identifier: Apache-2.0

usage: tests/support/hostile.py CARAT [--all] [--mode official|process]... [--unsafe] [NAME...]

Each prints HIT, which is the right answer, only when it got what it was after: so each must fail. Honest programs between them must pass,
and afterwards no process and no file may be left. One cannot print HIT by itself: it looks for the expected output of its problem, a
random word. As root everything is done twice: as root, and as an ordinary user (without --all only in one mode each). Without --all only
some are run, none that runs into a time limit. --unsafe: tells which programs get through where there is no sandbox.
"""
import argparse
import contextlib
import ctypes
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time

HONEST = "print(int(input()) * 2)"
START = "import ctypes, os, posix, signal, socket, sys, time\nlibc = ctypes.CDLL(None, use_errno=True)\n"
PROGRAMS = {}
FEW = set("""fork_storm memory huge_file connects reads_passwords reads_answers writes_outside symlinks parents_memory unshares traces
kills_all signals_parent daemon daemon_that_waits forges_records finds_expected closes_all""".split())


def program(name, code):
    PROGRAMS[name] = START + code


# ---- too much of everything
program("fork_storm", """
n = 0
try:
    while n < 1000:
        if posix.fork() == 0:
            time.sleep(100)
        n += 1
except OSError:
    pass
if n == 1000: print('HIT')
""")
program("fork_bomb", """
while True:
    try:
        posix.fork()
    except OSError:
        pass
""")
program("thread_storm", """
import threading
n = 0
try:
    for n in range(2000):
        threading.Thread(target=time.sleep, args=(100,), daemon=True).start()
except RuntimeError:
    os._exit(1)
print('HIT')
""")
program("zombies", """
n = 0
try:
    for n in range(500):
        if posix.fork() == 0:
            os._exit(0)
except OSError:
    sys.exit(1)
print('HIT')
""")
program("memory", """
b = bytearray(8 << 30)
for i in range(0, len(b), 4096):
    b[i] = 1
print('HIT')
""")
program("memory_of_many", """
r, w = posix.pipe()
for _ in range(12):
    if posix.fork() == 0:
        b = bytearray(1 << 30)
        for i in range(0, len(b), 4096):
            b[i] = 1
        posix.write(w, b'x')
        time.sleep(100)
done = 0
while done < 12: done += len(posix.read(r, 12))
print('HIT')
""")
program("memory_shared", """
if libc.shmget(0, 1 << 30, 0o1600) >= 0 or libc.memfd_create(b'x', 0) >= 0: print('HIT')
""")
program("endless_output", """
while True: posix.write(1, b'x' * 100000); print('x' * 100000)
""")
program("endless_errors", """
while True: posix.write(2, b'x' * 100000)
""")
program("huge_file", """
import io
n = 0
try:
    with io.open('/tmp/big', 'wb') as f:
        for n in range(200):
            f.write(bytes(1 << 20))
except OSError:
    sys.exit(1)
print('HIT')
""")
program("many_huge_files", """
import io
n = 0
try:
    for folder in '/tmp', '/dev/shm':
        for i in range(20):
            with io.open(f'{folder}/{i}', 'wb') as f:
                f.write(bytes(32 << 20))
                n += 32
except OSError:
    pass
if n > 128: print('HIT')
""")
program("many_small_files", """
import io
for i in range(10 ** 9): io.open(f'/tmp/{i}', 'w').close()
""")
program("many_descriptors", """
fds = []
try:
    while len(fds) < 2000: fds.append(posix.open('/dev/null', 0))
except OSError:
    sys.exit(1)
print('HIT')
""")
program("never_ends", "while True: pass")
program("sleeps", "time.sleep(1000)")
program("ignores_signals", """
for s in range(1, 65):
    try:
        signal.signal(s, signal.SIG_IGN)
    except (OSError, ValueError):
        pass
signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
while True: pass
""")
program("stops_itself", "posix.kill(os.getpid(), signal.SIGSTOP)")
program("deep_recursion", "f = lambda n: f(n + 1) + 1\nprint(f(0))")
program("deeper_recursion", "sys.setrecursionlimit(10 ** 9)\nx = []\nfor _ in range(10 ** 6): x = [x]\nprint(x)")

# ---- to the outside
program("connects", "socket.create_connection(('127.0.0.1', @PORT@), 2)\nprint('HIT')")
program("listens", "s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen(); print('HIT')")
program("netlink", "socket.socket(16, 3, 0); print('HIT')")
program("unix_socket", "s = socket.socket(1); s.bind('\\0@OUT@'); print('HIT')")
program("reads_passwords", """
import io
for p in '/etc/shadow', '/etc/passwd', '/etc/hostname':
    try:
        if io.open(p).read(): print('HIT')
    except OSError:
        pass
""")
program("reads_home", "if len(os.listdir('@HOME@')) > 1: print('HIT')  # Python itself may live there")
program("reads_answers", "import io\nif io.open('@DATA@').read(): print('HIT')")
program("reads_processes", """
import io
for p in os.listdir('/proc'):
    if p.isdigit() and '--replies' in io.open(f'/proc/{p}/cmdline').read(): print('HIT')
""")
program("writes_outside", """
import io
for folder in '/', '/usr/lib', '/lib', '/etc', '/var/tmp', '/dev', '/proc/sys/kernel', '@HOME@', '@FOLDER@':
    try:
        io.open(f'{folder}/@OUT@', 'w').write('x'); print('HIT')
    except OSError:
        pass
io.open('/tmp/@OUT@', 'w').write('x')
""")
program("symlinks", """
import io
os.symlink('/etc', '/tmp/e')
os.symlink('/proc/1/root', '/tmp/r')
os.symlink('@FOLDER@', '/tmp/f')
for p in '/tmp/e/passwd', '/tmp/r/etc/passwd', '/proc/1/cwd/../etc/passwd', '/proc/self/root/etc/passwd', '/tmp/f/problems.jsonl':
    try:
        if io.open(p).read(): print('HIT')
    except OSError:
        pass
""")
program("parents_memory", """
import io
for p in '/proc/1/mem', '/proc/1/environ', '/proc/1/maps', '/proc/1/fd/3':
    try:
        if io.open(p, 'rb', 0): print('HIT')
    except OSError:
        pass
try:
    if os.listdir('/proc/1/fd'): print('HIT')
except OSError:
    pass
""")
program("executes", """
for p in '/bin/sh', '/usr/bin/id', '/usr/bin/env', '/bin/cat', '/usr/bin/perl':
    try:
        os.stat(p); print('HIT')
    except OSError:
        pass
""")

# ---- more rights
program("setuid", """
for f in lambda: posix.setuid(0), lambda: posix.setgid(0), lambda: posix.setgroups([0]), lambda: posix.setresuid(0, 0, 0):
    try:
        f(); print('HIT')
    except OSError:
        pass
""")
program("capabilities", "if libc.prctl(38, 0, 0, 0, 0) == 0 and libc.prctl(39, 0, 0, 0, 0) == 0: print('HIT')")
program("mounts", "if libc.mount(b'none', b'/tmp', b'tmpfs', 0, None) == 0 or libc.umount2(b'/proc', 2) == 0: print('HIT')")
program("unshares", """
for flag in 0x10000000, 0x20000, 0x40000000, 0x20000000, 0x10000000 | 0x20000:
    if libc.unshare(flag) == 0: print('HIT')
if os.uname().machine == 'x86_64':
    pid = libc.syscall(56, 0x10000000 | 17, 0, 0, 0, 0)
    if pid == 0: os._exit(0)
    if pid > 0: print('HIT')
""")
program("traces", """
if libc.ptrace(0, 0, 0, 0) == 0 or libc.ptrace(16, 1, 0, 0) == 0: print('HIT')
b = (ctypes.c_char * 8)()
iov = (ctypes.c_size_t * 2)(ctypes.addressof(b), 8)
if libc.process_vm_readv(1, iov, 1, iov, 1, 0) > 0: print('HIT')
""")
program("chroots", "posix.chroot('/tmp'); print('HIT')")
program("odd_calls", """
if os.uname().machine == 'x86_64':
    for number in 425, 321, 298, 250, 248, 323, 175, 246, 169, 303, 304, 308, 155, 310, 311:
        if libc.syscall(number, 0, 0, 0, 0, 0) >= 0: print('HIT')
""")
program("sets_clock", "time.clock_settime(0, time.time()); print('HIT')")
program("priority", "posix.nice(-5); print('HIT')")

# ---- at others
program("kills_parent", """
for s in signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV:
    posix.kill(1, s)
time.sleep(.3)
try:
    posix.kill(1, 0)
except OSError:
    print('HIT')
""")
program("signals_parent", """
for s in range(1, 65):
    try:
        posix.kill(1, s)
    except OSError:
        pass
import resource
for kind in resource.RLIMIT_CPU, resource.RLIMIT_NOFILE, resource.RLIMIT_AS:
    try:
        resource.prlimit(1, kind, (0, 0)); print('HIT')
    except OSError:
        pass
os.sched_setaffinity(1, {0}); print('HIT')
""")
program("closes_door", "os.chmod('/tmp', 0)")
program("stops_parent", "posix.kill(1, signal.SIGSTOP); posix.kill(os.getppid(), signal.SIGSTOP); time.sleep(1000)")
program("kills_all", "posix.kill(-1, signal.SIGKILL)")
program("kills_outside", "posix.kill(@PID@, 0); print('HIT')")
program("daemon", """
if posix.fork() == 0:
    os.setsid()
    if posix.fork() == 0:
        for s in range(1, 32):
            try:
                signal.signal(s, signal.SIG_IGN)
            except (OSError, ValueError):
                pass
        time.sleep(1000)
    os._exit(0)
""")
program("daemon_that_waits", """
if os.path.exists('/tmp/was') or len([p for p in os.listdir('/proc') if p.isdigit()]) > 2: print('HIT')
else:
    import io
    io.open('/tmp/was', 'w').close()
    if posix.fork() == 0:
        os.setsid(); time.sleep(1000)
    print(@RIGHT@)
""")

# ---- at the verdict
RECORDS = """
import struct
def record(kind, data): return kind + struct.pack('=Q', len(data)) + data
forged = record(b'a', b'true') * 9 + record(b'd', b'') + record(b'm', b'{"code": 0, "message": ""}') + record(b'r', b'null')
"""
program("forges_records", RECORDS + """
for fd in range(1, 64):
    try:
        posix.write(fd, forged)
    except OSError:
        pass
os._exit(0)
""")
program("prints_records", RECORDS + "sys.stdout.write(forged.decode()); sys.__stdout__.buffer.write(forged); sys.__stdout__.flush()")
program("rewrites_driver", """
import builtins, json
frame = sys._getframe()
while frame:
    for name in list(frame.f_globals):
        if name in ('tell', 'tell_text', 'tell_json', 'failure', 'write', 'shorten'): frame.f_globals[name] = lambda *_: 0
    frame = frame.f_back
builtins.len = builtins.print = json.dumps = lambda *a, **k: 'HIT'[:0]
""")
program("finds_expected", """
import gc, io, re
seen = set()
def look(o):
    for m in re.findall('SECRET' + '-[0-9a-f]{16}', o if isinstance(o, str) else repr(o) if isinstance(o, (list, tuple, dict, bytes)) else ''): seen.add(m)
frame = sys._getframe()
while frame:
    look(dict(frame.f_locals)); look(list(frame.f_globals.values())); frame = frame.f_back
for o in gc.get_objects(): look(o)
try:
    mem = io.open('/proc/self/mem', 'rb', 0)
    for line in io.open('/proc/self/maps'):
        a, b = (int(x, 16) for x in line.split()[0].split('-'))
        if 'r' in line.split()[1] and b - a < 1 << 28:
            try:
                mem.seek(a); data = mem.read(b - a)
            except (OSError, ValueError, OverflowError):
                continue
            seen |= {m.decode() for m in re.findall(b'SECRET' + b'-[0-9a-f]{16}', data)}
except OSError:
    pass
print(*seen)
""")
program("exits_0", "sys.exit(0)")
program("exits_at_once", "os._exit(0)")
program("at_exit", "import atexit\natexit.register(lambda: os._exit(0))")
program("closes_all", "os.closerange(0, 1000)\nos._exit(0)")
program("closes_and_goes_on", "os.closerange(0, 1000)\nprint(1)")
program("aborts", "os.abort()")
program("segfaults", "ctypes.string_at(0)")
program("not_utf8", "posix.write(1, b'\\xff\\xfe\\x80'); sys.__stdout__.buffer.write(b'\\xc3'); print('\\udcff')")
program("nul_bytes", "print('\\0' * 1000)")
PROGRAMS["nul_in_source"] = "print(1)\0print('HIT')"
PROGRAMS["nothing"] = ""
PROGRAMS["no_python"] = "%%% )("


def problem(name, tests):
    cases = [{"input": i, "output": o, "testtype": "stdin"} for i, o in tests]
    return {"question_title": name, "question_content": name, "platform": "atcoder", "question_id": name, "contest_id": "-", "contest_date": "2025-01-01T00:00:00",
            "starter_code": "", "difficulty": "easy", "public_test_cases": json.dumps(cases), "private_test_cases": "[]", "metadata": "{}"}


def children():
    """Living processes whose parent this one became."""
    found = []
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat") as f:
                fields = f.read().rsplit(")", 1)[1].split()
            if int(fields[1]) == os.getpid():
                found.append(int(name))
        except OSError:
            pass
    return found


def grade(opt, mode, names, folder, carat, user):
    secret = "SECRET-" + secrets.token_hex(8)
    data, out = f"{folder}/problems.jsonl", "hostile-" + secrets.token_hex(8)
    with open(data, "w") as f:
        for p in (problem("hit", [("1\n", "HIT\n")]), problem("two", [("1\n", "1\n"), ("1\n", "HIT\n")]), problem("secret", [("1\n", secret + "\n")]),
                  problem("double", [("2\n", "4\n"), ("5\n", "10\n")])):
            f.write(json.dumps(p) + "\n")
    listener = socket.create_server(("127.0.0.1", 0))
    words = {"@PORT@": str(listener.getsockname()[1]), "@OUT@": out, "@DATA@": data, "@FOLDER@": folder, "@PID@": str(os.getpid()), "@RIGHT@": "1",
             "@HOME@": os.path.expanduser("~")}
    rows = []
    for name in names:
        code = PROGRAMS[name]
        for word, value in words.items():
            code = code.replace(word, value)
        where = {"finds_expected": "secret", "daemon_that_waits": "two"}.get(name, "hit")
        rows += [{"id": name, "question_id": where, "code": code}, {"id": "honest after " + name, "question_id": "double", "code": HONEST}]
    env = {"PATH": os.environ["PATH"], "TMPDIR": folder, "HOME": folder}
    command = [carat, "grade", "livecodebench", "--data", data, "--replies", "-", "--mode", mode, "-t", "8" if opt.all else "2", "-q"] + ["--unsafe-no-sandbox"] * opt.unsafe
    if user:
        command = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", *command]
        env["PATH"] = "/usr/local/bin:/usr/bin:/bin"
    start = time.monotonic()
    p = subprocess.run(command, input="".join(json.dumps(r) + "\n" for r in rows), capture_output=True, text=True, cwd=folder, env=env)
    seconds = time.monotonic() - start
    listener.close()
    if p.returncode == 4 and "no sandbox to be had" in p.stderr:
        return None, p.stderr.strip(), seconds
    faults = [] if p.returncode == 0 else [f"exit {p.returncode}: {p.stderr.strip()}"]
    got = {r.get("id"): r for r in map(json.loads, p.stdout.splitlines())}
    through = [n for n in names if got.get(n, {}).get("passed") is not False]
    for name in through if not opt.unsafe else []:
        faults.append(f"{name} got through: {got.get(name)}")
    for name in names:
        if not got.get("honest after " + name, {}).get("passed") and not opt.unsafe:
            faults.append(f"honest after {name}: {got.get('honest after ' + name)}")
    time.sleep(.1)
    patience = time.monotonic() + 60  # what was killed may want a core to die on
    while children() and time.monotonic() < patience:
        time.sleep(.1)
    faults += [f"process {pid} is left" for pid in children()]
    for place in "/", "/tmp", "/var/tmp", "/etc", "/usr/lib", folder, os.path.expanduser("~"):
        if os.path.exists(f"{place}/{out}"):
            faults.append(f"{place}/{out} was written")
    left = set(os.listdir(folder)) - {"problems.jsonl", "carat"}
    faults += [f"{folder}/{name} is left" for name in left]
    return faults, through, seconds


def main():
    parser = argparse.ArgumentParser(usage=__doc__.split("usage: ")[1].split("\n")[0])
    parser.add_argument("carat")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--unsafe", action="store_true")
    parser.add_argument("--mode", action="append", choices=["official", "process"])
    parser.add_argument("name", nargs="*")
    opt = parser.parse_intermixed_args()
    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # what loses its parent below becomes a child of this process
    ONE_PROCESS = {"daemon_that_waits"}  # what it looks at may well be there when all tests run in one process
    names = opt.name or [n for n in PROGRAMS if opt.all or n in FEW]
    users = [None]
    if os.geteuid() == 0 and not opt.unsafe:
        if shutil.which("setpriv") and os.path.exists("/usr/bin/python3"):
            users.append(60000 + os.getpid() % 1000)
        else:
            print("SKIP as an ordinary user: no setpriv, or no python3 but root's")
    failed = False
    for user in users:
        for mode in opt.mode or (["official", "process"] if opt.all or len(users) == 1 else ["process" if user else "official"]):
            with tempfile.TemporaryDirectory(dir="/tmp", prefix="carat-hostile-") as folder:
                carat = shutil.copy(opt.carat, f"{folder}/carat")
                if user:
                    os.chown(folder, user, user)
                    os.chmod(folder, 0o755)
                chosen = [n for n in names if mode == "process" or n not in ONE_PROCESS]
                faults, through, seconds = grade(opt, mode, chosen, folder, carat, user)
            who = "an ordinary user" if user or os.geteuid() else "root"
            if faults is None:
                print(f"SKIP {mode} as {who}: {through}")
                continue
            failed |= bool(faults)
            print(f"{len(chosen)} hostile programs, {mode}, as {who}: " + (f"{len(through)} got through" if opt.unsafe else "none got through" if not faults else "FAILED"))
            print(f"  {seconds:.1f} s", *(through if opt.unsafe else []), file=sys.stderr)
            for fault in faults:
                print("  " + str(fault)[:1000])
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
