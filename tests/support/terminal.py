"""A program on a terminal of its own, for tests: type, and wait for what appears.            SPDX-License-Identifier: Apache-2.0"""
import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time

ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>]|\x07|\r")


class Terminal:
    def __init__(self, argv, rows=24, columns=80, **env):
        self.pid, self.fd = pty.fork()
        if not self.pid:
            os.execvpe(argv[0], argv, {**os.environ, "TERM": "xterm", "LC_ALL": "C.UTF-8", **env})
        self.seen, self.at = b"", 0
        self.resize(rows, columns)

    def resize(self, rows, columns):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, text):
        os.write(self.fd, text.encode())

    def text(self):
        """What came since the last wait, without escape sequences."""
        return self.plain()

    def read(self, seconds):
        ready = select.select([self.fd], [], [], seconds)[0]
        try:
            more = os.read(self.fd, 65536) if ready else b""
        except OSError:  # the program is gone
            more = None
        self.seen += more or b""
        return more

    def take(self, pattern):
        """The shortest beginning of what came that matches; what lies behind it is left for the next wait."""
        end = self.at + 1
        while not re.search(pattern, self.plain(end), re.S):
            end += 1
        text, self.at = self.plain(end), end
        return text

    def plain(self, end=None):
        return ESCAPES.sub("", self.seen[self.at:end].decode("utf-8", "replace"))

    def wait(self, pattern, seconds=120):
        """Until the regular expression matches what came since the last wait; returns the text up to its end."""
        end = time.monotonic() + seconds
        while True:
            found = re.search(pattern, self.text(), re.S)
            if found:
                return self.take(pattern)
            if time.monotonic() > end or self.read(0.2) is None and not re.search(pattern, self.text(), re.S):
                sys.exit(f"waited for {pattern!r}, the terminal shows {self.text()[-600:]!r}")

    def end(self, seconds=120):
        """The exit code."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.read(0.1)
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                return os.waitstatus_to_exitcode(status)
        os.kill(self.pid, signal.SIGKILL)
        sys.exit(f"still running; the terminal shows {self.text()[-600:]!r}")
