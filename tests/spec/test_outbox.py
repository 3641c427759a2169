"""A message that is sent again is saved once, and answered as at the first time."""

import json

import pytest

from .test_history import KEYS, fresh, numbers, say


async def send(socket, text, key):
    """Send a message with a key; return the answer to the sender."""
    await socket.send(text, key=key)
    return await socket.hear()


async def entered(people, room, *names):
    """Let these people enter; return their sockets, which have read the history."""
    sockets = [await people.enter(name, room) for name in names]
    for socket in sockets:
        await socket.read_history()
    return sockets


async def history_of(people, room):
    """Return what somebody receives who enters the room."""
    return await (await people.enter("bob", room)).read_history()


@pytest.mark.holds(since="13", can="The answer to a message shows that it is saved")
async def test_the_sender_receives_an_answer_with_the_key_before_the_message(people):
    alice, bob = await entered(people, 1, "alice", "bob")
    answer = await send(alice, "hello", "1-2-3")
    assert answer.pop("key") == "1-2-3"
    assert answer == await alice.hear() == await bob.hear()
    assert answer.keys() == KEYS | {"type"}
    assert answer["message"] == "hello"


@pytest.mark.holds(since="13", can="A message that is sent twice is saved once")
async def test_a_message_that_is_sent_again_is_saved_once_and_answered_again(people):
    room = next(fresh)
    alice, bob = await entered(people, room, "alice", "bob")
    answers = []
    for text in ("hello", "hello", "changed"):
        answers.append(await send(alice, text, "one"))
        await alice.hears("hello")
        await bob.hears("hello")
    assert answers[0] == answers[1] == answers[2]
    assert numbers(await history_of(people, room)) == [1]


@pytest.mark.holds(since="13")
async def test_a_message_that_is_sent_again_leaves_no_gap_in_the_numbers(people):
    room = next(fresh)
    (alice,) = await entered(people, room, "alice")
    for key in ("one", "one", "two"):
        await send(alice, key, key)
        await alice.hear()
    assert numbers(await history_of(people, room)) == [1, 2]


@pytest.mark.holds(since="13")
async def test_a_message_is_also_saved_once_over_two_sockets(people):
    room = next(fresh)
    before, after = await entered(people, room, "alice", "alice")
    first = await send(before, "hello", "one")
    await after.hears("hello")
    assert await send(after, "hello", "one") == first
    assert numbers(await history_of(people, room)) == [1]


@pytest.mark.holds(since="13")
async def test_a_key_belongs_to_one_author_and_one_room(people):
    room, other = next(fresh), next(fresh)
    alice, bob = await entered(people, room, "alice", "bob")
    (alice_elsewhere,) = await entered(people, other, "alice")
    assert (await send(alice, "from alice", "one"))["number"] == 1
    await bob.hears("from alice")
    answer = await send(bob, "from bob", "one")
    assert (answer["user"], answer["message"]) == ("bob", "from bob")
    answer = await send(alice_elsewhere, "elsewhere", "one")
    assert (answer["number"], answer["message"]) == (1, "elsewhere")
    assert numbers(await history_of(people, room)) == [1, 2]


@pytest.mark.holds(since="13")
async def test_messages_without_a_key_are_all_saved_and_need_no_answer(people):
    room = next(fresh)
    (alice,) = await entered(people, room, "alice")
    for key in ({}, {"key": None}):
        await alice.send("hello", **key)
        assert (await alice.hear()).keys() == KEYS | {"type"}
    await say(alice, "the end")
    assert numbers(await history_of(people, room)) == [1, 2, 3]


@pytest.mark.holds(since="13", can="A bad key is refused")
@pytest.mark.parametrize(
    "key",
    ["", " ", "x" * 51, "a b", "a\n", "é", "\0", "<b>", 1, True, [], ["a"], {}, 1.5],
    ids=repr,
)
async def test_a_key_that_is_no_short_text_returns_an_error(people, key):
    (alice,) = await entered(people, 1, "alice")
    answer = await send(alice, "hello", key)
    assert list(answer) == ["error"], answer
    assert (await send(alice, "hello", "x" * 50))["key"] == "x" * 50


@pytest.mark.holds(since="13", can="A page learns whose socket it has")
async def test_the_history_says_whose_socket_it_is(people):
    for name in ("alice", "bob"):
        socket = await people.enter(name, 1)
        assert json.loads(await socket.read_history_raw())["user"] == name
