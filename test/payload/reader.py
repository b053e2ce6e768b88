#!/usr/bin/python3
"""Reads its terminal: asks for lines, shows the window's size, switches echo off for one answer,
and counts interrupts; for tests that type into it. Ends at the line "quit"."""
import os
import signal
import sys
import termios

interrupts = 0


def say(text):
    """What a signal handler may do in the middle of a print()."""
    os.write(1, text.encode() + b"\n")


def on_int(*_):
    global interrupts
    interrupts += 1
    say(f"interrupt {interrupts}")


def on_winch(*_):
    size = os.get_terminal_size(0)
    say(f"size {size.columns} {size.lines}")


signal.signal(signal.SIGINT, on_int)
signal.signal(signal.SIGWINCH, on_winch)
print("size", *os.get_terminal_size(0), flush=True)
assert os.isatty(0) and os.isatty(1)
n = 0
while True:
    n += 1
    sys.stdout.write(f"{n}> ")
    sys.stdout.flush()
    line = sys.stdin.readline()
    if not line:
        print("end of file")
        break
    line = line.rstrip("\n")
    if line == "quit":
        break
    if line == "secret":
        old = termios.tcgetattr(0)
        new = termios.tcgetattr(0)
        new[3] &= ~termios.ECHO
        termios.tcsetattr(0, termios.TCSADRAIN, new)
        sys.stdout.write("password: ")
        sys.stdout.flush()
        word = sys.stdin.readline().rstrip("\n")
        termios.tcsetattr(0, termios.TCSADRAIN, old)
        print(f"\nlength {len(word)}")
        continue
    print(f"you said: {line}", flush=True)
print(f"bye after {interrupts} interrupts")
