"""Bursts, and silence: what a class does to a room."""

import asyncio

import pytest

# A class. At the layers' default capacity of 100 it loses about half of what it says:
# a mutant proves that.
CROWD, EACH = 20, 10


async def speak_all_at_once(people):
    """Let CROWD sockets send EACH messages at once; return the sockets and the texts.

    The texts are a list per socket, in the order of sending.
    """
    names = ["alice", "bob", "teacher"]
    sockets = [await people.enter(names[n % len(names)]) for n in range(CROWD)]
    texts = [[f"{n}: {m}" for m in range(EACH)] for n in range(CROWD)]

    async def speak(socket, own_texts):
        for text in own_texts:
            await socket.send(text)

    await asyncio.gather(*map(speak, sockets, texts))
    return sockets, texts


@pytest.mark.holds(
    since="03", can="Nothing is lost when a whole class writes at the same time"
)
@pytest.mark.parametrize("layer", ["valkey"], indirect=True)
async def test_no_message_is_lost_when_a_whole_class_writes_at_the_same_time(people):
    sockets, texts = await speak_all_at_once(people)
    for socket in sockets:
        heard = [(await socket.hear())["message"] for _ in range(CROWD * EACH)]
        by_sender = [
            [t for t in heard if t.split(":")[0] == str(n)] for n in range(CROWD)
        ]
        assert by_sender == texts


@pytest.mark.holds(since="01")
async def test_eighty_messages_in_a_row_come_back_complete_and_in_order(people):
    alice = await people.enter("alice")
    texts = [f"message {number}" for number in range(80)]
    for text in texts:
        await alice.send(text)
    await alice.hears(*texts)


@pytest.mark.holds(since="03", can="80 messages in a row arrive complete and in order")
async def test_eighty_messages_in_a_row_reach_the_others_complete_and_in_order(people):
    alice, bob = await people.enter("alice"), await people.enter("bob")
    texts = [f"message {number}" for number in range(80)]
    for text in texts:
        await alice.send(text)
    await bob.hears(*texts)


@pytest.mark.waiting
@pytest.mark.holds(
    since="03", can="A socket that was idle for a long time still receives messages"
)
@pytest.mark.parametrize("layer", ["valkey"], indirect=True)
async def test_a_socket_that_was_idle_for_six_seconds_still_receives_messages(people):
    alice, bob = await people.enter("alice"), await people.enter("bob")
    assert await bob.hear_nothing_for(6.5)
    await alice.send("good morning")
    await bob.hears("good morning")
