"""Who is in the room: a list at entering, then a word when somebody comes or goes.

A person is told of by `see`, messages by `hear`; see tests/support/people.py.
"""

import asyncio
import contextlib
import json

import pytest
import redis

from tests.support.deadline import DEADLINE
from tests.support.frames import joined, left, listed
from tests.support.people import saying
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


@pytest.fixture(
    params=[10, pytest.param(1, marks=pytest.mark.waiting)],
    ids=["ten times as fast", "in real time"],
)
def pace(request, monkeypatch):
    """How many times as fast as elsewhere asyncio.sleep() is, and what beats by it."""
    sleep = asyncio.sleep

    def sleep_shorter(delay, result=None):
        return sleep(delay / request.param, result)

    monkeypatch.setattr(asyncio, "sleep", sleep_shorter)
    return request.param


@pytest.mark.holds(since="07")
@in_every_room
async def test_every_frame_has_a_type(people, room):
    alice, bob = await people.enter("alice", room), await people.enter("bob", room)
    await alice.send("hello")
    frame = await bob.hear()
    assert frame.keys() == {"type", "message", "user", "time"}, frame
    assert frame["type"] == "chat.message", frame
    assert await alice.hear() == frame


@pytest.mark.holds(since="07", can="See who is in the room when you enter")
@in_every_room
async def test_a_newcomer_receives_the_list_of_the_people_in_the_room(people, room):
    assert await listed(await people.enter("alice", room)) == ["alice"]
    assert await listed(await people.enter("bob", room)) == ["alice", "bob"]
    assert await listed(await people.enter("alice", room)) == ["alice", "bob"]


@pytest.mark.holds(since="07")
async def test_the_list_comes_before_any_message(people):
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


@pytest.mark.holds(since="07", can="See immediately who joins and who leaves")
@in_every_room
async def test_the_others_are_told_when_a_person_joins_or_leaves(people, room):
    alice = await people.enter("alice", room)
    assert await listed(alice) == ["alice"]
    bob = await people.enter("bob", room)
    await alice.sees(joined("bob"))
    await bob.close()
    await alice.sees(left("bob"))
    assert await listed(await people.enter("teacher", room)) == ["alice", "teacher"]
    await alice.sees(joined("teacher"))


@pytest.mark.holds(since="07")
async def test_a_person_who_comes_back_is_announced_again(people):
    alice = await people.enter("alice")
    await listed(alice)
    for _ in range(3):
        bob = await people.enter("bob")
        assert await listed(bob) == ["alice", "bob"]
        await bob.close()
        await alice.sees(joined("bob"), left("bob"))


@pytest.mark.holds(since="07")
async def test_a_newcomer_receives_no_announcement_about_themselves(people):
    alice = await people.enter("alice")
    await alice.is_served()
    await people.enter("bob")
    assert await listed(alice) == ["alice"]
    await alice.sees(joined("bob"))


@pytest.mark.holds(since="07", can="Three tabs are one person")
@in_every_room
async def test_a_person_joins_with_the_first_tab_and_leaves_with_the_last(people, room):
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
    await alice.sees(joined("bob"), joined("teacher"))
    await tabs[1].close()
    await alice.sees(left("bob"))
    await teacher.sees(left("bob"))


@pytest.mark.holds(since="07")
async def test_tabs_that_open_and_close_at_the_same_moment_are_one_person(people):
    alice = await people.enter("alice")
    await listed(alice)
    tabs = await asyncio.gather(*[people.enter("bob") for _ in range(3)])
    await asyncio.gather(*[tab.is_served() for tab in tabs])
    await people.enter("teacher")
    await alice.sees(joined("bob"), joined("teacher"))
    await asyncio.gather(*[tab.close() for tab in tabs])
    await alice.sees(left("bob"))
    await people.enter("bob")
    await alice.sees(joined("bob"))


