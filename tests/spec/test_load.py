"""Bursts, and silence: what a class does to a room."""

import asyncio

import pytest

from tests.support.deadline import DEADLINE

# A class. At the layers' default capacity of 100 it loses about half of what it says:
# a mutant proves that.
CROWD, EACH = 20, 10


@pytest.mark.holds(since="01")
async def test_a_burst_comes_back_whole_and_in_order(people):
    alice = await people.enter("alice")
    texts = [f"message {number}" for number in range(80)]
    for text in texts:
        await alice.send(text)
    assert [(await alice.hear())["message"] for _ in texts] == texts


@pytest.mark.holds(since="03", can="80 messages in a row arrive whole and in order")
async def test_a_burst_reaches_the_other_whole_and_in_order(people):
    alice, bob = await people.enter("alice"), await people.enter("bob")
    texts = [f"message {number}" for number in range(80)]
    for text in texts:
        await alice.send(text)
    assert [(await bob.hear())["message"] for _ in texts] == texts


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


@pytest.mark.waiting
@pytest.mark.holds(since="03", can="Nothing is lost when a whole class writes at once")
@pytest.mark.parametrize("layer", ["valkey"], indirect=True)
async def test_a_crowd_is_heard_whole_by_everybody(people):
    sockets, texts = await speak_all_at_once(people)
    for socket in sockets:
        heard = [(await socket.hear())["message"] for _ in range(CROWD * EACH)]
        by_sender = [
            [t for t in heard if t.split(":")[0] == str(n)] for n in range(CROWD)
        ]
        assert by_sender == texts


@pytest.mark.waiting
@pytest.mark.holds(since="03", can="A socket that was idle for long still hears")
@pytest.mark.parametrize("layer", ["valkey"], indirect=True)
async def test_a_socket_that_was_idle_for_more_than_six_seconds_hears(people):
    alice, bob = await people.enter("alice"), await people.enter("bob")
    assert await bob.hear_nothing_for(6.5)
    await alice.send("good morning")
    assert (await bob.hear())["message"] == "good morning"


@pytest.mark.holds(since="05", can="Nobody waits while another's message is on its way")
@pytest.mark.parametrize("layer", ["memory"], indirect=True)
async def test_nobody_waits_while_another_message_is_on_its_way(people, monkeypatch):
    from channels.layers import get_channel_layer

    backend, on_their_way, gate = get_channel_layer(), asyncio.Queue(), asyncio.Event()
    group_send = backend.group_send

    async def group_send_through_the_gate(group, event):
        if "message" in event:
            on_their_way.put_nowait(event["message"])
            await gate.wait()
        await group_send(group, event)

    monkeypatch.setattr(backend, "group_send", group_send_through_the_gate)
    alice, bob = await people.enter("alice"), await people.enter("bob")
    await alice.send("from alice")
    await bob.send("from bob")
    try:
        async with asyncio.timeout(DEADLINE):
            messages = {await on_their_way.get() for _ in range(2)}
    finally:
        gate.set()
    assert messages == {"from alice", "from bob"}
    assert {(await alice.hear())["message"] for _ in range(2)} == messages
