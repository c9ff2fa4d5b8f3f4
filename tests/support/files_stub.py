#!/usr/bin/env python3
"""A server of files on loopback that misbehaves as its addresses say.                SPDX-License-Identifier: Apache-2.0

usage: files_stub.py --port-file F --root DIR [--token T] [--log F]

http://127.0.0.1:PORT/KIND/PATH is the file PATH of DIR:
  ok       as it is, ranges heeded            plain     without Content-Length, ranges or ETag
  norange  ranges passed over                 drop      breaks off a third of the file later, each time
  once     breaks off at the half, goes on as another file with another ETag
  more, less   a Content-Length of 100 too many, too few
  wrong    one byte is another                other     100 bytes more
  html     a page in place of the file        dead      breaks off in front of the body
  403 404 500   that status                   503       that status once, with Retry-After: 1
  away     redirects to /ok at another port, where nobody may see a token        loop   redirects to itself
  auth     wants the token
Everything else (a Hugging Face address) is looked for by its last part and wants the token, if one was given.
--log: one line a request: port, path, range, whether a token came.
"""
import argparse
import http.server
import os
import socket
import sys
import threading


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def say(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in {"Content-Length": len(body), **headers}.items():
            if value is not None:
                self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()
        self.wfile.write(body)

    def drop(self):
        self.wfile.flush()
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def do_GET(self):
        s, parts = self.server, self.path.strip("/").split("/", 1)
        kind = parts[0]
        sent = self.headers.get("Authorization")
        with s.lock:
            s.count[self.path] = count = s.count.get(self.path, 0) + 1
            if s.opt.log:
                with open(s.opt.log, "a") as f:
                    f.write(f"{'first' if s is SERVERS[0] else 'second'} {self.path} {self.headers.get('Range', '-')} {'token' if sent else '-'}\n")
        path = os.path.join(s.opt.root, parts[-1])
        if kind == "datasets" or kind == "auth":
            if s.opt.token and sent != f"Bearer {s.opt.token}":
                return self.say(401, b"no")
            if kind == "datasets" and "8needle" in self.path:  # as the hub sends big files elsewhere
                return self.say(302, Location=f"http://127.0.0.1:{SERVERS[1].server_address[1]}/ok/2needle_0.parquet")
            if kind == "datasets":
                path = os.path.join(s.opt.root, os.path.basename(self.path))
        if kind.isdigit() and (kind != "503" or count == 1):
            return self.say(int(kind), b"told to", Retry_After=1)
        if kind == "away":
            return self.say(302, Location=f"http://127.0.0.1:{SERVERS[1].server_address[1]}/ok/{parts[1]}")
        if kind == "loop":
            return self.say(302, Location=self.path)
        if not os.path.isfile(path):
            return self.say(404, b"no such file")
        with open(path, "rb") as f:
            data = f.read()
        self.file(kind, data, count)

    def file(self, kind, data, count):
        tag, at = '"one"', 0
        if kind == "once" and count > 1:
            tag = '"two"'
        wanted = self.headers.get("Range")
        if wanted and kind not in ("norange", "plain") and self.headers.get("If-Range", tag) == tag:
            at = int(wanted[len("bytes="):-1])
        if kind == "wrong":
            data = data[:100] + bytes([data[100] ^ 1]) + data[101:]
        if kind == "other":
            data += b" " * 100
        if kind == "html":
            return self.say(200, b"<html>Sign in</html>", Content_Type="text/html; charset=utf-8")
        if kind == "plain":
            self.send_response(200)
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(data)
            return self.drop()
        if at >= len(data):
            return self.say(416, Content_Range=f"bytes */{len(data)}")
        length = len(data) - at + {"more": 100, "less": -100}.get(kind, 0)
        stop = len(data)
        if kind == "drop":
            stop = min(stop, at + len(data) // 3)
        if kind == "once" and count == 1:
            stop = len(data) // 2
        if kind == "dead":
            stop = at
        self.send_response(206 if at else 200)
        self.send_header("Content-Length", str(length))
        self.send_header("ETag", tag)
        if at:
            self.send_header("Content-Range", f"bytes {at}-{len(data) - 1}/{len(data)}")
        self.end_headers()
        try:
            self.wfile.write(data[at:min(stop, at + length)])
            if stop < len(data) or kind == "more":
                self.drop()
        except OSError:
            self.close_connection = True


SERVERS = []


def main():
    p = argparse.ArgumentParser(usage=__doc__.split("usage: ")[1].split("\n")[0])
    p.add_argument("--port-file", required=True)
    p.add_argument("--root", required=True)
    p.add_argument("--token")
    p.add_argument("--log")
    opt = p.parse_args()
    lock = threading.Lock()
    for _ in range(2):
        s = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        s.daemon_threads, s.opt, s.lock, s.count = True, opt, lock, {}
        s.handle_error = lambda *_: None
        SERVERS.append(s)
    threading.Thread(target=SERVERS[1].serve_forever, daemon=True).start()
    with open(opt.port_file + ".tmp", "w") as f:
        f.write(str(SERVERS[0].server_address[1]))
    os.rename(opt.port_file + ".tmp", opt.port_file)
    SERVERS[0].serve_forever()


if __name__ == "__main__":
    sys.exit(main())
