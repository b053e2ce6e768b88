#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""openmetrics.py [NAME...] <TEXT - checks that the text is OpenMetrics 1.0 as far as MOSIX uses it, and
that the families NAME are in it. As a module: parse(text) gives {(name, labels): value}."""
import re
import sys

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"'
NUMBER = r"[+-]?(?:[0-9]+(?:\.[0-9]*)?(?:e[+-]?[0-9]+)?|Inf|NaN)"
SUFFIXES = {"gauge": {""}, "counter": {"_total", "_created"}, "info": {"_info"},
            "histogram": {"_bucket", "_count", "_sum", "_created"}}


class Bad(Exception):
    pass


class Family:
    def __init__(self, name):
        self.name, self.type, self.unit, self.help, self.samples = name, None, None, None, 0


def labels_of(text):
    labels = {}
    while text:
        m = re.match(LABEL + "(,|$)", text)
        if not m:
            raise Bad("bad labels: " + text)
        if m[1] in labels:
            raise Bad("a label twice: " + m[1])
        labels[m[1]] = re.sub(r"\\(.)", lambda e: "\n" if e[1] == "n" else e[1], m[2])
        text = text[m.end():]
    return labels


class Parser:
    def __init__(self):
        self.families, self.values, self.current = {}, {}, None

    def metadata(self, line):
        m = re.fullmatch("# (TYPE|UNIT|HELP) (%s) (.*)" % NAME, line)
        if not m:
            raise Bad("bad comment: " + line)
        kind, name, value = m.groups()
        if not self.current or self.current.name != name:
            if name in self.families:
                raise Bad("a family comes twice: " + name)
            self.finish()
            self.current = self.families[name] = Family(name)
        if self.current.samples:
            raise Bad("metadata behind samples: " + line)
        if getattr(self.current, kind.lower()) is not None:
            raise Bad("twice: " + line)
        if kind == "TYPE" and value not in SUFFIXES:
            raise Bad("unknown type: " + line)
        if kind == "UNIT" and not name.endswith("_" + value):
            raise Bad("the name does not end with its unit: " + line)
        if kind == "HELP" and re.sub(r'\\["\\n]', "", value).count("\\"):
            raise Bad("bad escape: " + line)
        setattr(self.current, kind.lower(), value)

    def sample(self, line):
        m = re.fullmatch(r"(%s)(?:\{(.*)\})? (%s)" % (NAME, NUMBER), line)
        if not m:
            raise Bad("bad sample: " + line)
        family = self.current
        if not family or not family.type or not family.help:
            raise Bad("a sample without TYPE and HELP: " + line)
        suffix = m[1][len(family.name):] if m[1].startswith(family.name) else None
        if suffix not in SUFFIXES[family.type]:
            raise Bad("not of family %s (%s): %s" % (family.name, family.type, line))
        labels = labels_of(m[2] or "")
        key = m[1], tuple(sorted(labels.items()))
        if key in self.values:
            raise Bad("twice: " + line)
        value = float(m[3])
        if family.type in ("counter", "histogram") and not value >= 0:
            raise Bad("a negative count: " + line)
        self.values[key] = value
        family.samples += 1

    def finish(self):
        family = self.current
        if family and not family.samples:
            raise Bad("a family without samples: " + family.name)
        if family and family.type == "histogram":
            buckets = [(dict(labels)["le"], v) for (n, labels), v in self.values.items()
                       if n == family.name + "_bucket"]
            bounds = [float(le) for le, _ in buckets]
            counts = [v for _, v in buckets]
            if bounds != sorted(set(bounds)) or buckets[-1][0] != "+Inf" or counts != sorted(counts):
                raise Bad("bad buckets: %r" % buckets)
            if self.values[family.name + "_count", ()] != counts[-1]:
                raise Bad("the last bucket is not the count: " + family.name)


def parse(text):
    if not text.endswith("\n# EOF\n"):
        raise Bad("it does not end with # EOF")
    parser = Parser()
    for line in text[:-len("# EOF\n")].splitlines():
        if line.startswith("#"):
            parser.metadata(line)
        else:
            parser.sample(line)
    parser.finish()
    return parser.values, parser.families


GOOD = """# TYPE a_seconds counter
# UNIT a_seconds seconds
# HELP a_seconds A \\\\ b.
a_seconds_total{x="1\\"\\\\\\n,}"} 1
# TYPE b gauge
# HELP b B.
b 1.5e+10
# EOF
"""


def self_test():
    values, _ = parse(GOOD)
    assert values["a_seconds_total", (("x", '1"\\\n,}'),)] == 1
    for old, new in (("# EOF\n", ""), ("_total", ""), ("# HELP b B.\n", ""), (" 1.5e+10", ""), ("b 1", "c 1"),
                     ("UNIT a_seconds seconds", "UNIT a_seconds bytes"), ("b 1.5e+10", "b 1\nb 2"),
                     ('{x="', '{x=""'), ("gauge", "guage"), ("} 1", "} -1"), ("b 1.5e+10\n", ""),
                     ("TYPE b gauge", "TYPE a_seconds gauge"), ("\\n,", "\\t,")):
        try:
            parse(GOOD.replace(old, new, 1))
        except Bad:
            continue
        raise AssertionError("not noticed: %r for %r" % (new, old))


if __name__ == "__main__":
    self_test()
    _, families = parse(sys.stdin.read())
    missing = [name for name in sys.argv[1:] if name not in families]
    sys.exit("missing: %s" % missing if missing else 0)
