"""Who has vanished without a word, and what Redis has forgotten."""

import asyncio
import contextlib

import pytest
import redis

from tests.support.deadline import DEADLINE
from tests.support.frames import joined, left, list_is
from tests.support.people import saying
from tests.support.valkey import url_of


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


fast = pytest.mark.parametrize("pace", [10], indirect=True)


@pytest.fixture
def no_heartbeat(monkeypatch):
    """What beats by asyncio.sleep(), and not within a second, is much slower."""
    sleep = asyncio.sleep

    def sleep_longer(delay, result=None):
        # By shorter ones, the pub/sub layer waits for its first subscription.
        return sleep(delay if delay < 1 else 100 * delay, result)

    monkeypatch.setattr(asyncio, "sleep", sleep_longer)


@pytest.fixture
def client(project, layer):
    """A client of the Redis that keeps the lists."""
    with redis.Redis.from_url(url_of(project.valkey)) as client:
        yield client


@pytest.fixture
async def sent(people, monkeypatch):
    """A list that grows by each event that is sent to a group."""
    from channels.layers import get_channel_layer

    backend, events = get_channel_layer(), []
    group_send = backend.group_send

    async def send_and_note(group, event):
        events.append(event)
        await group_send(group, event)

    monkeypatch.setattr(backend, "group_send", send_and_note)
    return events


@pytest.mark.holds(
    since="08", can="A silent person stays listed, at no cost to the others"
)
async def test_a_silent_person_stays_listed_and_no_event_is_sent(people, sent, pace):
    alice, bob = await people.enter("alice"), await people.enter("bob")
    await list_is(alice, ["alice"])
    await alice.sees(joined("bob"))
    await bob.is_served()
    sent.clear()
    assert await alice.hear_nothing_for(10 / pace)
    assert sent == []
    teacher = await people.enter("teacher")
    await list_is(teacher, ["alice", "bob", "teacher"])
    await teacher.is_served()
    assert len(sent) == 1
    await alice.sees(joined("teacher"))


@pytest.mark.holds(since="08")
@fast
async def test_a_heartbeat_does_not_list_a_person_who_has_left(people, pace):
    alice, bob = await people.enter("alice"), await people.enter("bob")
    await list_is(alice, ["alice"])
    await alice.sees(joined("bob"))
    await bob.close()
    await alice.sees(left("bob"))
    assert await alice.see_nothing_for(10 / pace)
    await list_is(await people.enter("teacher"), ["alice", "teacher"])


@pytest.mark.holds(since="08")
@fast
async def test_an_empty_room_sends_no_commands_to_redis(people, pace, client, caplog):
    def commands():
        return client.info("stats")["total_commands_processed"]

    for _ in range(3):
        alice = await people.enter("alice")
        await alice.is_served()
        await alice.close()
    bob = await people.enter("bob", "kitchen")
    before, asked = commands(), 0
    async with asyncio.timeout(DEADLINE):
        while commands() - before - asked <= 5:
            asked += 1
            assert await bob.hear_nothing_for(1 / pace)
    await bob.close()
    before = commands()
    await asyncio.sleep(10)  # ten times as fast
    # The question itself is one.
    assert commands() - before <= 1
    assert [record.getMessage() for record in caplog.records if record.exc_info] == []


@pytest.mark.holds(since="08")
async def test_people_see_who_joins_and_leaves_without_waiting_for_a_heartbeat(
    people, no_heartbeat
):
    alice = await people.enter("alice")
    await list_is(alice, ["alice"])
    bob = await people.enter("bob")
    await alice.sees(joined("bob"))
    for person in (alice, bob):  # so that the event of bob's entry is not still to come
        await person.is_up_to_date()
    await bob.close()
    await alice.sees(left("bob"))


@pytest.mark.holds(since="08")
async def test_redis_deletes_a_list_that_no_server_renews(people, client):
    await (await people.enter("alice")).is_served()
    (key,) = client.scan_iter("*presence*")
    assert 0 < client.ttl(key) < 60


