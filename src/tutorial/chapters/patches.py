"""Unified diffs, written and read."""

import difflib
import re
from typing import NamedTuple

# What stands above the first hunk of a file, and what it says.
NOTES = {
    r"^new file|^--- /dev/null": "new file",
    r"^deleted file|^\+\+\+ /dev/null": "removed",
    r"^rename from (.+)": r"moved from \1",
    r"^Binary files": "not text",
}


class File(NamedTuple):
    """What a diff does to a file: in words, and in `hunks`, which are (line, rows).

    The line is the number of the first one in the old file. A row is (sign, code): the
    sign is " ", "+" or "-".
    """

    name: str
    notes: list
    hunks: list

    @property
    def signs(self):
        """The signs of all rows, in order."""
        return [sign for _, rows in self.hunks for sign, _ in rows]


def write_diff(name, old, new):
    """Return the unified diff of a file, as git writes it; "" if nothing differs.

    `old` and `new` are lines with their ends, or None where there is no such file.
    """
    if old == new:
        return ""
    head = f"diff --git a/{name} b/{name}\n"
    head += "new file mode 100644\n" if old is None else ""
    head += "deleted file mode 100644\n" if new is None else ""
    if any("\0" in line for line in [*(old or []), *(new or [])]):
        return f"{head}Binary files a/{name} and b/{name} differ\n"
    old_name = "/dev/null" if old is None else f"a/{name}"
    new_name = "/dev/null" if new is None else f"b/{name}"
    lines = difflib.unified_diff(old or [], new or [], old_name, new_name)
    return head + "".join(
        line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"
        for line in lines
    )


def read_diff(text):
    """Yield the Files of a unified diff, with or without what git adds to it."""
    by_git = re.search("^diff --git ", text, re.M)
    start = "^(?=diff --git )" if by_git else r"^(?=--- .*\n\+\+\+ )"
    for part in re.split(start, text, flags=re.M)[1:]:
        head, *rest = re.split(r"^@@ -(\d+).*\n", part, flags=re.M)
        name = re.search(r"^(?:diff .* b/|--- a/|\+\+\+ b/)([^\t\n]+)", head, re.M)
        notes = [
            match.expand(words)
            for pattern, words in NOTES.items()
            if (match := re.search(pattern, head, re.M))
        ]
        hunks = []
        for line, rows in zip(rest[::2], rest[1::2], strict=True):
            # A line of its own, "\ No newline at end of file", is about the one above.
            rows = rows.rstrip("\n").replace("\n\\ ", "  \\ ").split("\n")
            hunks.append((int(line), [(row[:1] or " ", row[1:]) for row in rows]))
        if notes in (["new file"], ["removed"]) and not hunks:
            notes.append("empty")
        yield File(name[1] if name else "", notes, hunks)
