"""Who is in the room: a list at entering, then a word when somebody comes or goes.

A person is told of by `see`, messages by `hear`; see tests/support/people.py.
"""

import asyncio
import contextlib
import json

import pytest
import redis

from tests.support.deadline import DEADLINE
from tests.support.presence import joined, left, listed
from tests.support.valkey import url_of

CROWD = [f"student {number}" for number in range(100)]
HOSTILE = [
    "  spaces  in  and  around  ",
    "<script>alert(1)</script>",
    "two\nlines",
    "\"double\" 'single' \\ &quot;",
    "😀 שלום \u202e",
    "x" * 150,
    "alice,bob",
    "specific!alice",
    "ALICE",
    '{"type": "presence.left", "user": "alice"}',
]
in_every_room = pytest.mark.parametrize("room", [1, "kitchen"])


@pytest.fixture
def sent(people, monkeypatch):
    """A list that grows by each event that is sent to a group."""
    from channels.layers import get_channel_layer

    backend, events = get_channel_layer(), []
    group_send = backend.group_send

    async def send_and_note(group, event):
        events.append(event)
        await group_send(group, event)

    monkeypatch.setattr(backend, "group_send", send_and_note)
    return events


@pytest.fixture
def newcomers(request, project):
    """Test clients of users who exist during the test only, by name.

    The names come from a parametrize.
    """
    from django.contrib.auth import get_user_model

    from tests.support.people import signed_in

    users = get_user_model().objects
    users.bulk_create(users.model(username=name) for name in request.param)
    yield {name: signed_in(name) for name in request.param}
    users.filter(username__in=request.param).delete()


@pytest.mark.holds(since="07", can="See who is in the room when you enter")
@in_every_room
async def test_who_enters_is_told_who_is_here(people, room):
    assert await listed(await people.enter("alice", room)) == ["alice"]
    assert await listed(await people.enter("bob", room)) == ["alice", "bob"]
    assert await listed(await people.enter("alice", room)) == ["alice", "bob"]


@pytest.mark.holds(since="07")
async def test_the_list_comes_before_all_that_is_said(people):
    alice = await people.enter("alice")

    async def speak():
        for number in range(20):
            await alice.send(f"message {number}")
            await alice.hear()

    speaking = asyncio.create_task(speak())
    bob = await people.enter("bob")
    assert (await bob.read_first())["type"] == "presence.list"
    await speaking
    await alice.send("end")
    while (await bob.hear())["message"] != "end":
        pass


@pytest.mark.holds(since="07", can="See at once who comes and who goes")
@in_every_room
async def test_the_others_see_at_once_who_comes_and_who_goes(people, room):
    alice = await people.enter("alice", room)
    assert await listed(alice) == ["alice"]
    bob = await people.enter("bob", room)
    assert await alice.see() == joined("bob")
    await bob.close()
    assert await alice.see() == left("bob")
    assert await listed(await people.enter("teacher", room)) == ["alice", "teacher"]
    assert await alice.see() == joined("teacher")


@pytest.mark.holds(since="07")
async def test_who_comes_back_is_announced_again(people):
    alice = await people.enter("alice")
    await listed(alice)
    for _ in range(3):
        bob = await people.enter("bob")
        assert await listed(bob) == ["alice", "bob"]
        await bob.close()
        assert [await alice.see() for _ in range(2)] == [joined("bob"), left("bob")]


@pytest.mark.holds(since="07")
async def test_who_enters_is_not_told_of_himself(people):
    alice = await people.enter("alice")
    await alice.is_served()
    await people.enter("bob")
    assert await listed(alice) == ["alice"]
    assert await alice.see() == joined("bob")


@pytest.mark.holds(since="07", can="Three tabs are one person")
@in_every_room
async def test_a_person_has_come_with_the_first_tab_and_gone_with_the_last(
    people, room
):
    alice = await people.enter("alice", room)
    await listed(alice)
    tabs = [await people.enter("bob", room) for _ in range(3)]
    for tab in tabs:
        assert await listed(tab) == ["alice", "bob"]
        await tab.is_served()
    await tabs[0].close()
    await tabs[2].close()
    teacher = await people.enter("teacher", room)
    assert await listed(teacher) == ["alice", "bob", "teacher"]
    assert await alice.see() == joined("bob")
    assert await alice.see() == joined("teacher")
    await tabs[1].close()
    assert await alice.see() == left("bob")
    assert await teacher.see() == left("bob")


