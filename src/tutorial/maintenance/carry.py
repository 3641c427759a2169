"""Carry the uncommitted change of a step into every later step, three-way."""

import os
import re
import shutil
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

from ..shared.messages import TutorialError
from ..shared.steps import all_steps, find_step

CHAPTER = "README.md"
MARKERS = re.compile(rb"^<<<<<<< .*^>>>>>>> ", re.MULTILINE | re.DOTALL)


def add_parser(subparsers):
    """Add `tutorial carry STEP`."""
    parser = subparsers.add_parser(
        "carry",
        help="carry the uncommitted change of a step into the later ones",
        description=__doc__,
        epilog="Example: tutorial carry 02",
    )
    parser.add_argument("step", help="3, 03 or its name")
    parser.set_defaults(call=lambda args: carry(args.step))


def carry(name):
    """Carry what differs from HEAD in the step called `name`; return 1 on conflicts.

    New and deleted files count, the chapter does not. Every file is merged by itself
    with `git merge-file`: the base is the step's file in HEAD. `git apply --3way` would
    ask for an index without changes, write to it, and do nothing at all if one file is
    in conflict. So your index stays as it is, and a later step may have uncommitted
    changes. Carried twice is carried once; but a conflict that was mended comes again,
    until it is committed. Raises TutorialError if there is nothing to carry, or no git.
    """
    step = find_step(name)
    later = [other for other in all_steps() if other > step]
    if not later:
        raise TutorialError(f"{step.name} is the last step: nothing is to follow it.")
    files = changed_files(step)
    if not files:
        raise TutorialError(f"{step.name} has no uncommitted change beside {CHAPTER}.")
    for file in files:
        if MARKERS.search(content(step.path / file) or b""):
            raise TutorialError(f"{step.name}/{file} has conflict markers: mend it.")
    conflicts = False
    for other in later:
        dirty = changed_files(other)
        print(f"{other.name}{' (has uncommitted changes already)' if dirty else ''}")
        for file, base in files.items():
            try:
                result = merge(file, base, step, other)
            except OSError as error:
                result = f"conflict: {error.strerror}"
            conflicts |= result.startswith("conflict")
            print(f"    {file}: {result}")
    mend = "Mend the conflicts, then `make test`" if conflicts else "Now `make test`"
    print(f"{mend}: the replay then names the chapter blocks to mend.")
    return int(conflicts)


def changed_files(step):
    """Return {path in the step: content in HEAD, or None}; the chapter is left out."""
    known = git(step, "ls-tree", "-r", "-z", "--name-only", "HEAD").split(b"\0")
    changed = git(
        step, "diff", "--relative", "--name-only", "--no-renames", "-z", "HEAD"
    )
    new = git(step, "ls-files", "--others", "--exclude-standard", "-z")
    return {
        os.fsdecode(file): git(step, "cat-file", "--filters", b"HEAD:./" + file)
        if file in known
        else None
        for file in sorted({*changed.split(b"\0"), *new.split(b"\0")})
        if file not in (b"", CHAPTER.encode())
    }


def git(step, *arguments):
    """Return what git prints, run in a step; raise TutorialError if it fails."""
    try:
        done = subprocess.run(["git", *arguments], cwd=step.path, capture_output=True)
    except FileNotFoundError:
        raise TutorialError("git is missing: install it.")
    if done.returncode:
        raise TutorialError(f"git says: {os.fsdecode(done.stderr).splitlines()[0]}")
    return done.stdout


def content(file):
    """Return the bytes of a file, None if it is none."""
    return file.read_bytes() if file.is_file() else None


def merge(file, base, step, other):
    """Merge into `file` of the step `other` what became of `base` in that of `step`.

    `base` are bytes, or None for a new file. Return what was done, in words that begin
    with "conflict" if a person has to look.
    """
    source, target = step.path / file, other.path / file
    new, own = content(source), content(target)
    if own == new:
        return "has the change already"
    if own == base:
        if new is None:
            target.unlink()
            with suppress(OSError):  # as git does, with the folders that are empty now
                os.removedirs(target.parent)
            return "deleted"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)
        return "new" if base is None else "changed"
    if own is None:
        return "conflict: is not there any more"
    if new is None:
        return "conflict: not deleted, because it is not the same here"
    if MARKERS.search(own):
        return "conflict: still has the markers of an earlier one"
    labels = other.name, "before", step.name
    conflicts, merged = merge_texts((own, base or b"", new), labels)
    if conflicts > 127:
        return "conflict: git cannot merge it, it is no text"
    if merged == own:
        return "has the change already"
    target.write_bytes(merged)
    return "conflict" if conflicts else "changed"


def merge_texts(texts, labels):
    """Return the number of conflicts, 255 for no text, and the merged text, in bytes.

    The three texts are one side, what both began with, and the other side.
    """
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder, str(number)) for number in range(3)]
        for file, text in zip(files, texts, strict=True):
            file.write_bytes(text)
        options = [f"-L{label}" for label in labels]
        command = ["git", "merge-file", "-p", *options, *files]
        done = subprocess.run(command, capture_output=True)
    return done.returncode, done.stdout