async def heard_again(speaker, listener):
    """Let `speaker` speak until `listener` hears it."""
    await speaker.send("do you hear me?")
    while await listener.hear_nothing_for(0.2):
        await speaker.send("do you hear me?")


@pytest.mark.holds(since="08", can="When Redis forgets everything, nobody notices")
async def test_the_lists_are_correct_again_after_redis_has_lost_them(
    people, layer, client, pace
):
    alice = await people.enter("alice")
    layer.use_as_another_process()
    bob = await people.enter("bob")
    await list_is(alice, ["alice"])
    await alice.sees(joined("bob"))
    await list_is(bob, ["alice", "bob"])
    # A message comes after all events about these two: nobody is reading the list now.
    await bob.send("settled")
    for person in (alice, bob):
        await person.hears("settled")
    client.flushall()
    # A heart may beat by another clock than asyncio.sleep(), and so in real time.
    patience = max(DEADLINE, 10)
    with saying(f"nothing is delivered {patience} s after Redis has forgotten all"):
        async with asyncio.timeout(patience):
            await asyncio.gather(heard_again(bob, alice), heard_again(alice, bob))
    teacher = await people.enter("teacher")
    await list_is(teacher, ["alice", "bob", "teacher"])
    for person in (alice, bob):
        await person.sees(joined("teacher"))
    # Another heartbeat, in which everybody's list is compared with the new one.
    silence = [person.see_nothing_for(3 / pace) for person in (alice, bob, teacher)]
    assert await asyncio.gather(*silence) == [True] * 3
    await bob.close()
    for person in (alice, teacher):
        # For some seconds by Redis' clock a person who is missing is still believed.
        nobody = await person.see_nothing_for(patience)
        assert not nobody, f"nobody was said to have left within {patience} s"
        await person.sees(left("bob"))


@pytest.mark.holds(since="08")
async def test_a_person_who_enters_after_redis_has_lost_the_lists_removes_nobody(
    people, layer, client, no_heartbeat
):
    alice = await people.enter("alice")
    layer.use_as_another_process()
    bob = await people.enter("bob")
    await list_is(alice, ["alice"])
    await alice.sees(joined("bob"))
    await list_is(bob, ["alice", "bob"])
    for person in (alice, bob):
        await person.is_up_to_date()
    client.flushall()
    await people.enter("teacher")
    await bob.sees(joined("teacher"))
    assert await bob.see_nothing_for(0.5)


@pytest.mark.holds(since="08")
@fast
async def test_a_heartbeat_that_fails_is_logged_and_the_next_one_works(
    people, client, pace, caplog
):
    alice = await people.enter("alice")
    await list_is(alice, ["alice"])
    # The event that she has joined has been handled, too.
    await alice.is_up_to_date()
    (key,) = client.scan_iter("*presence*")
    client.set(key, "not a list")
    with saying("no heartbeat has failed"):
        async with asyncio.timeout(DEADLINE):
            while not [record for record in caplog.records if record.exc_info]:
                assert await alice.see_nothing_for(1 / pace)
    client.delete(key)
    await list_is(await people.enter("bob"), ["alice", "bob"])
    await alice.sees(joined("bob"))
    assert await alice.see_nothing_for(5 / pace)


class Broken(Exception):
    """What goes wrong in a consumer, on purpose."""


@pytest.mark.holds(
    since="08", until="20", can="A person whose consumer fails leaves the room, too"
)
async def test_a_person_whose_consumer_fails_leaves_the_room(
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
            await list_is(bob, ["alice", "bob"])
            await alice.send("hello")
            await bob.hears("hello")
            await alice.send("break")
            await bob.sees(left("alice"))
            await list_is(await people.enter("teacher"), ["bob", "teacher"])
            members = layer.members()
    assert members == 2
