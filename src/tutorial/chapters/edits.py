"""Which section of the chapters brings the first edit that a folder lacks."""

import re
from collections import Counter

from ..shared.steps import all_steps
from .patches import read_diff
from .reading import EDITS, anchor, read_chapter


def first_gap(step, path):
    """Return the first section with an edit that `path` lacks, in a sentence, or None.

    An edit is a line that the chapters up to `step` add to a file, or remove from it,
    for good. It belongs to the last section that does so.
    """
    places = {
        edit: (chapter, block.line, block.section)
        for chapter in all_steps()[1:]
        if chapter <= step
        for block in read_chapter(chapter)
        if block.kind in EDITS
        for edit in edits(block, chapter)
    }
    gaps = []
    for name in {name for _, name, _ in places}:
        right, own = lines_of(step.path / name), lines_of(path / name)
        for sign, lines in (("+", right - own), ("-", own - right)):
            lacking = {(sign, name, line) for line in lines} & places.keys()
            gaps += [(places[edit], sign, name) for edit in lacking]
    if not gaps:
        return None
    (chapter, _, section), sign, name = min(gaps)
    lacks, adds = {"+": ("lacks", "adds"), "-": ("still has", "removes")}[sign]
    link = f"steps/{chapter.name}/README.md#{anchor(section)}"
    return f'{name} {lacks} what "{section}" {adds}: {link}'


def edits(block, chapter):
    """Yield (sign, path, line) for every line that a file, copy or diff block edits."""
    if block.kind == "file":
        yield from (("+", block.name, line) for line in words(block.text))
    elif block.kind == "copy":
        for name in block.text.split():
            yield from (("+", name, line) for line in lines_of(chapter.path / name))
    else:
        for file in read_diff(block.text):
            for sign in "+-":
                rows = [code for _, rows in file.hunks for s, code in rows if s == sign]
                yield from ((sign, file.name, line) for line in words("\n".join(rows)))


def lines_of(file):
    """Return the `words` of a file; of one that is not there, an empty Counter."""
    try:
        return words(file.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return Counter()


def words(text):
    """Return the lines of `text` without indentation, as a Counter.

    A line that holds only a bracket, or nothing, says nothing of where it belongs.
    """
    lines = map(str.strip, text.splitlines())
    return Counter(line for line in lines if re.search(r"\w", line))
