"""Make your own copy of what a chapter starts from: the step before it."""

import contextlib
import os
import shlex
import shutil
from pathlib import Path

from ..shared.messages import TutorialError
from ..shared.processes import INTERRUPTED, stop_on_signal
from ..shared.steps import NOT_THE_PROJECT, find_step, ignoring, step_before


def add_parser(subparsers):
    """Add `tutorial start STEP DIR`."""
    parser = subparsers.add_parser(
        "start",
        help="make a folder in which you follow a chapter",
        epilog="Example: tutorial start 01 ../mychat",
    )
    parser.add_argument("step", help="the chapter: 3, 03 or its name")
    parser.add_argument("folder", metavar="DIR", type=Path, help="a new folder")
    parser.set_defaults(call=lambda args: start(args.step, args.folder))


def start(name, folder):
    """Copy the step before the one called `name` to `folder`; return 0.

    Missing parent folders are created. Raises TutorialError if `folder` is inside
    `steps`, exists already, or cannot be written; after a signal it returns 130. A copy
    that is not complete is removed.
    """
    step = find_step(name)
    before, folder = step_before(step), Path(os.path.expanduser(folder))
    if Path(os.path.realpath(folder)).is_relative_to(step.path.parent.resolve()):
        raise TutorialError(f"{folder} is inside steps/: choose another folder.")
    ignore = ignoring(before.path, *NOT_THE_PROJECT)
    with stop_on_signal(), contextlib.ExitStack() as incomplete:
        try:
            folder.mkdir(parents=True)  # only what this call has made is ever removed
            incomplete.callback(shutil.rmtree, folder, ignore_errors=True)
            shutil.copytree(before.path, folder, ignore=ignore, dirs_exist_ok=True)
        except FileExistsError as error:
            taken = f"{error.filename} exists: choose another name, or remove it."
            raise TutorialError(taken)
        except OSError as error:
            # shutil.Error holds (source, target, reason) for each file.
            reason = error.strerror or error.args[0][0][2]
            raise TutorialError(f"{folder} cannot be written: {reason}.")
        incomplete.pop_all()
        print(f"{folder} is a copy of {before.name} for you to change.")
        print(f"Read {step.path / 'README.md'} and follow it in your folder:")
        print(f"    cd {shlex.quote(str(folder))}")
        return 0
    return INTERRUPTED
