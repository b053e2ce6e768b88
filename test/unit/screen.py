# SPDX-License-Identifier: GPL-2.0-or-later
"""A program on a pseudo-terminal, and what a user would see there: enough of xterm for ncurses."""
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time

# What xterm sends for these keys while a program uses them.
UP, DOWN, RIGHT, LEFT = "\x1bOA", "\x1bOB", "\x1bOC", "\x1bOD"
PAGE_UP, PAGE_DOWN, HOME, END = "\x1b[5~", "\x1b[6~", "\x1bOH", "\x1bOF"
TAB, ENTER, ESCAPE = "\t", "\r", "\x1b"


class Picture:
    """What the program draws, kept as lines of characters."""

    def __init__(self, rows, cols):
        self.resize(rows, cols)
        self.cursor_shown, self.alternate, self.pending = True, False, ""

    def resize(self, rows, cols):
        self.rows, self.cols = rows, cols
        self.cells = [[" "] * cols for _ in range(rows)]
        self.reverse = [[False] * cols for _ in range(rows)]
        self.row = self.col = 0
        self.region, self.inverse, self.last = (0, rows - 1), False, " "

    def put(self, ch):
        if self.col >= self.cols:
            self.col, self.row = 0, min(self.row + 1, self.rows - 1)
        self.cells[self.row][self.col] = ch
        self.reverse[self.row][self.col] = self.inverse
        self.col += 1
        self.last = ch

    def scroll(self, count, top):
        bottom = self.region[1]
        for _ in range(min(abs(count), bottom - top + 1)):
            for grid, empty in ((self.cells, " "), (self.reverse, False)):
                grid.pop(top if count > 0 else bottom)
                grid.insert(bottom if count > 0 else top, [empty] * self.cols)

    def erase(self, row, first, last):
        for col in range(max(first, 0), min(last, self.cols)):
            self.cells[row][col], self.reverse[row][col] = " ", False

    def control(self, private, params, final):
        numbers = [int(p) if p else 0 for p in params.split(";")] if params else [0]
        n = max(numbers[0], 1)
        if final == "H":
            self.row = min(n, self.rows) - 1
            self.col = min(max(numbers[1] if len(numbers) > 1 else 1, 1), self.cols) - 1
        elif final == "A":
            self.row = max(self.row - n, 0)
        elif final == "B":
            self.row = min(self.row + n, self.rows - 1)
        elif final == "C":
            self.col = min(self.col + n, self.cols - 1)
        elif final == "D":
            self.col = max(self.col - n, 0)
        elif final == "G":
            self.col = min(n, self.cols) - 1
        elif final == "d":
            self.row = min(n, self.rows) - 1
        elif final == "J":
            first = self.row + 1 if numbers[0] == 0 else 0
            if numbers[0] == 0:
                self.erase(self.row, self.col, self.cols)
            for row in range(first, self.rows):
                self.erase(row, 0, self.cols)
        elif final == "K":
            if numbers[0] == 0:
                self.erase(self.row, self.col, self.cols)
            elif numbers[0] == 1:
                self.erase(self.row, 0, self.col + 1)
            else:
                self.erase(self.row, 0, self.cols)
        elif final == "X":
            self.erase(self.row, self.col, self.col + n)
        elif final == "P":
            for grid, empty in ((self.cells, " "), (self.reverse, False)):
                line = grid[self.row]
                grid[self.row] = (line[:self.col] + line[self.col + n:] + [empty] * n)[:self.cols]
        elif final == "@":
            for grid, empty in ((self.cells, " "), (self.reverse, False)):
                line = grid[self.row]
                grid[self.row] = (line[:self.col] + [empty] * n + line[self.col:])[:self.cols]
        elif final == "b":
            for _ in range(n):
                self.put(self.last)
        elif final == "L":
            self.scroll(-n, self.row)
        elif final == "M":
            self.scroll(n, self.row)
        elif final == "S":
            self.scroll(n, self.region[0])
        elif final == "T":
            self.scroll(-n, self.region[0])
        elif final == "r":
            self.region = n - 1, (numbers[1] if len(numbers) > 1 and numbers[1] else self.rows) - 1
            self.row = self.col = 0
        elif final == "m":
            for number in numbers:
                if number in (0, 27):
                    self.inverse = False
                elif number == 7:
                    self.inverse = True
        elif final in "hl" and private == "?":
            for number in numbers:
                if number == 25:
                    self.cursor_shown = final == "h"
                if number == 1049:
                    self.alternate = final == "h"
        elif final not in "hltcn":
            raise AssertionError("unknown sequence: ESC [ %s%s%s" % (private, params, final))

    def feed(self, text):
        text, self.pending = self.pending + text, ""
        while text:
            if text[0] != "\x1b":
                ch, text = text[0], text[1:]
                if ch == "\r":
                    self.col = 0
                elif ch == "\n":
                    if self.row == self.region[1]:
                        self.scroll(1, self.region[0])
                    else:
                        self.row = min(self.row + 1, self.rows - 1)
                elif ch == "\b":
                    self.col = max(self.col - 1, 0)
                elif ch >= " ":
                    self.put(ch)
                continue
            m = re.match(r"\x1b(?:\[([?>!]?)([0-9;:]*)[ $]?([@-~])|[()][0-9A-B]|[=>78cMDE]|\]0;[^\x07]*\x07)", text)
            if not m:
                assert len(text) < 40, "unknown: %r" % text[:40]
                self.pending = text
                return
            if m[3]:
                self.control(m[1], m[2], m[3])
            elif m[0] == "\x1bM":
                if self.row == self.region[0]:
                    self.scroll(-1, self.row)
                else:
                    self.row -= 1
            text = text[m.end():]

    def lines(self):
        return ["".join(line).rstrip() for line in self.cells]

    def text(self):
        return "\n".join(self.lines())

    def selected(self):
        """The lines that are shown in reverse, and of those only that part."""
        return ["".join(c for c, on in zip(line, marks) if on).strip()
                for line, marks in zip(self.cells, self.reverse) if any(marks)]


