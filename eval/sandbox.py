"""The first process of a sandbox (sandbox.h): starts programs, waits for them, leaves nothing of them behind.   SPDX-License-Identifier: Apache-2.0

carat talks to it over descriptor 3 in frames: u32 number of fields, then for each u64 length and bytes. The first frame holds the
settings, a Python text, the setup, a folder to empty, and the
places that Python imports from; each later one is a program to run: its seconds of processor time, its fields, and four descriptors that
become 0, 1, 2, 3 of a forked child, which calls program(fields) of the setup. The answer to each: one frame of decimal numbers.

As process 1 of its own namespace it cannot be signalled by what it starts, it is not dumpable, so /proc shows them nothing of it, and when
it ends (because carat hung up, too) the kernel ends all the rest.
"""
import ctypes
import gc
import os
import resource
import select
import signal
import struct
import sys
from _socket import CMSG_SPACE, socket  # without what else the module socket loads: every cell pays for it

CONTROL = 3
folders = ["/tmp", "/dev/shm"] if os.getpid() == 1 else []  # where programs may write: made for them, emptied after them
PDEATHSIG, DUMPABLE, SUBREAPER = 1, 4, 36  # of prctl
ENDED, OUT_OF_MEMORY = 0, 1


def prctl(option, value):
    try:
        return ctypes.CDLL(None).prctl(option, value, 0, 0, 0)
    except (OSError, AttributeError):  # not Linux
        return -1


def exactly(n):
    data = bytearray()
    while len(data) < n:
        piece = os.read(CONTROL, min(n - len(data), 1 << 20))
        if not piece:
            end()
        data += piece
    return bytes(data)


def receive(control):
    head, ancillary, _, _ = control.recvmsg(4, CMSG_SPACE(16))
    if not head:
        end()
    fds = [fd for _, _, data in ancillary for fd in struct.unpack(f"={len(data) // 4}i", data)]
    (n,) = struct.unpack("=I", head + exactly(4 - len(head)))
    return [exactly(struct.unpack("=Q", exactly(8))[0]) for _ in range(n)], fds


def send(*numbers):
    text = " ".join(map(str, numbers)).encode()
    data = struct.pack("=IQ", 1, len(text)) + text
    while data:
        data = data[os.write(CONTROL, data):]


def end():
    if os.getpid() != 1:  # else the kernel ends the rest, and the folders go with the namespace
        clear()
    os._exit(0)


def become(user):
    """Gives up being root, for good. Where the user is not mapped (a container of one user) root is not the machine's root."""
    try:
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
    except OSError:
        pass


def descendants():
    """Without a namespace of their own: found by their parents."""
    found = []
    for task in os.listdir("/proc/self/task"):
        with open(f"/proc/self/task/{task}/children") as f:
            found += map(int, f.read().split())
    for pid in found:
        try:
            for task in os.listdir(f"/proc/{pid}/task"):
                with open(f"/proc/{pid}/task/{task}/children") as f:
                    found += map(int, f.read().split())
        except OSError:
            pass
    return found


def kill_all():
    try:
        if os.getpid() == 1:
            os.kill(-1, signal.SIGKILL)
        else:
            for pid in descendants():
                os.kill(pid, signal.SIGKILL)
    except OSError:
        pass


