"""Show what a chapter changes, in its order, or what is still to do in your folder."""

import fnmatch
import itertools
import os
from io import StringIO
from pathlib import Path

from ..chapters.page import is_page
from ..chapters.patches import read_diff, write_diff
from ..shared.messages import TutorialError
from ..shared.steps import NOT_THE_PROJECT, all_steps, find_step

# What else collects in a folder: hidden files, bytecode, backups of editors.
NOISE = (*NOT_THE_PROJECT, ".*", "*.pyc", "*~", "#*#", "*.bak", "*.orig", "*.rej")


def add_parser(subparsers):
    """Add `tutorial diff STEP [STEP | DIR]`, with how to draw it."""
    parser = subparsers.add_parser(
        "diff",
        help="show what a chapter changes, or what is still to do in your folder",
        description=__doc__,
        epilog="Examples: tutorial diff 03; tutorial diff 01 03 --side-by-side; "
        "tutorial diff 03 ../my-chat; tutorial diff 03 --html chapter03.html",
    )
    parser.add_argument("step", help="3, 03 or its name: what chapter 03 changes")
    parser.add_argument(
        "other",
        nargs="?",
        metavar="STEP|DIR",
        help="a later step: what the chapters up to it change; "
        "a folder: what it still lacks of the first",
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--side-by-side", action="store_true", help="old left, new right")
    form.add_argument("--stat", action="store_true", help="only count the lines")
    parser.add_argument(
        "--html", metavar="FILE", type=Path, help="write a page for the browser"
    )
    parser.set_defaults(call=diff)


def diff(args):
    """Print, or write to a page, the diff that `args` name; return 0.

    Raises TutorialError when there is none, or when a file cannot be read or written.
    """
    try:
        # Not above: rich is slow to import, and `tutorial run` does not use it.
        from ..chapters import drawing

        parts = parts_of(args)
        if args.html is None:
            drawing.show(parts, args.side_by_side)
            return 0
        if args.html.exists() and not is_page(args.html):
            raise TutorialError(f"{args.html} is there already: name another file.")
        text = drawing.html_of(parts, args.side_by_side)
        args.html.write_text(text, encoding="utf-8", errors="replace")
        print(f"{args.html} is written: open it in a browser.")
        return 0
    except ImportError as error:
        raise TutorialError(f"{error.name} is not installed: `make install` adds it.")
    except OSError as error:
        raise TutorialError(f"{error.filename or args.html}: {error.strerror}.")


def parts_of(args):
    """Return the parts that `tutorial.chapters.drawing` draws."""
    step = find_step(args.step)
    try:
        last = find_step(args.other) if args.other else step
    except TutorialError:
        return folder_parts(Path(args.other), step, args.stat)
    earlier = [other for other in all_steps() if other < step]
    if not args.other and not earlier:
        raise TutorialError(f"chapter {step.number} is the site itself: start with 01.")
    first = step if args.other else earlier[-1]
    chapters = [chapter for chapter in all_steps() if first < chapter <= last]
    if not chapters:
        raise TutorialError(
            f"{last.name} does not come after {first.name}: name an earlier step first."
        )
    if args.stat:
        title = f"From {first.name} to {last.name}"
        return [("h1", title), ("stat", counted(differences(first.path, last.path)))]
    return [part for chapter in chapters for part in chapter_parts(chapter)]


def chapter_parts(step):
    """Yield the parts for a chapter: its title, its headings, its edits."""
    from ..chapters.reading import EDITS, read_chapter

    edits = [block for block in read_chapter(step) if block.kind in EDITS]
    if not edits:
        raise TutorialError(
            f"the chapter {step.name} has no edits yet; --stat compares the folders."
        )
    text = (step.path / "README.md").read_text(encoding="utf-8")
    title = text.partition("\n")[0].removeprefix("# ")
    yield "h1", title.replace("`", "")
    for section, blocks in itertools.groupby(edits, lambda block: block.section):
        if section != title:
            yield "h2", section.replace("`", "")
        for block in blocks:
            if block.kind == "file":
                yield "diff", write_diff(block.name, None, list(StringIO(block.text)))
            elif block.kind == "diff":
                yield "diff", block.text
            else:
                yield "p", "\n".join(copied(step, block.text.split()))


def copied(step, names):
    """Yield a line for each file that a chapter takes from its step."""
    for name in names:
        count = len(lines_of(step.path / name))
        yield f"copied from the step: {name}, {f'{count} lines' if count else 'empty'}"


def folder_parts(folder, step, stat):
    """Return the parts for what is between a folder and the finished `step`."""
    if not (folder / "manage.py").is_file():
        raise TutorialError(f"{folder} is neither a step nor a folder with manage.py.")
    diffs = differences(folder, step.path)
    if not diffs:
        return [("p", f"Nothing is left to do: {folder} is {step.name}.")]
    return [
        ("h1", f"From {folder} to {step.name}"),
        ("p", "What has a + is still to be added, what has a - to be taken away."),
        *([("stat", counted(diffs))] if stat else [("diff", diff) for diff in diffs]),
    ]


def differences(old, new):
    """Return the unified diffs of all files that differ between two folders."""
    old, new = files_in(old), files_in(new)
    names = sorted(old.keys() | new.keys())
    diffs = (write_diff(n, lines_of(old.get(n)), lines_of(new.get(n))) for n in names)
    return [diff for diff in diffs if diff]


def counted(diffs):
    """Return (path, added lines, removed lines) for each file in unified diffs."""
    files = [file for diff in diffs for file in read_diff(diff)]
    return [(file.name, file.signs.count("+"), file.signs.count("-")) for file in files]


def files_in(folder):
    """Return {path below `folder`: Path} for its files, without noise."""
    found = {}
    for root, folders, names in os.walk(folder):
        root = Path(root)
        folders[:] = [
            name for name in kept(folders) if not (root / name / "pyvenv.cfg").exists()
        ]
        for file in (root / name for name in kept(names)):
            if file.is_file() and not is_page(file):
                name = os.fsencode(file.relative_to(folder).as_posix())
                found[name.decode(errors="backslashreplace")] = file
    return found


def kept(names):
    """Return the names that no pattern in NOISE matches."""
    return [n for n in names if not any(fnmatch.fnmatchcase(n, p) for p in NOISE)]


def lines_of(file):
    """Return the lines of a file, None for None; of bytes that are no text, a guess."""
    if file is None:
        return None
    with file.open(encoding="utf-8", errors="backslashreplace") as lines:
        return list(lines)
