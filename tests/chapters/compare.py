"""Compare what a chapter shows with what was seen.

In a chapter a line `...` stands for any lines, and … inside a line for any text.
"""

import os
import re

import pytest

from tests.support.folders import contents
from tutorial.maintenance.rules import normal
from tutorial.shared.git import compare


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


def assert_is_the_step(folder, step):
    """Fail, with the lines that differ, unless a folder is the step byte for byte."""
    if differences := compare(folder, step.path):
        pytest.fail(f"The chapter does not lead to its step:\n{differences}")
    expected = contents(step.path)
    del expected["README.md"]
    assert contents(folder) == expected
    assert executables(folder) == executables(step.path)


def executables(folder):
    """Return the paths of the files in a folder that can be executed."""
    return {name for name in contents(folder) if os.access(folder / name, os.X_OK)}
