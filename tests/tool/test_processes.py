"""How the tool ends a group of processes, and what it does with signals."""

import contextlib
import os
import signal
import subprocess
import sys

import psutil
import pytest

from tests.support.deadline import until
from tutorial.shared.processes import process_group, stop_on_signal

# A leader that ends when it is asked to, and its child, which ends later.
LEADER = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", sys.argv[1]], stdout=subprocess.PIPE)
child.stdout.readline()
print(child.pid, flush=True)
child.wait()
"""
CHILD = """
import os, pathlib, signal, sys, time
leader = os.getppid()
def clean_up(*_):
    while os.getppid() == leader:
        time.sleep(0.01)
    pathlib.Path("cleaned").touch()
    sys.exit()
signal.signal(signal.SIGTERM, {handler})
print(flush=True)
while True:
    signal.pause()
"""

# A process that starts such a group, and waits to be killed.
PARENT = """
import signal, sys
from tutorial.shared.processes import process_group
with process_group([sys.executable, "-c", sys.argv[1], sys.argv[2]], patience=1):
    signal.pause()
"""


def start(handler, folder):
    """Return a process group whose child handles SIGTERM so; it works in `folder`."""
    command = [sys.executable, "-c", LEADER, CHILD.format(handler=handler)]
    return process_group(command, cwd=folder, stdout=subprocess.PIPE, text=True)


def child_of(leader):
    """Return the psutil.Process of the child, which is ready for a signal."""
    with leader.stdout:
        return psutil.Process(int(leader.stdout.readline()))


def has_ended(process):
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def test_a_child_may_clean_up_after_the_leader_of_its_group_has_ended(tmp_path):
    with start("clean_up", tmp_path) as leader:
        child = child_of(leader)
    assert leader.returncode == -signal.SIGTERM
    assert (tmp_path / "cleaned").exists()
    assert has_ended(child)


@pytest.mark.waiting
def test_a_child_that_does_not_end_is_killed(tmp_path):
    with start("signal.SIG_IGN", tmp_path) as leader:
        child = child_of(leader)
        assert not has_ended(child)
    assert leader.returncode == -signal.SIGTERM
    assert not (tmp_path / "cleaned").exists()
    assert has_ended(child)


@pytest.mark.waiting
@pytest.mark.parametrize("handler", ["clean_up", "signal.SIG_IGN"])
def test_when_the_parent_is_killed_its_group_may_clean_up_and_ends(tmp_path, handler):
    command = [sys.executable, "-c", PARENT, LEADER, CHILD.format(handler=handler)]
    options = {"cwd": tmp_path, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **options) as parent:
        child = child_of(parent)
        family = psutil.Process(parent.pid).children(recursive=True)
        assert child in family
        parent.kill()
    try:
        until(lambda: all(map(has_ended, family)))
    finally:
        for each in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                each.kill()
    assert (tmp_path / "cleaned").exists() == (handler == "clean_up")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_leaves_the_block_and_a_second_one_does_not_disturb_it(number):
    before, after = signal.getsignal(number), []
    with stop_on_signal():
        try:
            os.kill(os.getpid(), number)
            after.append("the first signal was ignored")
        finally:
            os.kill(os.getpid(), number)
            after.append("cleaned up")
    assert after == ["cleaned up"]
    assert signal.getsignal(number) == before


def test_a_hang_up_that_is_already_ignored_stays_so():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    after = []
    try:
        with stop_on_signal():
            os.kill(os.getpid(), signal.SIGHUP)
            after.append("goes on")
            os.kill(os.getpid(), signal.SIGTERM)
            after.append("the other signal was ignored")
        assert after == ["goes on"]
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
