"""How the tests stop a tool: they wait for all that it has started."""

import signal
import sys

import psutil
import pytest

from tests.support.tool import Tool

# Starts another process, which says when it is ready, and ends with SIGTERM; then the
# input of the other one is closed.
PARENT = """
import signal, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", sys.argv[1]], stdin=subprocess.PIPE)
signal.pause()
"""
ENDS_LATER = """
import subprocess, sys
print("started", flush=True)
sys.stdin.read()
subprocess.run([sys.executable, "-c", "import asyncio"])
"""
GOES_ON = """
import signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("started", flush=True)
signal.pause()
"""


@pytest.fixture
def started(tmp_path):
    """Return a function that starts a program of Python as a Tool."""
    tools = []

    def start(*arguments):
        tool = Tool(tmp_path, command=(sys.executable, "-uc", *arguments))
        tools.append(tool)
        tool.wait_until_said("started")
        return tool

    yield start
    for tool in tools:
        tool.end()


def test_a_process_that_ends_a_little_later_is_not_left_behind(started):
    tool = started(PARENT, ENDS_LATER)
    [child] = tool.family()
    assert tool.stop(signal.SIGTERM) == (-signal.SIGTERM, [])
    assert not child.is_running()


def test_a_process_that_does_not_end_is_reported_and_killed(started):
    tool = started(PARENT, GOES_ON)
    [child] = tool.family()
    assert tool.stop(signal.SIGTERM, within=1) == (-signal.SIGTERM, [child])
    child.wait()
    assert not child.is_running()


def test_a_tool_that_does_not_end_is_killed(started):
    tool = started(GOES_ON)
    assert tool.stop(signal.SIGTERM, patience=1) == (-signal.SIGKILL, [])
    assert not psutil.pid_exists(tool.process.pid)
