"""Who is in the room: a list at entering, then a word when somebody comes or goes.

A person is told of by `see`, messages by `hear`; see tests/support/people.py.
"""

import asyncio
import json

import pytest
import redis
from asgiref.sync import sync_to_async

from tests.support.deadline import DEADLINE
from tests.support.frames import joined, left, list_is, listed
from tests.support.layer import is_rabbitmq
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
# Commands that read a list, of whatever kind it is.
READS = ("SMEMBERS", "ZRANGE", "ZRANGEBYSCORE", "HGETALL", "HVALS", "HKEYS")
in_every_room = pytest.mark.parametrize("room", [1, "kitchen"])


@pytest.fixture
def client(project, layer):
    """A client of the Redis that keeps the lists."""
    with redis.Redis.from_url(url_of(project.valkey)) as client:
        yield client


@pytest.fixture
async def newcomers(request, project):
    """Test clients of users who exist during the test only, by name.

    The names come from a parametrize. Signing in sends an event from step 14 on, for
    which RabbitMQ's layer needs the test's own event loop, as it does in a server.
    """
    from django.contrib.auth import get_user_model

    from tests.support.people import signed_in

    users = get_user_model().objects

    def make():
        users.bulk_create(users.model(username=name) for name in request.param)
        return {name: signed_in(name) for name in request.param}

    yield await sync_to_async(make)()
    await users.filter(username__in=request.param).adelete()


@pytest.mark.holds(since="07")
@in_every_room
async def test_every_frame_has_a_type_and_all_its_keys(people, room, step):
    alice, bob = await people.enter("alice", room), await people.enter("bob", room)
    await alice.send("hello")
    frame = await bob.hear()
    number = {"number"} if step.number >= "09" else set()
    assert frame.keys() == {"type", "message", "user", "time"} | number, frame
    assert frame["type"] == "chat.message", frame
    assert await alice.hear() == frame


@pytest.mark.holds(since="07", can="See who is in the room when you enter")
@in_every_room
async def test_a_newcomer_receives_the_list_of_the_people_in_the_room(people, room):
    await list_is(await people.enter("alice", room), ["alice"])
    await list_is(await people.enter("bob", room), ["alice", "bob"])
    await list_is(await people.enter("alice", room), ["alice", "bob"])


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
async def test_a_person_who_joins_or_leaves_is_announced_to_the_others(people, room):
    alice = await people.enter("alice", room)
    await list_is(alice, ["alice"])
    bob = await people.enter("bob", room)
    await alice.sees(joined("bob"))
    await bob.close()
    await alice.sees(left("bob"))
    await list_is(await people.enter("teacher", room), ["alice", "teacher"])
    await alice.sees(joined("teacher"))


@pytest.mark.holds(since="07")
async def test_a_person_who_comes_back_is_announced_again(people):
    alice = await people.enter("alice")
    await listed(alice)
    for _ in range(3):
        bob = await people.enter("bob")
        await list_is(bob, ["alice", "bob"])
        await bob.close()
        await alice.sees(joined("bob"), left("bob"))


@pytest.mark.holds(since="07")
async def test_nothing_more_is_sent_to_a_socket_that_has_closed(people):
    alice, bob = await people.enter("alice"), await people.enter("bob")
    await list_is(bob, ["alice", "bob"])
    await list_is(alice, ["alice"])
    await bob.close()
    await alice.sees(joined("bob"), left("bob"))
    await people.enter("teacher")
    await alice.sees(joined("teacher"))
    await alice.is_up_to_date()
    assert await bob.see_nothing_for(0.1)


@pytest.mark.holds(since="07")
async def test_a_newcomer_receives_no_announcement_about_themselves(people):
    alice = await people.enter("alice")
    await alice.is_served()
    await people.enter("bob")
    await list_is(alice, ["alice"])
    await alice.sees(joined("bob"))


@pytest.mark.holds(since="07", can="Three tabs count as one person")
@in_every_room
async def test_a_person_joins_with_the_first_tab_and_leaves_with_the_last(people, room):
    alice = await people.enter("alice", room)
    await listed(alice)
    tabs = [await people.enter("bob", room) for _ in range(3)]
    for tab in tabs:
        await list_is(tab, ["alice", "bob"])
        await tab.is_served()
    await tabs[0].close()
    await tabs[2].close()
    teacher = await people.enter("teacher", room)
    await list_is(teacher, ["alice", "bob", "teacher"])
    await alice.sees(joined("bob"), joined("teacher"))
    await tabs[1].close()
    await alice.sees(left("bob"))
    await teacher.sees(left("bob"))


