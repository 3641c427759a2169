"""Who receives a message."""

import asyncio

import pytest

from tests.support.deadline import DEADLINE
from tests.support.people import saying

TEXTS = [
    "<b>bold</b> & <script>alert(1)</script>",
    "\N{FAMILY} 👩‍👩‍👧 🇪🇺 \U0010ffff",
    "שלום \u202e עולם مرحبا",
    "one\ntwo\r\nthree\ttab",
    "  spaces around  ",
    '"quotes" \\ and \u2028 separators',
    "x" * 2000,
    "😀" * 2000,
]


@pytest.mark.holds(since="01", can="Your message comes back to you")
async def test_a_message_comes_back_to_its_sender_once(people):
    alice = await people.enter("alice")
    await alice.send("first")
    await alice.send("second")
    await alice.hears("first", "second")


@pytest.mark.holds(since="01", until="02", can="Nobody else receives it")
@pytest.mark.parametrize("other", ["bob", "alice"])
async def test_only_the_sender_receives_a_message(people, other):
    alice, listener = await people.enter("alice"), await people.enter(other)
    await alice.send("for nobody")
    await alice.hears("for nobody")
    await listener.send("for myself")
    await listener.hears("for myself")


@pytest.mark.holds(since="03", can="Everybody in the room receives it")
@pytest.mark.parametrize("other", ["bob", "alice"])
async def test_a_message_reaches_everybody_in_the_room(people, other):
    alice, listener = await people.enter("alice"), await people.enter(other)
    await alice.send("for both")
    await listener.hears("for both")
    await alice.hears("for both")
    await listener.send("and back")
    await listener.hears("and back")
    await alice.hears("and back")


@pytest.mark.holds(since="03")
async def test_each_of_three_people_receives_a_message_once(people):
    three = [await people.enter(name) for name in ("alice", "bob", "teacher")]
    await three[0].send("one")
    await three[0].send("end")
    for person in three:
        await person.hears("one", "end")


@pytest.mark.holds(since="03")
@pytest.mark.parametrize("layer", ["valkey"], indirect=True)
async def test_a_message_reaches_people_on_another_server(people, layer):
    alice = await people.enter("alice")
    layer.use_as_another_process()
    bob = await people.enter("bob")
    await alice.send("from the one server")
    await bob.hears("from the one server")
    await bob.send("from the other")
    await alice.hears("from the one server", "from the other")


@pytest.mark.holds(since="05", can="Nobody waits while another message is being sent")
@pytest.mark.parametrize("layer", ["valkey"], indirect=True)
async def test_a_message_does_not_wait_for_another_one_to_be_sent(people, monkeypatch):
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
        with saying("the second message was sent only after the first"):
            async with asyncio.timeout(DEADLINE):
                messages = {await on_their_way.get() for _ in range(2)}
    finally:
        gate.set()
    assert messages == {"from alice", "from bob"}
    assert {(await alice.hear())["message"] for _ in range(2)} == messages


@pytest.mark.holds(since="03", can="The room of another course receives nothing")
async def test_a_message_does_not_reach_another_room(people):
    alice, carol = await people.enter("alice", 1), await people.enter("carol", 2)
    teacher = await people.enter("teacher", 2)
    await alice.send("in room 1")
    await alice.hears("in room 1")
    await teacher.send("in room 2")
    await carol.hears("in room 2")


@pytest.mark.holds(since="03", until="20")
async def test_a_closed_socket_is_removed_from_its_group(people, layer):
    alice, bob = await people.enter("alice"), await people.enter("bob")
    assert layer.members() == 2, f"{layer.members()} members"
    await bob.close()
    assert layer.members() == 1, f"{layer.members()} members"
    await alice.send("is anybody here?")
    await alice.hears("is anybody here?")
    await alice.close()
    assert layer.members() == 0, f"{layer.members()} members"


@pytest.mark.holds(since="01")
async def test_any_text_arrives_unchanged(people):
    alice = await people.enter("alice")
    for text in TEXTS:
        await alice.send(text)
        await alice.hears(text)
