#!/usr/bin/python3
"""Threads that compute, with a queue and a lock; prints the same digest wherever it runs.
usage: threads.py ROUNDS"""
import hashlib
import queue
import sys
import threading
import time

rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 40
todo, results, lock = queue.Queue(), {}, threading.Lock()


def compute():
    while True:
        n = todo.get()
        if n is None:
            return
        h = str(n).encode()
        for _ in range(20000):
            h = hashlib.sha256(h).digest()
        with lock:
            results[n] = h.hex()


threads = [threading.Thread(target=compute) for _ in range(4)]
for t in threads:
    t.start()
for n in range(rounds):
    todo.put(n)
    time.sleep(0.02)
for t in threads:
    todo.put(None)
for t in threads:
    t.join()
for n in range(rounds):
    print(n, results[n])