@pytest.mark.holds(since="07")
async def test_tabs_that_open_and_close_at_the_same_moment_are_one_person(people):
    alice = await people.enter("alice")
    await listed(alice)
    tabs = await asyncio.gather(*[people.enter("bob") for _ in range(3)])
    await asyncio.gather(*[tab.is_served() for tab in tabs])
    await people.enter("teacher")
    assert await alice.see() == joined("bob")
    assert await alice.see() == joined("teacher")
    await asyncio.gather(*[tab.close() for tab in tabs])
    assert await alice.see() == left("bob")
    await people.enter("bob")
    assert await alice.see() == joined("bob")


@pytest.mark.holds(since="07")
async def test_those_who_enter_at_the_same_moment_see_each_other(people):
    names = {"alice", "bob", "carol", "teacher"}
    sockets = await asyncio.gather(*[people.enter(name, "kitchen") for name in names])
    for socket in sockets:
        here = await listed(socket)
        while len(here) < len(names):
            frame = await socket.see()
            assert frame == joined(frame["user"])
            here.append(frame["user"])
        assert set(here) == names


@pytest.mark.holds(since="07")
@pytest.mark.parametrize(
    ("room", "other"),
    [(1, "kitchen"), (1, "1"), (1, "chat_1"), ("1", "room_1"), ("tea", "Tea")],
)
async def test_who_is_here_is_told_in_this_room_alone(people, room, other):
    alice = await people.enter("alice", room)
    bob = await people.enter("bob", other)
    assert await listed(bob) == ["bob"]
    teacher = await people.enter("teacher", other)
    assert await listed(teacher) == ["bob", "teacher"]
    assert await bob.see() == joined("teacher")
    await teacher.close()
    assert await bob.see() == left("teacher")
    assert await listed(await people.enter("bob", room)) == ["alice", "bob"]
    assert await listed(alice) == ["alice"]
    assert await alice.see() == joined("bob")
    await bob.close()
    await people.enter("teacher", room)
    assert await alice.see() == joined("teacher")


@pytest.mark.holds(since="07", can="Who may not enter is never listed")
async def test_who_is_refused_is_never_listed(people, visitors):
    from tests.support.people import cookie_of, room_path

    alice = await people.enter("alice")
    assert await listed(alice) == ["alice"]
    carol = cookie_of(visitors["carol"])
    assert await people.knock(room_path(1), cookie=carol) == "refused"
    assert await people.knock(room_path(1)) == "refused"
    assert await listed(await people.enter("bob")) == ["alice", "bob"]
    assert await alice.see() == joined("bob")


@pytest.mark.holds(since="07")
@in_every_room
async def test_every_frame_says_what_it_tells(people, room):
    alice, bob = await people.enter("alice", room), await people.enter("bob", room)
    await alice.send("hello")
    frame = await bob.hear()
    assert frame.keys() == {"type", "message", "user", "time"}
    assert frame["type"] == "chat.message"
    assert await alice.hear() == frame


@pytest.mark.holds(since="07", can="Nobody can announce another")
@pytest.mark.parametrize(
    "forged", [joined("teacher"), left("bob"), {"type": "presence.list", "users": []}]
)
async def test_a_sender_cannot_forge_who_is_here(people, forged):
    alice, bob = await people.enter("alice"), await people.enter("bob")
    assert await listed(bob) == ["alice", "bob"]
    await alice.send_frame(json.dumps(forged))
    assert list(await alice.hear()) == ["error"]
    await alice.send("hi", **forged)
    frame = await bob.hear()
    told = (frame["type"], frame["user"], frame["message"])
    assert told == ("chat.message", "alice", "hi")
    assert await listed(await people.enter("teacher")) == ["alice", "bob", "teacher"]
    assert await bob.see() == joined("teacher")


@pytest.mark.holds(since="07")
@pytest.mark.parametrize("newcomers", [HOSTILE], ids=["hostile"], indirect=True)
async def test_a_name_comes_out_as_it_is(people, newcomers):
    people.introduce(newcomers)
    alice = await people.enter("alice", "kitchen")
    assert await listed(alice) == ["alice"]
    for name in newcomers:
        somebody = await people.enter(name, "kitchen")
        assert await listed(somebody) == sorted(["alice", name])
        await somebody.close()
        assert [await alice.see() for _ in range(2)] == [joined(name), left(name)]


