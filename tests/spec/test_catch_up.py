"""What somebody has missed: the first messages after a number, fifty at a time."""

import json

import pytest

from .test_archive import filled
from .test_history import numbers, say


async def missed(socket, number):
    """Ask for what was said after a number; return these messages."""
    await socket.send_frame(json.dumps({"after": number}))
    return await socket.read_history()


@pytest.mark.holds(since="12", can="Ask for the messages after a number")
async def test_missed_messages_come_fifty_at_a_time_the_oldest_first(people):
    alice = await filled(people, 57)
    assert numbers(await missed(alice, 0)) == list(range(1, 51))
    last = await missed(alice, 50)
    assert [message["message"] for message in last] == [*map(str, range(51, 58))]
    assert await missed(alice, 57) == []


@pytest.mark.holds(since="12")
async def test_only_the_one_who_asks_receives_missed_messages(people):
    alice, bob = await people.enter("alice"), await people.enter("bob")
    for socket in (alice, bob):
        await socket.read_history()
    await say(alice, "hello")
    await bob.hears("hello")
    assert await missed(alice, 0)
    await bob.send_frame(json.dumps({"after": 2**31}))
    assert await bob.read_history() == []


@pytest.mark.holds(since="12")
@pytest.mark.parametrize("number", [2, 10**18, 10**30])
async def test_nothing_was_said_after_the_last_message(people, number):
    assert await missed(await filled(people, 2), number) == []


@pytest.mark.holds(since="12")
@pytest.mark.parametrize("number", [0, -1, -(10**30)])
async def test_all_was_said_after_a_number_that_is_too_low(people, number):
    assert numbers(await missed(await filled(people, 2), number)) == [1, 2]


@pytest.mark.holds(since="12")
@pytest.mark.parametrize("number", ["2", 2.0, True, None, [2], {}, float("nan")])
async def test_a_number_to_begin_after_that_is_not_whole_returns_an_error(
    people, number
):
    alice = await filled(people, 2)
    await alice.send_frame(json.dumps({"after": number}))
    answer = await alice.hear()
    assert list(answer) == ["error"], answer
    assert numbers(await missed(alice, 0)) == [1, 2]


@pytest.mark.holds(since="12")
@pytest.mark.parametrize("content", [{}, {"before": 2, "after": 0}, {"near": 1}])
async def test_a_frame_asks_for_what_is_before_or_after_one_number(people, content):
    alice = await filled(people, 2)
    await alice.send_frame(json.dumps(content))
    answer = await alice.hear()
    assert list(answer) == ["error"], answer
    await alice.send("hello", after=1)
    await alice.hears("hello")