@pytest.mark.holds(since="07")
async def test_a_person_who_returns_before_their_leaving_is_announced_is_listed_again(
    people, monkeypatch
):
    from channels.layers import get_channel_layer

    backend, sleep = get_channel_layer(), asyncio.sleep
    group_send, leaving, gate = backend.group_send, asyncio.Event(), asyncio.Event()

    async def send_through_the_gate(group, event):
        leaving.set()
        await gate.wait()
        await group_send(group, event)

    def sleep_longer(delay, result=None):
        return sleep(100 * delay, result)

    # No heartbeat may mend the lists.
    monkeypatch.setattr(asyncio, "sleep", sleep_longer)
    alice, bob = await people.enter("alice"), await people.enter("bob")
    await listed(alice)
    await alice.sees(joined("bob"))
    monkeypatch.setattr(backend, "group_send", send_through_the_gate)
    closing = asyncio.create_task(bob.close())
    async with asyncio.timeout(DEADLINE):
        await leaving.wait()
    monkeypatch.setattr(backend, "group_send", group_send)
    await (await people.enter("bob")).is_served()
    gate.set()
    await closing
    await people.enter("teacher")
    here = {"alice", "bob"}
    while not here >= {"bob", "teacher"}:
        frame = await alice.see()
        change = here.add if frame == joined(frame["user"]) else here.discard
        change(frame["user"])


@pytest.mark.holds(since="07")
async def test_people_who_enter_at_the_same_moment_see_each_other(people):
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
async def test_presence_is_announced_in_its_own_room_only(people, room, other):
    alice = await people.enter("alice", room)
    bob = await people.enter("bob", other)
    assert await listed(bob) == ["bob"]
    teacher = await people.enter("teacher", other)
    assert await listed(teacher) == ["bob", "teacher"]
    await bob.sees(joined("teacher"))
    await teacher.close()
    await bob.sees(left("teacher"))
    assert await listed(await people.enter("bob", room)) == ["alice", "bob"]
    assert await listed(alice) == ["alice"]
    await alice.sees(joined("bob"))
    await bob.close()
    await people.enter("teacher", room)
    await alice.sees(joined("teacher"))


@pytest.mark.holds(since="07", can="Somebody who may not enter is never listed")
async def test_a_user_who_is_refused_is_never_listed(people, visitors):
    from tests.support.people import cookie_of, room_path

    alice = await people.enter("alice")
    assert await listed(alice) == ["alice"]
    carol = cookie_of(visitors["carol"])
    assert await people.knock(room_path(1), cookie=carol) == "refused"
    assert await people.knock(room_path(1)) == "refused"
    assert await listed(await people.enter("bob")) == ["alice", "bob"]
    await alice.sees(joined("bob"))


@pytest.mark.holds(since="07", can="Nobody can announce somebody else")
@pytest.mark.parametrize(
    "forged", [joined("teacher"), left("bob"), {"type": "presence.list", "users": []}]
)
async def test_a_sender_cannot_forge_presence(people, forged):
    alice, bob = await people.enter("alice"), await people.enter("bob")
    assert await listed(bob) == ["alice", "bob"]
    await alice.send_frame(json.dumps(forged))
    assert list(await alice.hear()) == ["error"]
    await alice.send("hi", **forged)
    frame = await bob.hear()
    told = (frame["type"], frame["user"], frame["message"])
    assert told == ("chat.message", "alice", "hi")
    assert await listed(await people.enter("teacher")) == ["alice", "bob", "teacher"]
    await bob.sees(joined("teacher"))


@pytest.mark.holds(since="07")
@pytest.mark.parametrize("newcomers", [HOSTILE], ids=["hostile"], indirect=True)
async def test_any_username_arrives_unchanged(people, newcomers):
    people.introduce(newcomers)
    alice = await people.enter("alice", "kitchen")
    assert await listed(alice) == ["alice"]
    for name in newcomers:
        somebody = await people.enter(name, "kitchen")
        assert await listed(somebody) == sorted(["alice", name])
        await somebody.close()
        await alice.sees(joined(name), left(name))


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
async def test_only_the_first_and_the_last_tab_send_an_event_to_the_others(
    people, sent
):
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


