"""spin_check.py FILE...: each has the output of one test/payload/spin, and it is right"""
import sys

A, C, M = 6364136223846793005, 1442695040888963407, 1 << 64


def after(steps):
    """The generator's value after so many steps from 1."""
    a, c, x = A, C, 1
    while steps:
        if steps & 1:
            x = (a * x + c) % M
        a, c = a * a % M, (a + 1) * c % M
        steps >>= 1
    return x


bad = 0
for name in sys.argv[1:]:
    text = open(name).read().split()
    if len(text) != 2 or after(int(text[0])) != int(text[1]):
        print(f"{name}: {' '.join(text) or 'nothing'} is not what comes out")
        bad = 1
sys.exit(bad)
