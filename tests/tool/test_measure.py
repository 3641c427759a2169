"""`tutorial measure`: who waits for whom."""

import asyncio
import re
import signal
import threading

import pytest

from tests.support.deadline import DEADLINE
from tests.support.tool import running
from tutorial.__main__ import main
from tutorial.shared.steps import ROOT
from tutorial.verbs.measure import consumers, let_all_speak

PEOPLE, SECONDS = 20, 0.1


@pytest.mark.parametrize(
    ("name", "waits_for_all", "in_the_loop"),
    [
        ("sync, time.sleep()", True, False),
        ("async, await asyncio.sleep()", False, True),
        ("async, time.sleep()", True, True),
    ],
)
def test_a_consumer_that_sleeps_without_await_makes_everybody_wait(
    name, waits_for_all, in_the_loop
):
    consumer = consumers(SECONDS)[name]
    duration, threads = asyncio.run(let_all_speak(consumer, PEOPLE))
    # All in turn, or side by side: far apart, also on a busy machine.
    assert (duration >= PEOPLE * SECONDS) == waits_for_all
    assert duration >= SECONDS
    assert len(threads) == 1
    assert (threads == {threading.main_thread().name}) == in_the_loop


@pytest.mark.parametrize("number", ["0", "-1", "1001", "many", "1e9", "nan"])
@pytest.mark.parametrize("option", ["--people", "--seconds"])
def test_a_number_that_cannot_be_used_is_reported_in_one_line(capsys, option, number):
    assert main(["measure", f"{option}={number}"]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert re.fullmatch(
        r"tutorial: (argument --\w+: invalid|choose numbers).+\n", said.err
    )


def test_the_table_has_a_line_for_each_kind_of_consumer(capsys):
    assert main(["measure", "--people=2", "--seconds=0.05"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "2 people at once, 0.05 s of waiting for each:"
    assert said[2].split("   ")[0] == "consumer"
    assert [line[31:].split()[2:] for line in said[3:]] == [
        ["1", "other", "thread"],
        ["the", "event", "loop"],
        ["the", "event", "loop"],
    ]


def test_ctrl_c_does_not_wait_for_the_handlers():
    seconds = 3 * DEADLINE
    with running(ROOT, "measure", "--seconds", seconds) as tool:
        tool.wait_until_said("handlers run in\n")
        assert tool.stop(signal.SIGINT) == (130, [])
        assert tool.process.stderr.read() == ""