def clear():
    """Nothing of the last program stays: no process, no file."""
    while True:
        kill_all()
        try:
            while os.waitpid(-1, 0 if os.getpid() == 1 else os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            break
    for folder in folders:
        try:
            if os.getpid() == 1:
                mend(folder)
            for name in os.listdir(folder):
                path = os.path.join(folder, name)
                if os.path.isdir(path) and not os.path.islink(path):
                    import shutil
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    os.unlink(path)
        except (OSError, RecursionError):
            pass


def mend(folder):
    """A program of the same user may have closed it."""
    if os.stat(folder).st_uid == os.getuid():
        os.chmod(folder, 0o1777)


def resident():
    """Bytes that the processes of this namespace take, beyond what they share."""
    pages = 0
    for name in os.listdir("/proc"):
        if name.isdigit() and name != "1":
            try:
                with open(f"/proc/{name}/statm") as f:
                    _, total, shared, *_ = map(int, f.read().split())
                pages += total - shared
            except (OSError, ValueError):
                pass
    return pages * resource.getpagesize()


def wait(pid, memory):
    """Until the child ends -> (why, exit status or minus the signal, milliseconds of processor time)."""
    why = ENDED
    poll = select.poll()
    poll.register(CONTROL, select.POLLIN)
    try:
        handle = os.pidfd_open(pid)
        poll.register(handle, select.POLLIN)
    except (AttributeError, OSError):
        handle = -1
    while True:
        ready = dict(poll.poll(50 if handle >= 0 else 2))
        if CONTROL in ready:  # nothing is sent during a run: carat hung up
            end()
        done, status, usage = os.wait4(pid, os.WNOHANG)
        if done:
            break
        if os.getpid() == 1 and resident() > memory:
            why = OUT_OF_MEMORY
            kill_all()
    if handle >= 0:
        os.close(handle)
    code = -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
    return why, code, int(1000 * (usage.ru_utime + usage.ru_stime))


def limit(settings, seconds):
    for name, value in (("AS", settings["memory"]), ("CPU", seconds), ("FSIZE", settings["file"]),
                        ("NPROC", settings["processes"]), ("NOFILE", settings["files"]), ("CORE", 0), ("MEMLOCK", 1 << 16)):
        kind = getattr(resource, "RLIMIT_" + name)
        hard = resource.getrlimit(kind)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (value, value))


def begin(settings, seconds, fds):
    """In the child: its descriptors and limits, and standard streams as Python makes them at its start."""
    for number, fd in enumerate(fds):
        os.dup2(fd, number)
    os.closerange(len(fds), 1 << 16)
    try:  # if memory ends, the kernel is to take this one, not its parent
        with open("/proc/self/oom_score_adj", "w") as f:
            f.write("1000")
    except OSError:
        pass
    sys.stdin = sys.__stdin__ = open(0, encoding="utf-8", errors="surrogateescape", newline="\n", closefd=False)
    sys.stdout = sys.__stdout__ = open(1, "w", encoding="utf-8", errors="surrogateescape", newline="\n", closefd=False)
    sys.stderr = sys.__stderr__ = open(2, "w", 1, encoding="utf-8", errors="backslashreplace", newline="\n", closefd=False)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    limit(settings, seconds)


def start_site(path):
    """What the module site does at a usual start, but without running what packages have put into .pth files."""
    import site
    sys.path[:] = path
    site.setquit()
    site.setcopyright()
    site.sethelper()


def layers():
    """What holds here, seen from inside: user, capabilities, filter, network devices -> decimal numbers."""
    facts = {}
    with open("/proc/self/status") as f:
        for line in f:
            key, _, value = line.partition(":")
            facts[key] = value.split()
    with open("/proc/self/net/dev") as f:
        devices = len(f.readlines()) - 2
    return (os.getpid(), os.geteuid(), int(facts["CapEff"][0], 16), int(facts["CapPrm"][0], 16),
            int(facts["NoNewPrivs"][0]), int(facts["Seccomp"][0]), devices)


def serve():
    """Runs programs until carat hangs up; returns in each child, with the function to call."""
    control = socket(fileno=CONTROL)
    fields, _ = receive(control)
    settings = dict(zip(("user", "memory", "all_memory", "file", "processes", "files"), map(int, fields[0].split())))
    if settings["user"]:
        become(settings["user"])
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # process 1 gets signals from inside only where it has handlers
    prctl(DUMPABLE, 0)
    if os.getpid() == 1:
        prctl(PDEATHSIG, signal.SIGKILL)  # bubblewrap's, which carat kills when this one does not answer
    prctl(SUBREAPER, 1)
    folders.extend(os.fsdecode(f) for f in fields[2:3] if f)
    start_site([os.fsdecode(f) for f in fields[3:]])
    setup = {"__name__": "setup"}
    exec(compile(fields[1], "setup", "exec"), setup)
    gc.freeze()  # what is loaded is not looked through again, and stays shared with the forks
    send(*layers() if os.getpid() == 1 else (0,))
    while True:
        fields, fds = receive(control)
        if len(fds) != 4:
            end()
        pid = os.fork()
        if not pid:
            control.detach()
            begin(settings, int(fields[0]), fds)
            return setup["program"], fields[1:]
        for fd in fds:
            os.close(fd)
        result = wait(pid, settings["all_memory"])
        clear()
        send(*result)


run, job = serve()
run(job)
