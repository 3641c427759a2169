"""The options of the tests, a pytest plugin: pyproject.toml names it as an entry point.

In a conftest.py they would come too late. pytest looks for its settings, and so for
the conftest.py, near the first path on the command line; it would take the PATH of an
option that it does not know yet for that path.
"""

import os
import sys
from pathlib import Path

import pytest

SETTINGS = Path(__file__).resolve().parent.parent / "pyproject.toml"
HELD_BACK = ("waiting", "server", "browser", "chapter")


def pytest_addoption(parser):
    group = parser.getgroup("steps of the tutorial")
    group.addoption("--step", help="run what holds at this step: 3, 03 or its name")
    group.addoption(
        "--project", type=Path, help="with --step: test this folder, not the step's own"
    )
    group.addoption(
        "--everything",
        action="store_true",
        help=f"also run the tests marked {', '.join(HELD_BACK)}",
    )


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(early_config):
    """Where the PATH of --project led pytest astray, begin again with our settings."""
    options = early_config.known_args_namespace
    if options.project and early_config.inipath != SETTINGS:
        again = [sys.executable, "-m", "pytest", "-c", str(SETTINGS), *sys.argv[1:]]
        os.execv(sys.executable, again)
    return (yield)
