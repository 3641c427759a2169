"""Test a folder of your own at a step; say what is missing, and where it is told."""

import importlib.util
import os
import re
import shlex
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from ..shared.messages import TutorialError, say
from ..shared.processes import INTERRUPTED, process_group, stop_on_signal
from ..shared.steps import ROOT, all_steps, find_step

# `make run` installs less than `make check`: these may not be there.
NEEDED = ("pytest", "markdown_it", "watchfiles")


def add_parser(subparsers):
    """Add `tutorial check STEP DIR [--watch]`."""
    parser = subparsers.add_parser(
        "check",
        help="test a folder of your own at a step",
        description=__doc__,
        epilog="Example: tutorial check 03 ../mychat --watch",
    )
    parser.add_argument("step", help="3, 03 or its name")
    parser.add_argument("folder", metavar="DIR", help="your project; it is only read")
    parser.add_argument(
        "--watch", action="store_true", help="again at every save, until Ctrl-C"
    )
    parser.set_defaults(call=lambda args: check(args.step, args.folder, args.watch))


def check(name, folder, watch=False):
    """Check `folder` at the step called `name`; return 0 if it holds, otherwise 1.

    With `watch`, check again at every save until a signal, and return 0. Without, a
    signal gives 130. Raises TutorialError for what is no step or no project.
    """
    step = find_step(name)
    path = Path(os.path.abspath(os.path.expanduser(folder)))
    if not os.path.isfile(path / "manage.py"):
        raise TutorialError(f"{path} has no manage.py: name a project's folder.")
    if any(importlib.util.find_spec(module) is None for module in NEEDED):
        raise TutorialError(
            "what tests is not installed: say "
            f"`make check STEP={step.number} DIR={folder}`, which installs it."
        )
    # watchfiles turns a signal into a KeyboardInterrupt.
    with stop_on_signal(), suppress(KeyboardInterrupt):
        if not watch:
            return report(step, path)
        for _ in saves(path):
            say(time.strftime("\n-------- %H:%M:%S --------"))
            report(step, path)
            say("Waiting for a save. Ctrl-C ends this.")
    return 0 if watch else INTERRUPTED


def saves(path):
    """Yield at once, and then after every save below `path`.

    A save while the caller is at work counts, too.
    """
    from watchfiles import DefaultFilter, watch

    patterns = (*DefaultFilter.ignore_entity_patterns, r"^db\.sqlite3")
    chosen = DefaultFilter(ignore_entity_patterns=patterns)
    options = {"rust_timeout": 200, "yield_on_timeout": True}
    started = False
    for changes in watch(path, watch_filter=chosen, **options):
        if changes or not started:  # after 200 ms without one it yields an empty set
            started = True
            yield


def report(step, path):
    """Test `path` at `step` and say the result; return 0 if it holds, otherwise 1."""
    from ..chapters.edits import first_gap

    say(f"Testing {path} at {step.name}, for some seconds ...")
    passed, wrong = run_spec(step, path)
    folder = shlex.quote(str(path))
    if wrong:
        say(wrong)
        say(
            first_gap(step, path)
            or "It lacks nothing that a chapter adds. What differs: "
            f"tutorial diff {step.number} {folder}"
        )
        pytest = shlex.quote(str(ROOT / ".venv/bin/pytest"))
        say(f"More: {pytest} --step {step.number} --project {folder}")
        return 1
    later = [other.name for other in all_steps() if other > step]
    following = f"Next: steps/{later[0]}/README.md" if later else "It is the last one."
    say(f"Step {step.number} holds: {passed} tests passed. {following}")
    if gap := first_gap(step, path):
        say(f"No test here looks at everything: {gap}")
    return 0


def run_spec(step, path):
    """Run the tests of `step` on the project in `path` until the first that fails.

    Return how many passed, and what is wrong in a sentence, or None.
    """
    command = [sys.executable, "-m", "pytest", "tests/spec", "-x", "-q", "--tb=no"]
    # The sentence is enough: no assertions have to be taken apart.
    command += ["--color=no", "--assert=plain", "-p", "no:xdist"]
    command += ["--everything", f"--step={step.number}", f"--project={path}"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    with process_group(command, cwd=ROOT, text=True, errors="replace", **pipes) as run:
        said, _ = run.communicate()
    return verdict(run.returncode, said)


def verdict(status, said):
    """Return the same as `run_spec`, from pytest's exit status and what it printed."""
    passed = re.search(r"^(\d+) passed", said, re.MULTILINE)
    if status == 0 and passed:
        return int(passed[1]), None
    if failed := re.search(r"^(?:FAILED|ERROR) \S+::test_(\w+)", said, re.MULTILINE):
        return 0, f'"{failed[1].replace("_", " ")}" does not hold.'
    if refused := re.search(r"^ERROR: (.+)", said, re.MULTILINE):
        return 0, refused[1]
    last = said.strip().rpartition("\n")[2]
    return 0, f"The tests ended too early, status {status}: {last}"
