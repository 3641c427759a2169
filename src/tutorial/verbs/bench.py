"""Measure what a message costs: in steps, in your own folder, in two small servers."""

import importlib.util
import os
import sys

from ..shared.messages import TutorialError
from ..shared.processes import (
    INTERRUPTED,
    SUPERVISED,
    process_group,
    stop_on_signal,
)
from ..shared.steps import ROOT


def add_parser(subparsers):
    """Add `tutorial bench [TARGET ...] [--members N] [--rooms N] [--processes N]
    [--rounds N] [--profile FILE]`.
    """
    parser = subparsers.add_parser(
        "bench",
        help="measure what a message costs, in steps or in your own folder",
        epilog="Example: tutorial bench 20 ../mychat --members 200",
    )
    parser.add_argument(
        "targets",
        nargs="*",
        metavar="TARGET",
        help="floor, peer, 05, 05-uvicorn, or a project's folder",
    )
    parser.add_argument(
        "--members", type=int, help="in the room; default: 50, then 200"
    )
    parser.add_argument("--rooms", type=int, help="with so many members; default: 1")
    parser.add_argument("--processes", type=int, help="of the server; default: 1")
    parser.add_argument("--rounds", type=int, help="default: 3")
    parser.add_argument(
        "--profile", metavar="FILE", help="draw what one target does, as SVG"
    )
    parser.set_defaults(call=bench)


def bench(args):
    """Run the bench; return 0, 1 if a message was lost, 2 if a target is wrong, or 130.

    Raises TutorialError for a number below 1, or if the bench's packages are missing.
    """
    if importlib.util.find_spec("starlette") is None:
        raise TutorialError("the bench is not installed: run `make install`.")
    command = [sys.executable, "-m", "tests.bench", *map(absolute, args.targets)]
    for option in ("members", "rooms", "processes", "rounds"):
        if (value := getattr(args, option)) is not None:
            if value < 1:
                raise TutorialError("choose numbers above 0.")
            command += [f"--{option}", str(value)]
    if args.profile:
        command += ["--profile", os.path.abspath(args.profile)]
    # It has to be given the time to end its servers.
    with stop_on_signal(), process_group(command, SUPERVISED, cwd=ROOT) as process:
        return process.wait()
    return INTERRUPTED


def absolute(target):
    """Return the absolute path of a folder; any other target as it is."""
    path = os.path.abspath(os.path.expanduser(target))
    folder = path.removesuffix("-uvicorn")
    return path if os.path.isfile(os.path.join(folder, "manage.py")) else target
