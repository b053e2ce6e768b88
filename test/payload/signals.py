#!/usr/bin/python3
"""Counts the real-time signals RTMIN+1 to RTMIN+4 as they are queued, one line each; ends at SIGTERM."""
import signal

counted = {signal.SIGRTMIN + i: 0 for i in range(1, 5)}
wanted = set(counted) | {signal.SIGTERM}
signal.pthread_sigmask(signal.SIG_BLOCK, wanted)
print("ready", flush=True)
while True:
    number = signal.sigwaitinfo(wanted).si_signo
    if number == signal.SIGTERM:
        break
    counted[number] += 1
    print("signal", number - signal.SIGRTMIN, flush=True)
print("counted", *counted.values())
