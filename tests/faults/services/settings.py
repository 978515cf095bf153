# SPDX-License-Identifier: BSD-3-Clause
"""What a service is told to do wrong while it runs: lines KEY=NUMBER of a file, read again when it has changed."""
import os
import threading
import time


class Settings:
    def __init__(self, path):
        self.path, self.stamp, self.values, self.next = path, None, {}, 0.0
        self.lock = threading.Lock()

    def get(self, key, default=0.0):
        with self.lock:
            now = time.monotonic()
            if now >= self.next:
                self.next = now + 0.05
                self.read()
            return self.values.get(key, default)

    def read(self):
        try:
            stamp = os.stat(self.path).st_mtime_ns
            if stamp == self.stamp:
                return
            with open(self.path) as f:
                self.values = {k: float(v) for k, v in (line.strip().split("=") for line in f if "=" in line)}
            self.stamp = stamp
        except (OSError, ValueError):
            pass


def burn(seconds):
    """Computes for so much time of the thread's own CPU."""
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass
