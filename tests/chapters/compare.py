"""Compare what a chapter shows with what was seen.

In a chapter a line `...` stands for any lines, and … inside a line for any text.
"""

import re

from tutorial.maintenance.rules import normal


def pattern_of(expected):
    """Return a compiled pattern for the lines that a chapter shows."""
    lines = []
    for line in normal(expected).splitlines():
        if line == "...":
            lines.append(r"(?:.*\n)*?")
        else:
            lines.append(r"[^\n]*?".join(map(re.escape, line.split("…"))) + r"\n")
    return re.compile("".join(lines))


def same(expected, seen):
    """Return whether `seen`, as a whole, is what the chapter shows."""
    return bool(pattern_of(expected).fullmatch(with_end(normal(seen))))


def begins(expected, seen):
    """Return how many lines at the beginning of `seen` the chapter shows, or None."""
    match = pattern_of(expected).match(with_end(normal(seen)))
    return match and match[0].count("\n")


def with_end(text):
    """Return `text` with a newline at the end of its last line, if it has lines."""
    return text if not text or text.endswith("\n") else text + "\n"
