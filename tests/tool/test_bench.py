"""`tutorial bench`, tried from outside, with a bench that only starts a server."""

import signal

import pytest

from tests.support.deadline import DEADLINE
from tests.support.folders import copy_folder
from tests.support.tool import running
from tutorial.shared.steps import ROOT

# As the bench does, it ends its server, which has a session of its own.
BENCH = """
import signal, sys
from tutorial.shared.processes import process_group, stop_on_signal
SERVER = "import signal; print('The server runs.', flush=True); signal.pause()"
with stop_on_signal(), process_group([sys.executable, "-c", SERVER]):
    signal.pause()
"""


@pytest.fixture
def house(tmp_path):
    """A folder with a copy of the tool, and with that bench."""
    copy_folder(ROOT / "src", tmp_path / "src")
    (tmp_path / "tests/bench").mkdir(parents=True)
    (tmp_path / "tests/bench/__main__.py").write_text(BENCH)
    return tmp_path


@pytest.mark.server
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_bench_and_its_servers(house, number):
    with running(house, "bench", "05") as tool:
        tool.wait_until_said("The server runs.")
        guards = [each for each in tool.family() if each.name() == "sh"]
        assert len(tool.family()) - len(guards) == 2
        assert tool.stop(number) == (130, [])


@pytest.mark.parametrize("status", [0, 1])
def test_the_status_of_the_bench_is_that_of_the_tool(house, status):
    (house / "tests/bench/__main__.py").write_text(f"raise SystemExit({status})")
    with running(house, "bench", "05") as tool:
        assert tool.process.wait(DEADLINE) == status
