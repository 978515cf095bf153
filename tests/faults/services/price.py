#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""`price.py PORT SETTINGS`: what the shop asks for prices. Settings: delay_ms, burn_ms (of CPU), fail (part of the answers
that are 500), size, leak_kb (that each request keeps), accept_ms (before each accept), backlog, crash_ms (after which it exits with 1)."""
import os
import random
import socket
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from settings import Settings, burn

settings = Settings(sys.argv[2])
leaked = []


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self):
        time.sleep((2 + settings.get("delay_ms")) / 1000)
        burn(settings.get("burn_ms") / 1000)
        if settings.get("leak_kb"):
            leaked.append(os.urandom(1024) * int(settings.get("leak_kb")))
        body = b"x" * int(settings.get("size", 200))
        self.send_response(500 if random.random() < settings.get("fail") else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def get_request(self):
        time.sleep(settings.get("accept_ms") / 1000)
        return super().get_request()


def watch(server):
    backlog = 128
    while True:
        time.sleep(0.05)
        wanted = int(settings.get("backlog", 128))
        if wanted != backlog:
            server.socket.listen(wanted)
            backlog = wanted


def crash():
    time.sleep(settings.get("crash_ms") / 1000)
    os._exit(1)


if settings.get("crash_ms"):
    threading.Thread(target=crash, daemon=True).start()
server = Server(("127.0.0.1", int(sys.argv[1])), Handler)
server.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
threading.Thread(target=watch, args=(server,), daemon=True).start()
server.serve_forever()
