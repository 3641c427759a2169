"""Find the section of the chapters that makes the first edit that a folder lacks."""

import re
import stat
from collections import Counter
from difflib import SequenceMatcher

from ..shared.steps import all_steps
from .patches import read_diff
from .reading import EDITS, anchor, read_chapter

# Files that `tutorial check` does not test: their sections are named last.
UNTESTED = (".css", ".js")
# Here mistakes can be that it does not see, as it opens no page and starts no server.
UNSEEN = re.compile(r".*\.(css|js|html)|config/.*|deploy/.*")
MISSING = "does not exist;"
OPPOSITE = {"+": "-", "-": "+"}
WORDS = {
    "+": ("lacks a line", "adds"),
    "-": ("still has a line", "removes"),
    "~": ("has in the wrong place a line", "adds"),
}


def first_gap(step, path, passed=False):
    """Return a sentence about the first section whose edits `path` lacks, or None.

    An edit is a line that the chapters up to `step` permanently add to a file or remove
    from it. It belongs to the last section that does so. A line that the answer to an
    exercise has changed is not lacking. A line that an exercise lets you change in your
    own way is lacking only if nothing else is.

    If the tests have `passed`, what they see is right, however it is written. So then,
    something is lacking only in a file that they do not see, or that does not exist. A
    missing file comes first.

    A file that has to be executable, and is not, lacks that.
    """
    chapters = [chapter for chapter in all_steps() if chapter <= step]
    blocks = [(chapter, b) for chapter in chapters for b in read_chapter(chapter)]
    places = {
        edit: (chapter, block.line, block.section)
        for chapter, block in blocks
        if block.kind in EDITS
        for edit in edits(block, chapter)
    }
    exercised = set()
    for chapter, block in blocks:
        if block.kind == "answer":
            undone = {(OPPOSITE[sign], *rest) for sign, *rest in edits(block, chapter)}
            exercised |= undone
            if is_applied(block, chapter, path):
                places = {e: place for e, place in places.items() if e not in undone}
    gaps = []
    for name in {name for _, name, _ in places}:
        seen = passed and (path / name).exists()
        if seen and not UNSEEN.fullmatch(name):
            continue
        for sign, line in gaps_in(lines_of(path / name), lines_of(step.path / name)):
            edit = ("-" if sign == "-" else "+", name, line)
            if place := places.get(edit):
                untested = not passed and name.endswith(UNTESTED)
                last = (seen, sign == "~", untested, edit in exercised)
                gaps.append((last, place, sign, name))
        if is_executable(step.path / name) > is_executable(path / name):
            made = min(place for (_, file, _), place in places.items() if file == name)
            gaps.append(((seen, False, False, False), made, "x", name))
    if not gaps:
        return None
    _, (chapter, _, section), sign, name = min(gaps)
    link = f"steps/{chapter.name}/README.md#{anchor(section)}"
    if sign != "-" and not (path / name).exists():
        return f'{name} {MISSING} the section "{section}" adds it: {link}'
    if sign == "x":
        return f'{name} is not executable: see the section "{section}": {link}'
    lacks, adds = WORDS[sign]
    return f'{name} {lacks} that the section "{section}" {adds}: {link}'


def gaps_in(own, right):
    """Yield (sign, line) for what is missing, superfluous or in another place."""
    yield from (("+", line) for line in Counter(right) - Counter(own))
    yield from (("-", line) for line in Counter(own) - Counter(right))
    for tag, start, end, _, _ in SequenceMatcher(None, right, own).get_opcodes():
        if tag in ("delete", "replace"):
            yield from (("~", line) for line in right[start:end])


def is_executable(file):
    """Return whether a file is there, and its owner may execute it."""
    return file.exists() and bool(file.stat().st_mode & stat.S_IXUSR)


def is_applied(block, chapter, path):
    """Return whether `path` has every line that the answer to an exercise adds."""
    return all(
        line in lines_of(path / name)
        for sign, name, line in edits(block, chapter)
        if sign == "+"
    )


def edits(block, chapter):
    """Yield (sign, path, line) for every line that a block edits."""
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
    """Return the `words` of a file, or an empty list if it does not exist."""
    try:
        return words(file.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return []


def words(text):
    """Return the lines of `text` without indentation.

    Empty lines and lines with nothing but brackets do not show where they belong.
    """
    return [line.strip() for line in text.splitlines() if re.search(r"\w", line)]
