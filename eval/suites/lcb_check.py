"""How LiveCodeBench runs a program: the setup of its sandboxes (eval/sandbox.py).                        SPDX-License-Identifier: Apache-2.0

Two ways. official: what LiveCodeBench's checker (lcb_runner/evaluation/testing_util.py at 28fef95) does, all tests of a problem in one
process, its oddities included: they decide verdicts. The program's text outside imports becomes the body of a function; standard input is a
stand-in that is no real file; an alarm ends a test; quit, os.kill and others are gone. process: each test a process of its own with a real
standard input; nothing of what is expected is known to it.

Descriptor 3 takes the results in records: a letter, u64 length, bytes.
    o  output of a standard-input test                  a  JSON value to append to the list of results
    m  JSON {"code", "message"}: ends the list          x  message: the whole run counts as one -4
    r  JSON text of what the function returned          d  all tests done
"""
import ast
import atexit
import builtins
import faulthandler
import gc
import io
import json
import os
import signal
import struct
import sys
import threading
import types

STARS = "string re datetime collections heapq bisect copy math random statistics itertools functools operator io sys json builtins typing"
PLAIN = "string re datetime collections heapq bisect copy math random statistics itertools functools operator io sys json"
PRELUDE = ("".join(f"from {m} import *\n" for m in STARS.split()) + "".join(f"import {m}\n" for m in PLAIN.split())
           + "sys.setrecursionlimit(50000)\n")
RESULTS = 3
exec(PRELUDE, {})  # once, for all that are forked from here

write, exit_now, pack = os.write, os._exit, struct.pack


def tell(kind, data):
    data = kind + pack("=Q", len(data)) + data
    while data:
        data = data[write(RESULTS, data):]


def tell_text(kind, text):
    tell(kind, text.encode("utf-8", "surrogatepass"))


def tell_json(kind, value):
    tell(kind, json.dumps(value).encode())


# ---- official

class TimeoutException(Exception):
    """Recognised by its name, as there."""


def alarm(_signal, _frame):
    print("timeout occured: alarm went off")  # lands in the output that is being captured
    raise TimeoutException


def disarm(code):
    """What the official checker takes away from programs. It is no protection, but programs that use it fail."""
    faulthandler.disable()
    builtins.quit = None
    builtins.help = None
    os.environ["OMP_NUM_THREADS"] = "1"
    if any(word in code for word in ("shutil", "subprocess", "tempfile", "multiprocessing", "asyncio", "concurrent", "importlib")):
        import shutil  # loading them takes time, and nearly no program does
        import subprocess
        shutil.rmtree = shutil.move = shutil.chown = None
        subprocess.Popen = None
    for name in ("kill system putenv remove removedirs rmdir fchdir setuid fork forkpty killpg rename renames truncate replace unlink fchmod "
                 "fchown chmod chown chroot lchflags lchmod lchown getcwd chdir").split():
        setattr(os, name, None)
    for name in ("ipdb", "joblib", "resource", "psutil", "tkinter"):
        sys.modules[name] = None


def shorten(value):
    text = value if isinstance(value, str) else str(value)
    return text if len(text) <= 300 else text[:150] + "...(truncated) ..." + text[-150:]


def without_guard(code):
    try:
        body = ast.parse(code).body
        last = body[-1]
        if isinstance(last, ast.If) and ast.unparse(last.test).strip() == "__name__ == '__main__'":
            return ast.unparse(body[:-1]) + "\n" + ast.unparse(last.body)
    except BaseException:
        pass
    return code


def as_function(code):
    try:
        imports, rest = [], []
        for statement in ast.parse(code).body:
            (imports if isinstance(statement, (ast.Import, ast.ImportFrom)) else rest).append(statement)
        nothing = ast.arguments(posonlyargs=[], args=[], kwonlyargs=[], kw_defaults=[], defaults=[])
        function = ast.FunctionDef(name="wrapped_function", args=nothing, body=rest, decorator_list=[], lineno=-1)
        if sys.version_info >= (3, 12):
            function.type_params = []
        return PRELUDE + "\n" + ast.unparse(imports) + "\n" + ast.unparse(function)
    except Exception:
        return code


def compiled(code, seconds):
    signal.alarm(seconds)
    try:
        module = types.ModuleType("tmp_sol", "")
        exec(code, module.__dict__)
        return module.Solution() if "class Solution" in code else module
    finally:
        signal.alarm(0)


class Buffer:
    def __init__(self, text):
        self.data = text.encode("utf-8")

    def read(self, *_):
        return self.data

    def readline(self, *_):
        return self.data.split(b"\n")[0] + b"\n"


class MockStdinWithBuffer:  # programs see the name in messages
    def __init__(self, text):
        self.inputs = text
        self._stringio = io.StringIO(text)
        self.buffer = Buffer(text)

    def read(self, *_):
        return self.inputs

    def readline(self, *args):
        return self._stringio.readline(*args)

    def readlines(self, *_):
        return self.inputs.split("\n")

    def __getattr__(self, name):
        return getattr(self._stringio, name)


def open_on(text):
    """builtins.open is a mock there that reads the input. Programs hardly see it, as the prelude binds the real one before; so it is only
    made when it is asked for."""
    made = []

    def stand_in(*args, **kwargs):
        if not made:
            from unittest.mock import mock_open
            made.append(mock_open(read_data=text))
        return made[0](*args, **kwargs)

    return stand_in