@pytest.mark.holds(since="07")
async def test_tabs_that_open_and_close_at_the_same_time_count_as_one_person(people):
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
async def test_a_person_who_leaves_and_immediately_returns_is_listed_again(
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
        # By shorter ones, the pub/sub layer waits for its first subscription.
        return sleep(delay if delay < 1 else 100 * delay, result)

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
async def test_people_who_enter_at_the_same_time_see_each_other(people):
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
async def test_presence_is_announced_only_in_its_own_room(people, room, other):
    alice = await people.enter("alice", room)
    bob = await people.enter("bob", other)
    await list_is(bob, ["bob"])
    teacher = await people.enter("teacher", other)
    await list_is(teacher, ["bob", "teacher"])
    await bob.sees(joined("teacher"))
    await teacher.close()
    await bob.sees(left("teacher"))
    await list_is(await people.enter("bob", room), ["alice", "bob"])
    await list_is(alice, ["alice"])
    await alice.sees(joined("bob"))
    await bob.close()
    await people.enter("teacher", room)
    await alice.sees(joined("teacher"))


@pytest.mark.holds(since="07", can="A person who may not enter is never listed")
async def test_a_user_who_is_refused_is_never_listed(people, visitors):
    from tests.support.people import cookie_of, room_path

    alice = await people.enter("alice")
    await list_is(alice, ["alice"])
    carol = cookie_of(visitors["carol"])
    assert await people.knock(room_path(1), cookie=carol) == "refused"
    assert await people.knock(room_path(1)) == "refused"
    await list_is(await people.enter("bob"), ["alice", "bob"])
    await alice.sees(joined("bob"))


@pytest.mark.holds(since="07", can="Nobody can announce somebody else")
@pytest.mark.parametrize(
    "forged", [joined("teacher"), left("bob"), {"type": "presence.list", "users": []}]
)
async def test_a_sender_cannot_forge_presence(people, forged):
    alice, bob = await people.enter("alice"), await people.enter("bob")
    await list_is(bob, ["alice", "bob"])
    await alice.send_frame(json.dumps(forged))
    assert list(await alice.hear()) == ["error"]
    await alice.send("hi", **forged)
    frame = await bob.hear()
    told = (frame["type"], frame["user"], frame["message"])
    assert told == ("chat.message", "alice", "hi")
    await list_is(await people.enter("teacher"), ["alice", "bob", "teacher"])
    await bob.sees(joined("teacher"))


@pytest.mark.holds(since="07")
@pytest.mark.parametrize("newcomers", [HOSTILE], ids=["hostile"], indirect=True)
async def test_any_username_arrives_unchanged(people, newcomers):
    people.introduce(newcomers)
    alice = await people.enter("alice", "kitchen")
    await list_is(alice, ["alice"])
    for name in newcomers:
        somebody = await people.enter(name, "kitchen")
        await list_is(somebody, sorted(["alice", name]))
        await somebody.close()
        await alice.sees(joined(name), left(name))


@pytest.mark.waiting
@pytest.mark.holds(since="07", can="A hundred people in one room")
@pytest.mark.parametrize("newcomers", [CROWD], ids=["crowd"], indirect=True)
async def test_each_of_a_hundred_people_is_announced_once(people, newcomers):
    people.introduce(newcomers)
    sockets = [await people.enter(name, "hall") for name in CROWD]
    await list_is(sockets[-1], sorted(CROWD))
    await list_is(sockets[0], CROWD[:1])
    seen = [await sockets[0].see() for _ in CROWD[1:]]
    assert {frame["type"] for frame in seen} == {"presence.joined"}
    assert sorted(frame["user"] for frame in seen) == sorted(CROWD[1:])
    await sockets[-1].close()
    assert await sockets[0].see() == left(CROWD[-1])
    # One after another, each would be announced to all that are still there.
    await asyncio.gather(*(socket.close() for socket in sockets))


@pytest.mark.holds(since="07")
async def test_few_commands_are_sent_to_redis_while_nobody_writes(people, client):
    from channels.layers import get_channel_layer

    def commands():
        return client.info("stats")["total_commands_processed"]

    alice, bob = await people.enter("alice"), await people.enter("bob")
    for person in (bob, alice):
        await person.is_up_to_date()
    before = commands()
    await alice.send("hello")
    await alice.hears("hello")
    spoken = commands()
    assert await alice.hear_nothing_for(0.5)
    if not is_rabbitmq(get_channel_layer()):
        # Elsewhere events go through this Redis, so that the count can grow.
        assert spoken - before > 1
    # A heartbeat, and more.
    assert commands() - spoken < 30


@pytest.mark.holds(since="07", until="14")
async def test_a_process_reads_the_list_once_for_all_its_sockets(people, client):
    def reads():
        """Return how often a list of any kind has been read so far."""
        stats = client.info("commandstats")
        names = [f"cmdstat_{command.lower()}" for command in READS]
        return sum(stats[name]["calls"] for name in names if name in stats)

    async def reads_for_a_tab():
        before = reads()
        tab = await people.enter("alice", "kitchen")
        await tab.close()
        await people.enter("carol", "kitchen")
        await bob.sees(joined("carol"))
        await (await people.enter("carol", "elsewhere")).is_served()
        return reads() - before

    bob = await people.enter("bob", "kitchen")
    await people.enter("alice", "kitchen")
    await list_is(bob, ["bob"])
    await bob.sees(joined("alice"))
    for _ in range(40):
        await (await people.enter("alice", "kitchen")).is_served()
    await bob.is_up_to_date()
    assert 1 <= await reads_for_a_tab() < 40


@pytest.mark.holds(since="07")
async def test_two_sites_with_different_prefixes_do_not_share_their_lists(
    people, layer, project, monkeypatch
):
    layers = project.settings.CHANNEL_LAYERS.values()
    alice = await people.enter("alice")
    await list_is(alice, ["alice"])
    for config in (layer["CONFIG"] for layer in layers):
        if "hosts" in config:  # others than those in Redis have no prefix
            monkeypatch.setitem(config, "prefix", "another")
    layer.use_as_another_process()
    await list_is(await people.enter("bob"), ["bob"])
    monkeypatch.undo()
    layer.use_as_another_process()
    await list_is(await people.enter("teacher"), ["alice", "teacher"])
    await alice.sees(joined("teacher"))


class LateAnswers:
    """What a process has read from Redis reaches it later than others, once, if `late`.

    A process is known by its connection pools; `pools` are all that have read.
    """

    def __init__(self, monkeypatch):
        from redis.asyncio import Redis
        from redis.asyncio.client import Pipeline

        self.pools, self.late = set(), set()
        self.has_been_late = asyncio.Event()
        for kind, method in ((Redis, "execute_command"), (Pipeline, "execute")):
            monkeypatch.setattr(kind, method, self._delayed(getattr(kind, method)))

    def _delayed(self, method):
        async def call(client, *arguments, **options):
            commands = [args[0] for args, _ in getattr(client, "command_stack", ())]
            answer = await method(client, *arguments, **options)
            if {*commands, *arguments[:1]} & {*READS}:
                await self._note(client.connection_pool)
            return answer

        return call

    async def _note(self, pool):
        self.pools.add(pool)
        if pool in self.late:
            self.has_been_late.set()
            self.late = set()
            await asyncio.sleep(0.5)


@pytest.mark.holds(since="07")
async def test_a_late_answer_from_redis_does_not_undo_a_newer_one(
    people, layer, monkeypatch
):
    answers = LateAnswers(monkeypatch)
    alice = await people.enter("alice")
    await list_is(alice, ["alice"])
    # One consumer waits for the late answer, the other one gets the next event.
    other = await people.enter("alice")
    for tab in (other, alice):
        await tab.is_up_to_date()
    if not answers.pools:
        pytest.skip("the list is read in a way that cannot be delayed")
    answers.late = set(answers.pools)
    layer.use_as_another_process()
    bob = await people.enter("bob")
    await bob.is_served()
    async with asyncio.timeout(DEADLINE):
        await answers.has_been_late.wait()
    await people.enter("teacher")
    seen = [await alice.see(), await alice.see()]
    assert sorted(frame["user"] for frame in seen) == ["bob", "teacher"]
    assert {frame["type"] for frame in seen} == {"presence.joined"}
    assert await alice.see_nothing_for(1)
