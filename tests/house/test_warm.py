"""The warm Python goes on, whatever becomes of those who ask it for processes."""

import contextlib
import os

import psutil
import pytest

from tests.support import warm
from tests.support.deadline import DEADLINE
from tutorial.shared.steps import ROOT

WAIT = """
import sys
print("here", flush=True)
sys.stdin.read()
"""
# Asks for a process that waits, says which one it is, and goes without a word.
ASK_AND_GO = """
import os, sys
sys.path.insert(0, {root!r})
from tests.support import warm
python = warm.Python([{wait!r}], {root!r}, os.environ)
assert python.stdout.readline() == "here\\n"
print(python.pid, flush=True)
os._exit(0)
"""


@pytest.fixture
def wait(tmp_path):
    """The path of a script that says "here" and waits until its input ends."""
    script = tmp_path / "wait.py"
    script.write_text(WAIT)
    return str(script)


def test_a_process_is_ended_when_its_asker_has_gone_and_the_next_is_started(
    tmp_path, wait
):
    asker = tmp_path / "asker.py"
    asker.write_text(ASK_AND_GO.format(root=str(ROOT), wait=wait))
    status, pid = warm.run([str(asker)], ROOT, os.environ)
    assert status == 0, pid
    with contextlib.suppress(psutil.NoSuchProcess):
        psutil.Process(int(pid)).wait(DEADLINE)
    assert warm.run([wait], ROOT, os.environ) == (0, "here\n")
