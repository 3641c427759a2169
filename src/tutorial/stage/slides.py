"""What a chapter changes, as slides: one method, one place or one new file each."""

import re
from difflib import SequenceMatcher
from html import escape

from ..chapters.edits import edits
from ..chapters.patches import read_diff
from ..chapters.reading import EDITS, read_chapter
from ..shared.git import compare
from ..shared.steps import all_steps

FORM = "--function-context"  # whole methods
METHOD = re.compile(r"\s*(@(?!media)|(async )?def |class |(export )?function )")
ENOUGH = 10  # lines, after which the next method has a slide of its own
CONTEXT = 3  # lines around a change that is in no method
LAST = ".css"
CLASSES = {"+": "plus", "-": "minus"}


def slides(step, folder=None):
    """Return the slides of a chapter, or, with a `folder`, what it lacks of the step.

    A slide is {"file", "section", "rows"}; a row is [sign, pieces]. The sign is " ",
    "+" or "-"; a piece is [text, whether it differs from the line that it replaces]. A
    file that is empty has a slide without rows.
    """
    earlier = [other for other in all_steps() if other < step]
    if not (folder or earlier):
        return []
    blocks = [block for block in read_chapter(step) if block.kind in EDITS]
    first = {}  # path: (number, section) of the first edit
    for number, block in enumerate(blocks):
        for _, name, _ in edits(block, step):
            first.setdefault(name, (number, block.section))
    found = []
    for file in read_diff(compare(folder or earlier[-1].path, step.path, FORM)):
        number, section = first.get(file.name, (len(blocks), ""))
        for part in [part for _, rows in file.hunks for part in parts(rows)] or [[]]:
            slide = {"file": file.name, "section": section, "rows": marked(part)}
            found.append((file.name.endswith(LAST), number, slide))
    return [slide for *_, slide in sorted(found, key=lambda place: place[:2])]


def without_slides(folder=None):
    """Return a sentence that says why there are no slides."""
    if folder:
        return "Nothing is left to do in this folder."
    return "This is the site before the chat. Its chapter leaves it as it is."


def drawn(rows):
    """Return the rows of a slide as HTML: a <div> each, a <mark> for what differs."""
    if not rows:
        return "This file has no lines to show."
    return "".join(
        f'<div class="{CLASSES.get(sign, "same")}">{escape(sign)}'
        f"{''.join(drawn_piece(*piece) for piece in pieces)}</div>"
        for sign, pieces in rows
    )


def drawn_piece(text, differs):
    """Return a piece as HTML; spaces before what is the same are left as they are."""
    code = text if differs else text.lstrip()
    tag, space = "mark" if differs else "span", text[: len(text) - len(code)]
    return f"{space}<{tag}>{escape(code)}</{tag}>" if code else space


def parts(rows):
    """Yield a hunk's parts: a new file whole, methods, or single places.

    Around what is in no method, git shows the whole file.
    """
    starts = [METHOD.match(code) for _, code in rows]
    if all(sign == "+" for sign, _ in rows):
        yield rows
    elif any(starts):
        part = []
        for number, row in enumerate(rows):
            is_new = starts[number] and not starts[number - 1]
            if is_new and has_change(part) and len(part) >= ENOUGH:
                yield part
                part = []
            elif is_new and not has_change(part):
                part = []
            part.append(row)
        if has_change(part):
            yield part
    else:
        yield from places(rows)


def has_change(rows):
    return any(sign != " " for sign, _ in rows)


def places(rows):
    """Yield each changed place with some lines around it."""
    changed = [number for number, (sign, _) in enumerate(rows) if sign != " "]
    while changed:
        start = max(changed[0] - CONTEXT, 0)
        end = changed.pop(0) + CONTEXT + 1
        while changed and changed[0] - CONTEXT <= end:
            end = changed.pop(0) + CONTEXT + 1
        yield rows[start:end]


def marked(rows):
    """Return rows in which the words are marked that differ within a replaced line."""
    result = []
    while rows:
        sign = rows[0][0]
        count = next((n for n, row in enumerate(rows) if row[0] != sign), len(rows))
        same, rows = rows[:count], rows[count:]
        if sign == "-" and rows and rows[0][0] == "+":
            count = next((n for n, row in enumerate(rows) if row[0] != "+"), len(rows))
            new, rows = rows[:count], rows[count:]
            old_pieces, new_pieces = [], []
            for number in range(max(len(same), len(new))):
                old = same[number][1] if number < len(same) else None
                other = new[number][1] if number < len(new) else None
                pieces = pieces_of(old, other)
                old_pieces += [["-", pieces[0]]] if old is not None else []
                new_pieces += [["+", pieces[1]]] if other is not None else []
            result += old_pieces + new_pieces
        else:
            result += [[sign, [[code, False]]] for _, code in same]
    return result


def pieces_of(old, new):
    """Return the pieces of two lines; in unlike ones, and in one alone, none."""
    if old is None or new is None:
        return [[old, False]], [[new, False]]
    words = [re.findall(r"\s+|\w+|\W", line) for line in (old, new)]
    matcher = SequenceMatcher(None, *words, autojunk=False)
    if matcher.ratio() < 0.6:
        return [[old, False]], [[new, False]]
    pieces = [], []
    for tag, i1, i2, j1, j2 in matcher.get_opcodes():
        for side, line, start, end in ((0, words[0], i1, i2), (1, words[1], j1, j2)):
            if start < end:
                pieces[side].append(["".join(line[start:end]), tag != "equal"])
    return pieces