@pytest.mark.holds(
    since="07", can="A silent person stays listed, at no cost to the others"
)
@pytest.mark.parametrize("layer", ["valkey"], indirect=True)
async def test_a_silent_person_stays_listed_without_any_event(people, sent, pace):
    alice, bob = await people.enter("alice"), await people.enter("bob")
    assert await listed(alice) == ["alice"]
    await alice.sees(joined("bob"))
    await bob.is_served()
    sent.clear()
    assert await alice.hear_nothing_for(7.5 / pace)
    assert sent == []
    teacher = await people.enter("teacher")
    assert await listed(teacher) == ["alice", "bob", "teacher"]
    await teacher.is_served()
    assert len(sent) == 1
    await alice.sees(joined("teacher"))


@pytest.mark.holds(since="07")
@pytest.mark.parametrize("layer", ["valkey"], indirect=True)
async def test_silent_people_send_few_commands_to_redis(people, project):
    alice = await people.enter("alice")
    await people.enter("bob")
    with redis.Redis.from_url(url_of(project.valkey)) as client:

        def commands():
            return client.info("stats")["total_commands_processed"]

        before = commands()
        await alice.send("hello")
        await alice.hears("hello")
        spoken = commands()
        assert await alice.hear_nothing_for(0.5)
        assert spoken - before > 1
        # Two heartbeats, and more.
        assert commands() - spoken < 30


@pytest.mark.holds(since="07")
@pytest.mark.parametrize("layer", ["valkey"], indirect=True)
@pytest.mark.parametrize("pace", [10], indirect=True)
async def test_a_person_who_has_left_is_not_listed_again_by_a_heartbeat(people, pace):
    alice, bob = await people.enter("alice"), await people.enter("bob")
    assert await listed(alice) == ["alice"]
    await alice.sees(joined("bob"))
    await bob.close()
    await alice.sees(left("bob"))
    assert await alice.see_nothing_for(7.5 / pace)
    assert await listed(await people.enter("teacher")) == ["alice", "teacher"]


async def heard_again(speaker, listener):
    """Let `speaker` speak until `listener` hears it."""
    await speaker.send("do you hear me?")
    while await listener.hear_nothing_for(0.2):
        await speaker.send("do you hear me?")


@pytest.mark.holds(since="07", can="When Redis forgets everything, nobody notices")
@pytest.mark.parametrize("layer", ["valkey"], indirect=True)
async def test_the_lists_are_right_again_after_redis_has_forgotten_them(
    people, project, pace
):
    alice, bob = await people.enter("alice"), await people.enter("bob")
    assert await listed(alice) == ["alice"]
    await alice.sees(joined("bob"))
    assert await listed(bob) == ["alice", "bob"]
    with redis.Redis.from_url(url_of(project.valkey)) as client:
        client.flushall()
    # A heart may beat by another clock than asyncio.sleep(), and so in real time.
    patience = max(DEADLINE, 10)
    with saying(f"nothing is delivered {patience} s after Redis has forgotten all"):
        async with asyncio.timeout(patience):
            await asyncio.gather(heard_again(bob, alice), heard_again(alice, bob))
    teacher = await people.enter("teacher")
    assert await listed(teacher) == ["alice", "bob", "teacher"]
    for person in (alice, bob):
        await person.sees(joined("teacher"))
    # Another heartbeat, in which everybody's list is compared with the new one.
    silence = [person.see_nothing_for(7 / pace) for person in (alice, bob, teacher)]
    assert await asyncio.gather(*silence) == [True] * 3
    await bob.close()
    for person in (alice, teacher):
        await person.sees(left("bob"))


class Broken(Exception):
    """What goes wrong in a consumer, on purpose."""


@pytest.mark.holds(
    since="07", can="A person whose socket fails on the server has left, too"
)
async def test_a_person_whose_consumer_fails_has_left(
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
            await bob.hears("hello")
            await alice.send("break")
            await bob.sees(left("alice"))
            assert await listed(await people.enter("teacher")) == ["bob", "teacher"]
