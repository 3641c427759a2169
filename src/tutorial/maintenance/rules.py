"""What differs from run to run in the output of a command or a cell."""

import re

# Patterns, and the words that replace them on both sides of a comparison.
RULES = [
    (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d\.\d+\+00:00", "TIME"),
    (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}", "TIME"),
    (r"\bseconds=\d+\.\d\b", "seconds=DURATION"),
    (r"\d\d:\d\d:\d\d\.\d{6}", "TIME"),
    (r"\w+ \d\d?, \d{4} - \d\d:\d\d:\d\d", "DATE"),
    (r"\[\d\d/\w{3}/\d{4} \d\d:\d\d:\d\d\]", "[DATE]"),
    (r"\d\d:\d\d:\d\d [AP]M", "CLOCK"),
    (r"\d+\.\d\d?, 127\.0\.0\.1:\d+\]", "0.00, CLIENT]"),
    (r"\[127\.0\.0\.1:\d+\]", "[CLIENT]"),
    (r"\b127\.0\.0\.1:\d+ - - ", "CLIENT - - "),
    (r"\d+(\.\d+)? ?(s|ms|seconds)\b", "DURATION"),
    (r"\b[0-9a-f]{24,32}\b", "RANDOM"),
    (r"0x[0-9a-f]{6,}", "0xADDRESS"),
    (r"\b1[0-9]{9}\.[0-9]+", "SECONDS"),
    (r"\bnotebook-[0-9a-f]{4}\b", "notebook-KERNEL"),
    # From Python 3.13 on, a console repeats the line that was typed, with carets.
    (r'^( *File "<console>", line .*)(\n {4}.*)+', r"\1"),
    # Since Python 3.14 in other words.
    (
        r"'(\w+)' object can't be awaited",
        r"object \1 can't be used in 'await' expression",
    ),
    # A server that ends may close the connection in any of these ways.
    (
        r"Error while reading from \S+ ?: \((32|104), .*\)",
        "Connection closed by server.",
    ),
    (r"Error (32|104) while writing to socket\. .*", "Connection closed by server."),
    (r"[ \t]+$", ""),
]


def normal(text):
    """Return `text` with a fixed word in place of everything that varies."""
    for pattern, word in RULES:
        text = re.sub(pattern, word, text, flags=re.MULTILINE)
    return text
