#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""`shop.py PORT SETTINGS POSTGRES REDIS PRICE DNS JOURNAL`: the application. A request asks Redis, PostgreSQL and the prices, and
is noted in a journal on disk; every tenth also writes to the database. `/poll` answers after six seconds. Settings:

  burn_ms   CPU time of each request        hogs      threads that compute all the time
  leak_kb   memory that each request keeps  spawn     runs a program for each request
  dns       asks for the prices' address    connect   a new connection to the prices for each request
  reads     no writes to the database       tls       asks for the prices by TLS, on this port
  lock_ms   a thread holds a lock for so long, again and again, that each request needs
  work_mb   memory that it works with       touch     how many pages of it each request needs
"""
import http.client
import os
import random
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from settings import Settings, burn

port, settings_path, postgres_port, redis_port, price_port, dns_port, journal_path = sys.argv[1:8]
settings = Settings(settings_path)
TIMEOUT = 5
leaked = []
work = bytearray()
work_lock = threading.Lock()
contended = threading.Lock()
journal_lock = threading.Lock()
here = threading.local()


class Postgres:
    def __init__(self):
        self.socket = socket.create_connection(("127.0.0.1", int(postgres_port)), TIMEOUT)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.socket.makefile("rb")
        options = b"user\0postgres\0database\0postgres\0\0"
        self.socket.sendall(struct.pack("!II", len(options) + 8, 196608) + options)
        self.wait()

    def query(self, text):
        data = text.encode() + b"\0"
        self.socket.sendall(b"Q" + struct.pack("!I", len(data) + 4) + data)
        self.wait()

    def wait(self):
        error = None
        while True:
            head = self.file.read(5)
            if len(head) < 5:
                raise ConnectionError("closed")
            body = self.file.read(struct.unpack("!I", head[1:])[0] - 4)
            if head[:1] == b"E":
                error = body
            elif head[:1] == b"Z":
                break
        if error:
            raise RuntimeError("database error")


class Redis:
    def __init__(self):
        self.socket = socket.create_connection(("127.0.0.1", int(redis_port)), TIMEOUT)
        self.file = self.socket.makefile("rb")

    def increment(self, key):
        self.socket.sendall(b"*2\r\n$4\r\nINCR\r\n$%d\r\n%s\r\n" % (len(key), key))
        if not self.file.readline().startswith(b":"):
            raise ConnectionError("no answer")


class Price:
    def __init__(self):
        tls = int(settings.get("tls"))
        if tls:
            trusted = ssl.create_default_context(cafile=os.path.join(os.path.dirname(settings_path), "certificate.pem"))
            self.connection = http.client.HTTPSConnection("localhost", tls, timeout=TIMEOUT, context=trusted)
        else:
            self.connection = http.client.HTTPConnection("127.0.0.1", int(price_port), timeout=TIMEOUT)

    def ask(self):
        self.connection.request("GET", "/price")
        answer = self.connection.getresponse()
        answer.read()
        if answer.status != 200:
            raise RuntimeError("no price")


def resolve(name):
    query = struct.pack("!HHHHHH", random.randrange(65536), 0x100, 1, 0, 0, 0)
    query += b"".join(bytes([len(part)]) + part for part in name.split(b".")) + b"\0\0\1\0\1"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(2)
        s.connect(("127.0.0.1", int(dns_port)))
        for _ in range(2):
            s.send(query)
            try:
                return s.recv(512)
            except socket.timeout:
                pass
    raise RuntimeError("name not resolved")


def use(kind, work):
    """With this thread's connection, a new one where it is broken."""
    connection = getattr(here, kind.__name__, None)
    setattr(here, kind.__name__, None)
    connection = connection or kind()
    work(connection)
    setattr(here, kind.__name__, connection)


def touch(pages):
    with work_lock:
        while len(work) < int(settings.get("work_mb")) << 20:
            work.extend(os.urandom(1 << 20))
    for _ in range(pages):
        work[random.randrange(0, len(work), 4096)] ^= 1


def hold():
    while True:
        milliseconds = settings.get("lock_ms")
        if milliseconds:
            with contended:
                time.sleep(milliseconds / 1000)
        time.sleep(0.001 if milliseconds else 0.1)


def serve():
    burn((1 + settings.get("burn_ms")) / 1000)
    if settings.get("leak_kb"):
        leaked.append(os.urandom(1024) * int(settings.get("leak_kb")))
    if settings.get("spawn"):
        subprocess.run(["/bin/true"], check=True)
    if settings.get("touch"):
        touch(int(settings.get("touch")))
    with contended:
        pass
    if settings.get("dns"):
        resolve(b"price.internal")
    row = random.randrange(1, 500001)
    use(Redis, lambda r: r.increment(b"item%d" % (row % 1000)))
    use(Postgres, lambda p: p.query(f"SELECT abalance FROM pgbench_accounts WHERE aid = {row}"))
    if random.random() < 0.1 and not settings.get("reads"):
        use(Postgres, lambda p: p.query(f"UPDATE pgbench_accounts SET abalance = abalance + 1 WHERE aid = {row}"))
    if settings.get("connect"):
        here.Price = None
    use(Price, lambda p: p.ask())
    with journal_lock, open(journal_path, "ab") as journal:
        journal.write(b"%d %d\n" % (time.time(), row) + b"." * 200)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self):
        status, body = 200, b"ok\n"
        if self.path == "/poll":
            time.sleep(6)
        else:
            try:
                serve()
            except Exception as error:  # whatever it was, the client gets an answer
                status, body = 500, (repr(error) + "\n").encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


def hog(number):
    while True:
        if settings.get("hogs") > number:
            burn(0.05)
        else:
            time.sleep(0.1)


for number in range(20):
    threading.Thread(target=hog, args=(number,), daemon=True).start()
threading.Thread(target=hold, daemon=True).start()
Server(("127.0.0.1", int(port)), Handler).serve_forever()
