#!/usr/bin/python3
"""Reads single keys from its terminal in raw mode and shows what each is; ends at "q"."""
import os
import signal
import sys
import termios
import tty


def on_winch(*_):
    size = os.get_terminal_size(0)
    os.write(1, b"size %d %d\r\n" % (size.lines, size.columns))


signal.signal(signal.SIGWINCH, on_winch)
before = termios.tcgetattr(0)
tty.setraw(0)
os.write(1, b"keys\r\n")
while True:
    key = os.read(0, 1)
    os.write(1, b"%02x\r\n" % key[0])
    if key == b"q":
        break
termios.tcsetattr(0, termios.TCSADRAIN, before)
sys.exit(3)
