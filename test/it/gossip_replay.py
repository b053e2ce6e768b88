#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Captures gossip datagrams that come to or leave this node, and sends them again, also damaged.

gossip_replay.py capture FILE          until there are 40, in both directions
gossip_replay.py replay FILE ADDRESS   each as it was, cut, changed in each part, and with noise; the same
                                       again in the opposite order; some of them cut everywhere
"""
import pickle
import random
import socket
import struct
import sys
import time

PORT = 7250
ETH_P_ALL = 3


def capture(path):
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL))
    got = []
    while len(got) < 40:
        packet = sock.recv(2000)
        if packet[0] >> 4 != 4 or packet[9] != socket.IPPROTO_UDP:
            continue
        ip = (packet[0] & 15) * 4
        source, dest, length = struct.unpack_from("!HHH", packet, ip)
        body = packet[ip + 8:ip + length]
        if PORT in (source, dest) and body[:3] == b"MXG":
            got.append(body)
    with open(path, "wb") as f:
        pickle.dump(got, f)


def variants(body, rng):
    yield body
    for _ in range(4):
        at = rng.randrange(len(body))
        yield body[:at] + bytes([body[at] ^ 1 << rng.randrange(8)]) + body[at + 1:]
    yield body[:rng.randrange(len(body))]
    yield body + b"\0"
    # Another counter, another session: the seal must not fit any more.
    yield body[:12] + struct.pack("<I", 0x7fffffff) + body[16:]
    yield body[:4] + rng.randbytes(8) + body[12:]
    yield body[:16] + rng.randbytes(len(body) - 16)
    yield rng.randbytes(len(body))


def hostile(bodies, rng):
    for body in bodies:
        yield from variants(body, rng)
    for body in reversed(bodies):
        yield body
        yield body
    for body in bodies[:3] + [max(bodies, key=len)]:
        for length in range(len(body)):
            yield body[:length]


def replay(path, address):
    rng = random.Random(1)
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setblocking(False)
    with open(path, "rb") as f:
        bodies = pickle.load(f)
    sent = answered = count = 0
    for datagram in hostile(bodies, rng):
        sock.sendto(datagram, (address, PORT))
        count += 1
        sent += len(datagram)
        # Its buffer shall not overflow: each is to be looked at.
        if count % 32 == 0:
            time.sleep(0.02)
        try:
            while True:
                answered += len(sock.recv(2000))
        except BlockingIOError:
            pass
    print(f"{count} datagrams, {sent} bytes sent, {answered} bytes answered")
    sys.exit(answered > sent / 4)


if sys.argv[1] == "capture":
    capture(sys.argv[2])
else:
    replay(sys.argv[2], sys.argv[3])