def call_with_input(function, text):
    """The stand-ins: methods of the real standard input (which `from sys import stdin` has bound before), sys.stdin, open."""
    lines = iter(text.split("\n"))
    real, real_open = sys.stdin, builtins.open
    real.read = lambda *_: text
    real.readlines = lambda *_: text.split("\n")
    real.readline = lambda *_: next(lines)
    sys.stdin = MockStdinWithBuffer(text)
    builtins.open = open_on(text)
    try:
        function()
    except SystemExit:
        pass
    finally:
        builtins.open = real_open
        sys.stdin = real
        for name in ("read", "readlines", "readline"):
            real.__dict__.pop(name, None)


def failure(error):
    late = "timeoutexception" in repr(error).lower()
    tell_json(b"a", -3 if late else -4)
    tell_json(b"m", {"code": -3 if late else -4, "message": "Time Limit Exceeded" if late else "Runtime Error", "error": shorten(repr(error))})


def official_stdin(code, seconds, inputs):
    function = getattr(compiled(as_function(without_guard(code)), seconds), "wrapped_function", None)
    if function is None:
        raise TypeError("cannot unpack non-iterable NoneType object")
    for text in inputs:
        signal.alarm(seconds)
        faulthandler.enable()
        stdout, sys.stdout = sys.stdout, io.StringIO()
        captured = sys.stdout
        captured.close = lambda _: 1
        try:
            call_with_input(function, text)
            signal.alarm(0)
        except Exception as error:
            signal.alarm(0)
            return failure(error)
        finally:
            signal.alarm(0)
            faulthandler.disable()
            output = captured.getvalue()
            sys.stdout = stdout
        tell_text(b"o", output)
    tell(b"d", b"")


def official_call(code, seconds, name, inputs, outputs):
    function = getattr(compiled(PRELUDE + "\n\n" + code, seconds), name, None)
    if function is None:
        raise TypeError("cannot unpack non-iterable NoneType object")
    inputs = [[json.loads(line) for line in text.split("\n")] for text in inputs]
    outputs = [json.loads(text) for text in outputs]
    for arguments, expected in zip(inputs, outputs):
        signal.alarm(seconds)
        faulthandler.enable()
        try:
            returned = function(*arguments)
            signal.alarm(0)
            if isinstance(returned, tuple):
                returned = list(returned)
            right = returned == expected
            tell_json(b"a", bool(right))
            if not right:
                shorten(returned)  # its str() may fail
                return tell_json(b"m", {"code": -2, "message": "Wrong Answer"})
        except Exception as error:
            signal.alarm(0)
            return failure(error)
        finally:
            signal.alarm(0)
            faulthandler.disable()
    tell(b"d", b"")


def official(code, seconds, name, tests):
    n = len(tests) // 2 if name else len(tests)
    if "numpy" in code:  # the official checker has it loaded before it takes things away
        try:
            import numpy  # noqa: F401
        except ImportError:
            pass
    signal.signal(signal.SIGALRM, alarm)
    disarm(code)
    inputs = [t.decode("utf-8", "surrogatepass") for t in tests[:n]]
    signal.alarm(seconds)
    try:
        if name:
            official_call(code, seconds, name, inputs, [t.decode("utf-8", "surrogatepass") for t in tests[n:]])
        else:
            official_stdin(code, seconds, inputs)
    except Exception as error:
        tell_text(b"x", f"Error during testing: {error}")
    finally:
        signal.alarm(0)
    exit_now(0)


# ---- process

def fresh_main():
    main = types.ModuleType("__main__")
    main.__builtins__ = builtins
    sys.modules["__main__"] = main
    sys.argv[:] = ["main.py"]
    return main.__dict__


def with_prelude(code):
    """The prelude in front, behind any `from __future__`."""
    try:
        future = [s for s in ast.parse(code).body if isinstance(s, ast.ImportFrom) and s.module == "__future__"]
        line = max((s.end_lineno for s in future), default=0)
        lines = code.split("\n")
        return "\n".join(lines[:line]) + "\n" * (line > 0) + PRELUDE + "\n".join(lines[line:])
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return PRELUDE + code


def run_main(code, name, arguments):
    names = fresh_main()
    exec(compile(with_prelude(code), "main.py", "exec"), names)
    if name:
        arguments = [json.loads(line) for line in arguments.decode("utf-8", "surrogatepass").split("\n")]
        function = getattr(names["Solution"](), name) if "class Solution" in code else names[name]
        tell(b"r", json.dumps(function(*arguments)).encode())


def process(code, name, arguments):
    """The program, and an end as Python's own (threads, atexit, files that nobody closed), without taking all modules down one by one."""
    status, collect, run_exits = 0, gc.collect, atexit._run_exitfuncs
    if not name:
        os.close(RESULTS)
    try:
        run_main(code, name, arguments)
    except SystemExit as error:
        status = 0 if error.code is None else error.code & 255 if isinstance(error.code, int) else 1
        if status == 1 and not isinstance(error.code, int):
            print(error.code, file=sys.stderr)
    except BaseException:
        status = 1
        sys.excepthook(*sys.exc_info())
    threading._shutdown()
    run_exits()
    sys.modules["__main__"].__dict__.clear()
    collect()
    try:
        sys.stdout.flush()
    except (OSError, ValueError, AttributeError):
        status = status or 120
    exit_now(status)


def program(fields):
    mode, code, name, seconds, *tests = fields
    code, name = code.decode("utf-8", "surrogatepass"), name.decode()
    if mode == b"official":
        official(code, int(seconds), name, tests)
    else:
        threading.stack_size(64 << 20)  # the limit, which is the default, is meant for one thread
        process(code, name, tests[0])
