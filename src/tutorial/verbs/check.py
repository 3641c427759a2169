"""Test your own folder at a step; name what is missing and the section that adds it."""

import importlib.util
import os
import re
import shlex
import subprocess
import sys
import tempfile
import time
from contextlib import suppress

from ..shared.messages import TutorialError, say
from ..shared.processes import INTERRUPTED, process_group, stop_on_signal
from ..shared.steps import (
    MADE_AT_THE_TOP,
    ROOT,
    all_steps,
    find_step,
    project_folder,
    refuse_folder_first,
)

# `make run` installs less than `make check`: these may not be there.
NEEDED = ("pytest", "watchfiles")
# Variables with options for your own tests, and one that leaves out assertions.
OF_PYTEST = re.compile("PYTEST_|PYTHONOPTIMIZE$").match
# Seconds after which an expected event counts as missing.
DEADLINE = "3"


def add_parser(subparsers):
    """Add `tutorial check STEP DIR [--watch]`."""
    parser = subparsers.add_parser(
        "check",
        help="test your own folder at a step",
        description=__doc__,
        epilog="Example: tutorial check 03 ../mychat --watch",
    )
    parser.add_argument("step", help="3, 03 or its name")
    parser.add_argument(
        "folder", metavar="DIR", help="your project; nothing in it is changed"
    )
    parser.add_argument(
        "--watch", action="store_true", help="test again after every save, until Ctrl-C"
    )
    parser.set_defaults(call=lambda args: check(args.step, args.folder, args.watch))


def check(name, folder, watch=False):
    """Check `folder` at the step called `name`; return 0 if it passes, otherwise 1.

    With `watch`, check again after every save until a signal, and return 0; each run
    begins with the test that failed before. Without it, return 130 after a signal.
    Raises TutorialError if there is no such step or project.
    """
    refuse_folder_first("check", name, folder)
    step, path = find_step(name), project_folder(folder)
    if any(importlib.util.find_spec(module) is None for module in NEEDED):
        raise TutorialError(
            "the test tools are not installed: run "
            f"`make check STEP={step.number} DIR={folder}`, which installs them."
        )
    # watchfiles turns a signal into a KeyboardInterrupt.
    with (
        stop_on_signal(),
        suppress(KeyboardInterrupt),
        tempfile.TemporaryDirectory(prefix="check-") as kept,
    ):
        if not watch:
            return report(step, path, kept)
        for _ in saves(path):
            if not path.is_dir():
                raise TutorialError(f"{path} does not exist any more.")
            say(time.strftime("\n-------- %H:%M:%S --------"))
            report(step, path, kept)
            say("Waiting for the next save. Stop with Ctrl-C.")
    return 0 if watch else INTERRUPTED


def saves(path):
    """Yield immediately, and then after every save below `path`.

    A save counts even if it happens while the caller is working.
    """
    from watchfiles import DefaultFilter, watch

    patterns = (*DefaultFilter.ignore_entity_patterns, r"^db\.sqlite3")
    below = DefaultFilter(ignore_entity_patterns=patterns)
    path = path.resolve()

    def chosen(change, file):
        # The filter would refuse everything below a folder called .venv.
        inside = os.path.relpath(file, path)
        return inside.split(os.sep)[0] not in MADE_AT_THE_TOP and below(change, inside)

    options = {"rust_timeout": 200, "yield_on_timeout": True}
    started = False
    for changes in watch(path, watch_filter=chosen, **options):
        if changes or not started:  # after 200 ms without a save it yields an empty set
            started = True
            yield


def report(step, path, kept):
    """Test `path` at `step` and print the result; what the next run needs is `kept`.

    Return 0 if it passes and has all files that the chapters make, otherwise 1.
    """
    from ..chapters.edits import MISSING, first_gap

    say(f"Testing {path} at {step.name} ...")
    # The tests may take minutes, and need no file of deploy/.
    gap = first_gap(step, path, passed=True)
    if gap and MISSING in gap:
        say(gap)
    status = run_spec(step, path, kept)
    if status == 0:
        if gap:
            say(f"These tests open no page and start no server. {gap}")
            if MISSING in gap:  # the chapter is not finished
                return 1
        later = [other.name for other in all_steps() if other > step]
        say(f"Next: steps/{later[0]}/README.md" if later else "This was the last step.")
        return 0
    if status not in (1, 4):  # 1: a test has failed, 4: it cannot be tested
        say(f"The tests ended too early, with status {status}.")
    folder = shlex.quote(str(path))
    say(
        first_gap(step, path)
        or f"To see what differs: tutorial diff {step.number} {folder}"
    )
    return 1


def run_spec(step, path, kept):
    """Run the tests of `step` on the project in `path` until one of them fails.

    They print their findings themselves, and keep the name of the one that fails in the
    folder `kept`. Return pytest's exit status.
    """
    # One layer is enough: the one in the folder's own settings.
    command = [sys.executable, "-m", "pytest", "tests/spec", "-x", "-k", "not memory"]
    # The plugin prints the messages, so pytest need not rewrite the assertions.
    command += ["-p", "tests.support.verdict", "-p", "no:unraisableexception"]
    command += ["--assert=plain", f"--step={step.number}", f"--project={path}"]
    # Tests that hang are killed, and leave their temporary files behind.
    with tempfile.TemporaryDirectory(prefix="check-") as folder:
        env = {name: os.environ[name] for name in os.environ if not OF_PYTEST(name)}
        env |= {"TEST_DEADLINE": DEADLINE, "TMPDIR": folder}
        env |= {"FAILED_BEFORE": os.path.join(kept, "failed")}
        options = {"cwd": ROOT, "env": env, "stderr": subprocess.STDOUT}
        with process_group(command, **options) as tests:
            return tests.wait()
