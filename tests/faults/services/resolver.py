#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""`resolver.py PORT SETTINGS`: answers every A query with 127.0.0.1. Settings: delay_ms, lose (part of the queries)."""
import random
import socket
import sys
import threading

from settings import Settings

settings = Settings(sys.argv[2])
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.1", int(sys.argv[1])))


def answer(query, peer):
    name_end = query.index(b"\0", 12) + 5
    server.sendto(query[:2] + b"\x81\x80\0\1\0\1\0\0\0\0" + query[12:name_end] +
                  b"\xc0\x0c\0\1\0\1\0\0\0\5\0\4\x7f\0\0\1", peer)


while True:
    query, peer = server.recvfrom(512)
    if random.random() < settings.get("lose"):
        continue
    delay = settings.get("delay_ms") / 1000
    if delay:
        threading.Timer(delay, answer, (query, peer)).start()
    else:
        answer(query, peer)
