"""Show what a chapter changes, in its order, or what your folder still lacks."""

import os
import re
import subprocess
import sys

from ..shared.git import compare, git
from ..shared.messages import TutorialError
from ..shared.processes import stop_on_signal
from ..shared.steps import (
    all_steps,
    find_step,
    refuse_folder_first,
    step_before,
    step_or_folder,
)

# The beginning of a line, and its colour: bold, green, red and cyan, as in git.
COLOURS = {r"(#+|diff|---|\+\+\+) ": 1, r"\+": 32, "-": 31, "@@": 36}


def add_parser(subparsers):
    """Add `tutorial diff STEP [STEP | DIR] [--stat]`."""
    parser = subparsers.add_parser(
        "diff",
        help="show what a chapter changes, or what your folder still lacks",
        epilog="Example: tutorial diff 03 ../mychat",
    )
    parser.add_argument("step", help="3, 03 or its name: what chapter 03 changes")
    parser.add_argument(
        "other",
        nargs="?",
        metavar="STEP|DIR",
        help="a later step: what the chapters up to it change; "
        "a folder: what it still lacks of the first step",
    )
    parser.add_argument("--stat", action="store_true", help="only count the lines")
    parser.set_defaults(call=lambda args: diff(args.step, args.other, args.stat))


def diff(name, other, stat):
    """Print the diff that the arguments choose; return 0.

    In a pipe it is a patch, with headings, that `git apply` accepts. Raises
    TutorialError if there is no such diff.
    """
    refuse_folder_first("diff", name, other or "")
    step = find_step(name)
    last, folder = step_or_folder(other) if other else (step, None)
    if folder:
        show(gap(folder, other, step, stat))
        return 0
    first = step if other else step_before(step)
    chapters = [step for step in all_steps() if first < step <= last]
    if not chapters:
        raise TutorialError(
            f"{last.name} does not come after {first.name}: put the earlier step first."
        )
    if stat:
        counted = compare(first.path, last.path, "--stat")
        show(f"# From {first.name} to {last.name}\n\n{counted}")
    else:
        show("\n".join(map(edits_of, chapters)))
    return 0


def edits_of(step):
    """Return the edits of a chapter, in order, under its title and its headings."""
    # Not above: reading Markdown takes its time, and few commands need it.
    from ..chapters.reading import EDITS, read_chapter

    blocks = [b for b in read_chapter(step) if b.kind in EDITS or b.writing]
    text = (step.path / "README.md").read_text(encoding="utf-8")
    parts = [text.partition("\n")[0]]
    section = parts[0].removeprefix("# ")
    for block in blocks:
        if block.section != section:
            section = block.section
            parts.append(f"## {section}")
        parts.append(edit(block))
    return "\n\n".join(parts) + "\n"


def edit(block):
    """Return an edit as a patch.

    Files that a chapter copies are only listed, and so are commands that write files.
    """
    if block.writing:
        return f"typed: {', '.join(block.writing)}"
    if block.kind == "diff":
        return block.text.rstrip("\n")
    if block.kind == "copy":
        return f"copied from the step: {', '.join(block.text.split())}"
    lines = block.text.rstrip("\n").split("\n")
    head = f"--- /dev/null\n+++ b/{block.name}\n@@ -0,0 +1,{len(lines)} @@"
    return "\n+".join([head, *lines])


def gap(folder, name, step, stat):
    """Return the differences between a folder, shown as `name`, and a finished step."""
    form = ["--stat" if stat else "--patch"]
    # Nobody reads the bytes of a picture, but a patch needs them.
    form += [] if stat or sys.stdout.isatty() else ["--binary"]
    changes = compare(folder, step.path, *form)
    if not changes:
        return f"Nothing is left to do: {name} is {step.name}.\n"
    how = "" if stat else "Add the lines with a +, and remove the lines with a -.\n\n"
    return f"# From {name} to {step.name}\n\n{how}{changes}"


def show(text):
    """Print `text`; in a terminal, with colours and in the pager that git uses."""
    terminal = sys.stdout.isatty()
    if terminal:
        plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
        colours = {} if plain else COLOURS
        for start, code in colours.items():
            text = re.sub(f"(?m)^{start}.*", f"\x1b[{code}m\\g<0>\x1b[m", text)
    content = text.encode(errors="surrogateescape")
    if not (terminal and page(content)):
        sys.stdout.buffer.write(content)


def page(content):
    """Show bytes in git's pager; return whether the shell could start it."""
    pager = git("var", "GIT_PAGER", env={}).strip()
    env = {"LESS": "FRX", **os.environ}
    # The pager handles Ctrl-C, which may only end a search.
    with stop_on_signal(lambda *_: None):
        done = subprocess.run(pager, shell=True, input=content, env=env)
    return done.returncode not in (126, 127)
