"""`tutorial measure`: who waits for whom."""

import asyncio
import threading

import pytest

from tutorial.__main__ import main
from tutorial.verbs.measure import consumers, let_all_speak

PEOPLE, SECONDS = 5, 0.1


@pytest.mark.parametrize(
    ("name", "waits_for_all", "in_the_loop"),
    [
        ("sync, time.sleep()", True, False),
        ("async, await asyncio.sleep()", False, True),
        ("async, time.sleep()", True, True),
    ],
)
def test_who_sleeps_without_await_lets_everybody_wait(name, waits_for_all, in_the_loop):
    consumer = consumers(SECONDS)[name]
    duration, threads = asyncio.run(let_all_speak(consumer, PEOPLE))
    # All in turn, or side by side: far apart, also on a busy machine.
    assert (duration >= PEOPLE * SECONDS) == waits_for_all
    assert duration >= SECONDS
    assert len(threads) == 1
    assert (threads == {threading.main_thread()}) == in_the_loop


@pytest.mark.parametrize("number", ["0", "-1", "many", "1e9", "nan"])
@pytest.mark.parametrize("option", ["--people", "--seconds"])
def test_a_number_that_is_none_is_answered_in_one_line(capsys, option, number):
    assert main(["measure", f"{option}={number}"]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"tutorial: argument {option}: ")
    assert said.count("\n") == 1
