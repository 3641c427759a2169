"""Compare what a chapter shows with what was seen.

In a chapter a line `...` stands for any lines, and … inside a line for any text.
"""

import re

# What differs from run to run, and what stands for it on both sides.
RULES = [
    (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d\.\d+\+00:00", "TIME"),
    (r"\w+ \d\d?, \d{4} - \d\d:\d\d:\d\d", "DATE"),
    (r"\[\d\d/\w{3}/\d{4} \d\d:\d\d:\d\d\]", "[DATE]"),
    (r"\d\d:\d\d:\d\d [AP]M", "CLOCK"),
    (r"\d+\.\d\d?, 127\.0\.0\.1:\d+\]", "0.00, CLIENT]"),
    (r"\[127\.0\.0\.1:\d+\]", "[CLIENT]"),
    (r"\b127\.0\.0\.1:\d+ - - ", "CLIENT - - "),
    (r"\d+(\.\d+)? ?(s|ms|seconds)\b", "DURATION"),
    (r"specific\.[0-9a-f]{32}!", "specific.PROCESS!"),
    (r"(?<=!)[0-9a-f]{32}", "RANDOM"),
    (r"0x[0-9a-f]{6,}", "0xADDRESS"),
    (r"\b1[0-9]{9}\.[0-9]+", "SECONDS"),
    (r"[ \t]+$", ""),
]


def normal(text):
    """Return `text` with a fixed word for everything that varies."""
    for pattern, word in RULES:
        text = re.sub(pattern, word, text, flags=re.MULTILINE)
    return text


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
