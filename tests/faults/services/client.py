#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""`client.py URL RATES LOG [FACTOR-FILE]`: asks at a pace of its own, however long answers take. It notes of each request when it is
due, and once it has an answer the same again, how long it took from then, and its status (0: none). RATES is "RATE:SECONDS,...", again and again. What the file has is
the factor of the rate."""
import http.client
import queue
import sys
import threading
import time
from urllib.parse import urlparse

url = urlparse(sys.argv[1])
rates = [tuple(map(float, part.split(":"))) for part in sys.argv[2].split(",")]
log = open(sys.argv[3], "w", buffering=1)
factor_path = sys.argv[4] if len(sys.argv) > 4 else None
due = queue.Queue()
lock = threading.Lock()
TIMEOUT = 10


def work():
    connection = None
    while True:
        at = due.get()
        status = 0
        try:
            connection = connection or http.client.HTTPConnection(url.hostname, url.port, timeout=TIMEOUT)
            connection.request("GET", url.path)
            answer = connection.getresponse()
            answer.read()
            status = answer.status
        except (OSError, http.client.HTTPException):
            connection = None
        with lock:
            log.write(f"{at:.3f} {time.time() - at:.4f} {status}\n")


def factor():
    try:
        with open(factor_path) as f:
            return float(f.read())
    except (OSError, TypeError, ValueError):
        return 1.0


for _ in range(100):
    threading.Thread(target=work, daemon=True).start()
at = time.time()
while True:
    for rate, seconds in rates:
        end = at + seconds
        while at < end:
            at += 1 / (rate * factor())
            time.sleep(max(0, at - time.time()))
            with lock:
                log.write(f"{at:.3f}\n")
            due.put(at)