@pytest.mark.waiting
@pytest.mark.holds(since="07", can="A hundred people in one room")
@pytest.mark.parametrize("newcomers", [CROWD], ids=["crowd"], indirect=True)
async def test_a_hundred_people_are_announced_once_each(people, newcomers):
    people.introduce(newcomers)
    sockets = [await people.enter(name, "hall") for name in CROWD]
    assert await listed(sockets[-1]) == sorted(CROWD)
    assert await listed(sockets[0]) == CROWD[:1]
    seen = [await sockets[0].see() for _ in CROWD[1:]]
    assert {frame["type"] for frame in seen} == {"presence.joined"}
    assert sorted(frame["user"] for frame in seen) == sorted(CROWD[1:])
    await sockets[-1].close()
    assert await sockets[0].see() == left(CROWD[-1])


@pytest.mark.holds(since="07")
async def test_only_the_first_tab_and_the_last_cost_the_others_an_event(people, sent):
    alice, bob = await people.enter("alice"), await people.enter("bob")
    await alice.is_served()
    await bob.is_served()
    assert len(sent) == 2
    second = await people.enter("bob")
    await second.is_served()
    await second.close()
    assert len(sent) == 2
    await bob.close()
    assert len(sent) == 3


@pytest.mark.waiting
@pytest.mark.holds(since="07", can="Who is silent stays listed, at no cost for others")
@pytest.mark.parametrize("layer", ["valkey"], indirect=True)
async def test_who_is_silent_stays_and_costs_the_others_nothing(people, sent):
    alice, bob = await people.enter("alice"), await people.enter("bob")
    assert await listed(alice) == ["alice"]
    assert await alice.see() == joined("bob")
    await bob.is_served()
    sent.clear()
    assert await alice.hear_nothing_for(7.5)
    assert sent == []
    teacher = await people.enter("teacher")
    assert await listed(teacher) == ["alice", "bob", "teacher"]
    await teacher.is_served()
    assert len(sent) == 1
    assert await alice.see() == joined("teacher")


async def heard_again(speaker, listener):
    """Let `speaker` speak until `listener` hears it."""
    await speaker.send("do you hear me?")
    while await listener.hear_nothing_for(0.5):
        await speaker.send("do you hear me?")


@pytest.mark.waiting
@pytest.mark.holds(since="07", can="When Redis forgets everything, nobody notices")
@pytest.mark.parametrize("layer", ["valkey"], indirect=True)
async def test_what_redis_has_forgotten_comes_back_and_nobody_is_told(people, project):
    alice, bob = await people.enter("alice"), await people.enter("bob")
    assert await listed(alice) == ["alice"]
    assert await alice.see() == joined("bob")
    assert await listed(bob) == ["alice", "bob"]
    with redis.Redis.from_url(url_of(project.valkey)) as client:
        client.flushall()
    async with asyncio.timeout(DEADLINE):
        await asyncio.gather(heard_again(bob, alice), heard_again(alice, bob))
    teacher = await people.enter("teacher")
    assert await listed(teacher) == ["alice", "bob", "teacher"]
    for person in (alice, bob):
        assert await person.see() == joined("teacher")
    # Another heartbeat, in which everybody's list is compared with the new one.
    silence = [person.see_nothing_for(7) for person in (alice, bob, teacher)]
    assert await asyncio.gather(*silence) == [True] * 3
    await bob.close()
    for person in (alice, teacher):
        assert await person.see() == left("bob")


class Broken(Exception):
    """What goes wrong in a consumer, on purpose."""


@pytest.mark.holds(since="07", can="Whose socket fails on the server has left, too")
async def test_who_is_thrown_out_by_an_error_has_left(
    project, layer, cookies, monkeypatch
):
    from channels.layers import get_channel_layer

    from tests.support.people import People

    backend = get_channel_layer()
    group_send = backend.group_send

    async def break_on_purpose(group, event):
        if "break" in event.values():
            raise Broken
        await group_send(group, event)

    monkeypatch.setattr(backend, "group_send", break_on_purpose)
    with contextlib.suppress(Broken):
        async with People(project.application, cookies) as people:
            alice, bob = await people.enter("alice"), await people.enter("bob")
            assert await listed(bob) == ["alice", "bob"]
            await alice.send("hello")
            assert (await bob.hear())["message"] == "hello"
            await alice.send("break")
            assert await bob.see() == left("alice")
            assert await listed(await people.enter("teacher")) == ["bob", "teacher"]
