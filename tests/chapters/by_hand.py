"""A reader who keeps the answers to the exercises, and makes all later edits by hand.

A person does not need all of a diff's context. They remove the lines with a minus,
which must be there, and put the lines with a plus in their place, or next to a line
that is next to them in the diff.
"""

import os
import re
import shutil
import subprocess
from difflib import SequenceMatcher

from tests.support import warm
from tests.support.folders import copy_folder
from tutorial.chapters.patches import read_diff
from tutorial.chapters.reading import EDITS, read_chapter

from .terminal import environment, python_for

UNDO = re.compile(r"\bundo (?:the answers? to )?exercises? (\d+)(?: and (\d+))?")


class Collision(AssertionError):
    """An edit cannot be made, because an answer has changed the lines around it."""


class Keeper:
    """Follows chapters twice: in `own`, with answers in it, and in `right`, without.

    Both folders begin as copies of a step, below the empty folder `home`.
    """

    def __init__(self, step, home):
        self.own = copy_folder(step.path, home / "own")
        self.right = copy_folder(step.path, home / "right")
        self._next = home / "next"

    def answer(self, chapter, block):
        """Apply the answer to an exercise of a chapter in `own` alone."""
        self._edit(chapter, block)

    def follow(self, chapter):
        """Make all edits of a chapter in both folders; raise Collision if it cannot."""
        for block in read_chapter(chapter):
            if block.kind in EDITS:
                for name in self._edit(chapter, block):
                    copy_file(self._next / name, self.right / name)
            for command in block.writing:
                self._type(command)

    def _type(self, command):
        """Type a command that writes files, or makes them executable, in both."""
        for folder in (self.own, self.right):
            status, said = warm.run(python_for(command), folder, environment())
            assert status == 0, said

    def _edit(self, chapter, block):
        """Make the edit of a block by hand in `own`; return the names of its files.

        In the folder `_next`, these are as they are in `right` after the edit.
        """
        shutil.rmtree(self._next, ignore_errors=True)
        self._next.mkdir()
        names = names_in(block)
        for name in names:
            copy_file(self.right / name, self._next / name)
        where = f"{chapter.name}, line {block.line}"
        assert change(self._next, chapter, block), f"{where}: does not apply"
        for name in names:
            before, after = (read(f / name) for f in (self.right, self._next))
            if before != after:
                try:
                    edit_by_hand(self.own / name, before, after, block.kind == "copy")
                except Collision as error:
                    raise Collision(f"{where}: {name}: {error}")
        return names


def names_in(block):
    """Return the paths of the files that a block creates, changes or deletes."""
    if block.kind == "file":
        return {block.name}
    if block.kind == "copy":
        return set(block.text.split())
    return {file.name for file in read_diff(block.text)}


def copy_file(source, target):
    """Copy a file, with its mode; delete `target` if there is no such file."""
    target.unlink(missing_ok=True)
    if source.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)


def read(file):
    """Return the bytes of a file; None if it does not exist."""
    return file.read_bytes() if file.exists() else None


def change(folder, chapter, block):
    """Make the edit of a block; return whether git has accepted it."""
    if block.kind == "copy":
        for name in block.text.split():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(chapter.path / name, folder / name)
    elif block.kind == "file":
        (folder / block.name).parent.mkdir(parents=True, exist_ok=True)
        (folder / block.name).write_text(block.text, encoding="utf-8")
    else:
        return apply(block.text, folder)
    return True


def apply(text, folder):
    """Apply a diff to a folder; return whether git has accepted it."""
    outside = os.environ | {"GIT_CEILING_DIRECTORIES": str(folder.parent)}
    command = ["git", "apply", "--quiet", "-"]
    done = subprocess.run(command, cwd=folder, env=outside, input=text, text=True)
    return done.returncode == 0


def edit_by_hand(file, before, after, whole):
    """Change `file` as the contents `before` become those of `after`; None is no file.

    With `whole` the file is replaced. Raises Collision if `file` has no such lines.
    """
    own = read(file)
    if whole and own != before:
        raise Collision("an answer would be overwritten")
    if own == before:
        merged = after
    elif own is None or before is None or after is None:
        raise Collision("an answer has created, changed or deleted this file")
    else:
        sides = (text.decode().splitlines(True) for text in (own, before, after))
        merged = "".join(merge(*sides)).encode()
    if merged is None:
        file.unlink()
    else:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(merged)


def merge(own, before, after):
    """Return the lines `own` with the changes that lead from `before` to `after`."""
    place = {}  # the index of a line of `before`: its index in `own`
    same = SequenceMatcher(None, before, own, autojunk=False).get_matching_blocks()
    for start, own_start, size in same:
        place |= {start + n: own_start + n for n in range(size)}
    merged = list(own)
    changes = SequenceMatcher(None, before, after, autojunk=False).get_opcodes()
    for tag, start, end, new_start, new_end in reversed(changes):
        if tag == "equal":
            continue
        for index in range(start, end):
            if index not in place:
                raise Collision(f"this line is not there: {before[index].strip()!r}")
        if start < end:
            at = place[start]
        elif start - 1 in place:
            at = place[start - 1] + 1
        elif start in place:
            at = place[start]
        else:
            raise Collision(f"no place for this line: {after[new_start].strip()!r}")
        for index in reversed(range(start, end)):
            del merged[place[index]]
        merged[at:at] = after[new_start:new_end]
    return merged


def answers(step):
    """Return {Block of an answer: the number of its exercise} for a step's chapter."""
    lines = (step.path / "README.md").read_text(encoding="utf-8").splitlines()
    numbers = {}
    for block in read_chapter(step):
        if block.kind == "answer":
            above = "\n".join(lines[: block.line])
            labels = re.findall(r"^\*\*(\d+)\.\*\*", above, re.M)
            numbers[block] = int(labels[-1]) if labels else 1
    return numbers


def advice(step):
    """Return what a chapter says before its first exercise, in one line."""
    text = (step.path / "README.md").read_text(encoding="utf-8")
    said = re.search(r"^## Exercises\n(.*?)^1\. ", text, re.M | re.S)[1]
    return " ".join(said.split())


def to_be_undone(step):
    """Return the Blocks of the answers that a chapter tells its reader to undo."""
    found = UNDO.findall(advice(step))
    numbers = {int(number) for match in found for number in match if number}
    return [block for block, number in answers(step).items() if number in numbers]


def to_be_kept(step):
    """Return the Blocks of the answers of which a chapter says that they may stay."""
    undone = to_be_undone(step)
    if "may stay" not in advice(step):
        return []
    return [block for block in answers(step) if block not in undone]
