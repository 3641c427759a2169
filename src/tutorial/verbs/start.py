"""Make a folder of one's own with what a chapter starts from: the step before it."""

import os
import shlex
import shutil
from pathlib import Path

from ..shared.messages import TutorialError
from ..shared.steps import NOT_THE_PROJECT, all_steps, find_step


def add_parser(subparsers):
    """Add `tutorial start STEP DIR`."""
    parser = subparsers.add_parser(
        "start",
        help="make a folder of your own to follow a chapter in",
        description=__doc__,
        epilog="Example: tutorial start 03 ../my-chat",
    )
    parser.add_argument("step", help="the chapter: 3, 03 or its name")
    parser.add_argument("folder", metavar="DIR", type=Path, help="a folder to be made")
    parser.set_defaults(call=lambda args: start(args.step, args.folder))


def start(name, folder):
    """Copy the step before the one called `name` to `folder`; return 0.

    The folders above it are made if need be. Raises TutorialError, and leaves no
    `folder` behind, when that is there already, among the steps, or cannot be written.
    """
    step = find_step(name)
    earlier = [other for other in all_steps() if other < step]
    if not earlier:
        raise TutorialError(f"chapter {step.number} is the site itself: start with 01.")
    if Path(os.path.realpath(folder)).is_relative_to(step.path.parent.resolve()):
        raise TutorialError(f"{folder} is among the steps: name a folder elsewhere.")
    copy(earlier[-1].path, folder)
    print(f"{folder} is a copy of {earlier[-1].name}, for you to change.")
    print(f"Read {step.path / 'README.md'} and follow it in your folder:")
    print(f"    cd {shlex.quote(str(folder))}")
    return 0


def copy(source, folder):
    """Copy the project in `source` to `folder`, which must not be there."""
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        raise TutorialError(f"{folder} is there already: name another, or remove it.")
    except OSError as error:
        raise TutorialError(f"{folder} cannot be made: {error.strerror}.")
    try:
        ignore = shutil.ignore_patterns(*NOT_THE_PROJECT)
        shutil.copytree(source, folder, ignore=ignore, dirs_exist_ok=True)
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        # copytree goes on after an error, and tells them all at its end.
        reason = error.args[0][0][2] if type(error) is shutil.Error else error.strerror
        raise TutorialError(f"{folder} cannot be filled: {reason}.")
