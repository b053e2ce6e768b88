#!/usr/bin/python3
"""Reads its terminal: asks for lines, shows the window's size, switches echo off for one answer,
and counts interrupts; for tests that type into it. Ends at the line "quit"."""
import os
import select
import signal
import sys
import termios
import threading

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


def read_terminal():
    while True:
        os.write(lines[1], os.read(0, 4096) or b"\x04\n")


def next_line():
    """The next one that the other thread has read. A signal that comes just before select() ends it by
    its byte; one just before read() would be seen only when a line has come."""
    while True:
        ready = select.select([lines[0], wake[0]], [], [])[0]
        if wake[0] in ready:
            os.read(wake[0], 4096)
        if lines[0] in ready:
            return os.read(lines[0], 4096).decode()


wake, lines = os.pipe(), os.pipe()
os.set_blocking(wake[1], False)
signal.set_wakeup_fd(wake[1], warn_on_full_buffer=False)
signal.signal(signal.SIGINT, on_int)
signal.signal(signal.SIGWINCH, on_winch)
print("size", *os.get_terminal_size(0), flush=True)
assert os.isatty(0) and os.isatty(1)
threading.Thread(target=read_terminal, daemon=True).start()
n = 0
while True:
    n += 1
    sys.stdout.write(f"{n}> ")
    sys.stdout.flush()
    line = next_line()
    if line == "\x04\n":
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
        word = next_line().rstrip("\n")
        termios.tcsetattr(0, termios.TCSADRAIN, old)
        print(f"\nlength {len(word)}")
        continue
    print(f"you said: {line}", flush=True)
print(f"bye after {interrupts} interrupts", flush=True)
# the other thread is still reading
os._exit(0)
