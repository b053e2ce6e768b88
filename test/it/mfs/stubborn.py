"""Reads a file; SIGUSR1 is handled and must not disturb it."""
import signal
import sys

signal.signal(signal.SIGUSR1, lambda *_: None)
open(sys.argv[1]).read()
