"""Carry the uncommitted changes of a step into every later step, by a 3-way merge."""

import re
import tempfile

from ..shared.git import git
from ..shared.messages import TutorialError
from ..shared.steps import all_steps, find_step

MARKERS = re.compile(rb"^<<<<<<< .*^>>>>>>> ", re.MULTILINE | re.DOTALL)


def add_parser(subparsers):
    """Add `tutorial carry STEP`."""
    parser = subparsers.add_parser(
        "carry",
        help="carry the uncommitted changes of a step into the later steps",
        epilog="Example: tutorial carry 02",
    )
    parser.add_argument("step", help="3, 03 or its name")
    parser.set_defaults(call=lambda args: carry(args.step))


def carry(name):
    """Carry what differs from HEAD in the step called `name`; return 1 on conflicts.

    The chapter is left out. Every file is merged separately, with a temporary index:
    your own index stays as it is, and later steps may have uncommitted changes. A file
    in which a merge has left markers is not merged into the steps after that: the
    resolution is carried from there. A change can be carried twice without harm, but a
    conflict returns until its resolution is committed.
    """
    step = find_step(name)
    later = [other for other in all_steps() if other > step]
    if not later:
        raise TutorialError(f"{step.name} is the last step: no step comes after it.")
    conflicts, marked = False, {}  # {file: the step in which it has markers}
    with tempfile.TemporaryDirectory() as folder:
        index = {"GIT_INDEX_FILE": f"{folder}/index"}
        git("read-tree", "HEAD", cwd=step.path, env=index)
        git("add", "--all", ".", cwd=step.path.parent, env=index)
        form = ("--cached", "--no-renames", "--relative", "--name-only", "-z", "HEAD")
        paths = ("--", ".", ":!README.md")
        files = git("diff-index", *form, *paths, cwd=step.path, env=index)
        if not files:
            raise TutorialError(
                f"{step.name} has no uncommitted changes outside README.md."
            )
        for other in later:
            for file in files.split("\0")[:-1]:
                if file in marked:
                    continue
                result = apply(file, step, other, index)
                conflicts |= result.startswith("conflict")
                if has_markers(content(other.path / file)):
                    marked[file] = other
                print(f"{other.name}/{file}: {result}")
    first = min(marked.values(), default=None)
    if first and first != later[-1]:
        print(f"Resolve {first.number}, then run `tutorial carry {first.number}`.")
    else:
        then = "Resolve the conflicts, then run" if conflicts else "Now run"
        print(f"{then} `make test`: it lists the chapter blocks that need the change.")
    return int(conflicts)


def apply(file, step, other, index):
    """Merge the change of `file` in `step` into the step `other`.

    Return what was done; it begins with "conflict" if a person has to look at the file.
    """
    target = other.path / file
    wanted, before = content(step.path / file), content(target)
    if before == wanted:
        return "has the change already"
    if has_markers(wanted) or has_markers(before):
        return "conflict: the markers of an earlier conflict are still in the file"
    form = ("--cached", "--patch", "--binary", "--full-index", "--relative", "HEAD")
    patch = git("diff-index", *form, "--", file, cwd=step.path, env=index)
    place = git("rev-parse", "--show-prefix", cwd=other.path, env=index).strip()
    options = ("--3way", "--whitespace=nowarn", f"--directory={place}")
    try:
        git("apply", *options, cwd=other.path, env=index, input=patch)
    except TutorialError as error:
        return "conflict" if has_markers(content(target)) else f"conflict: {error}"
    after = content(target)
    if after == before:
        return "has the change already"
    return "new" if before is None else "deleted" if after is None else "changed"


def content(file):
    """Return the bytes of a file, or None if it does not exist."""
    return file.read_bytes() if file.is_file() else None


def has_markers(text):
    """Return whether the bytes of a file contain the markers of a conflict."""
    return bool(MARKERS.search(text or b""))
