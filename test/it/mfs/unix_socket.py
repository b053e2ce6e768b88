"""A unix socket bound and connected on the mount."""
import os
import socket
import sys

path = os.path.relpath(sys.argv[1])
if len(path) > 100:
    os.chdir(os.path.dirname(sys.argv[1]))
    path = os.path.basename(sys.argv[1])
s = socket.socket(socket.AF_UNIX)
s.bind(path)
s.listen()
c = socket.socket(socket.AF_UNIX)
c.connect(path)
a, _ = s.accept()
c.send(b"hello")
assert a.recv(5) == b"hello"