class Terminal:
    """with Terminal(argv, env, rows, cols) as t: …"""

    def __init__(self, argv, env, rows=24, cols=80, term="xterm-256color", cwd=None):
        self.picture = Picture(rows, cols)
        self.master, self.slave = pty.openpty()
        self.size(rows, cols)
        self.modes = termios.tcgetattr(self.slave)

        def session():
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        self.process = subprocess.Popen(argv, env=dict(env, TERM=term), cwd=cwd, stdin=self.slave, stdout=self.slave,
                                        stderr=self.slave, preexec_fn=session)
        self.bytes = b""
        self.drawn = 0

    def __enter__(self):
        return self

    def __exit__(self, *args):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for fd in self.master, self.slave:
            if fd >= 0:
                os.close(fd)

    def size(self, rows, cols):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))

    def resize(self, rows, cols):
        self.read(0)
        self.picture.resize(rows, cols)
        self.size(rows, cols)

    def key(self, text):
        os.write(self.master, text.encode())

    def read(self, seconds):
        if not select.select([self.master], [], [], seconds)[0]:
            return False
        data = os.read(self.master, 65536)
        self.drawn += len(data)
        self.bytes += data
        try:
            good, self.bytes = self.bytes.decode(), b""
        except UnicodeDecodeError as e:
            good, self.bytes = self.bytes[:e.start].decode(), self.bytes[e.start:]
        self.picture.feed(good)
        return True

    def until(self, condition, what, seconds=15):
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, "after %d s still not %s:\n%s" % (seconds, what, self.picture.text())
            self.read(0.05)
        return self

    def shows(self, pattern, seconds=15):
        return self.until(lambda: re.search(pattern, self.picture.text(), re.M), "shown: " + pattern, seconds)

    def ends(self, status, seconds=15):
        """It ends like that, and the terminal is as it was."""
        self.until(lambda: self.process.poll() is not None, "ended", seconds)
        while self.read(0):
            pass
        assert self.process.returncode == status, "status %s, not %s:\n%s" % (
            self.process.returncode, status, self.picture.text())
        assert termios.tcgetattr(self.slave) == self.modes, "the terminal's modes are not as before"
        assert self.picture.cursor_shown and not self.picture.alternate, "the screen is not given back"

    def signal(self, sig):
        self.process.send_signal(sig)

    def hang_up(self):
        os.close(self.slave)
        os.close(self.master)
        self.master = self.slave = -1
        self.process.wait(timeout=15)
