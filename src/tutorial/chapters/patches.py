"""Read unified diffs."""

import re
from typing import NamedTuple


class File(NamedTuple):
    """What a diff changes in a file: `hunks` is a list of (line, rows).

    `line` is the number of the hunk's first line in the old file. A row is (sign,
    code); the sign is " ", "+" or "-".
    """

    name: str
    hunks: list


def read_diff(text):
    """Yield the Files of a unified diff, with or without the lines that git adds."""
    by_git = re.search("^diff --git ", text, re.M)
    start = "^(?=diff --git )" if by_git else r"^(?=--- .*\n\+\+\+ )"
    for part in re.split(start, text, flags=re.M)[1:]:
        head, *rest = re.split(r"^@@ -(\d+).*\n", part, flags=re.M)
        name = re.search(r"^(?:diff .* b/|--- a/|\+\+\+ b/)([^\t\n]+)", head, re.M)
        hunks = []
        for line, rows in zip(rest[::2], rest[1::2], strict=True):
            rows = rows.rstrip("\n").split("\n")
            hunks.append((int(line), [(row[:1] or " ", row[1:]) for row in rows]))
        yield File(name[1] if name else "", hunks)
