"""What a message costs in a large room, and sockets that do not read what they get."""

import asyncio
import contextlib
import json
import time

import pytest
from asgiref.sync import sync_to_async
from channels.sessions import InstanceSessionWrapper

from tests.support.deadline import DEADLINE
from tests.support.frames import joined, left, list_is
from tests.support.people import People, saying

# Some of these are fixtures.
from .test_heartbeat import Broken, client, fast, no_heartbeat, pace
from .test_may_stay import OFF_THE_COURSE, is_out, pupil
from .test_metrics import counted

__all__ = ["client", "no_heartbeat", "pace", "pupil"]
DOES_NOT_READ = 4013
in_every_room = pytest.mark.parametrize("room", [1, "kitchen"])


class Browser:
    """An ASGI application whose sockets may stop reading, or fail, at some frames.

    `at(frame)` says whether a frame is one of these; None stands for all of them.
    """

    def __init__(self, application):
        self._application = application
        self.at = lambda frame: False
        self.error = None
        self.close_waits = False  # as uvicorn's does
        self.has_stopped, self.reads_again = asyncio.Event(), asyncio.Event()
        self.is_closing = asyncio.Event()
        self.given_up = asyncio.Queue()  # an item each time nobody waits any longer

    async def __call__(self, scope, receive, send):
        async def send_if_it_reads(message):
            if message["type"] == "websocket.send" and self.at(message["text"]):
                self.has_stopped.set()
                if self.error:
                    raise self.error
                try:
                    await self.reads_again.wait()
                except asyncio.CancelledError:
                    self.given_up.put_nowait(message)
                    raise
            if message["type"] == "websocket.close" and self.close_waits:
                self.is_closing.set()
                await self.reads_again.wait()
            await send(message)

        await self._application(scope, receive, send_if_it_reads)

    def stop_reading(self, kind):
        """Let all sockets stop at a frame whose type begins with `kind`."""
        self.at = lambda text: json.loads(text).get("type", "").startswith(kind)

    async def is_stopped(self):
        with saying("the frame was not sent"):
            await asyncio.wait_for(self.has_stopped.wait(), DEADLINE)

    def read_until(self, kind):
        """Read what it has stopped at, and stop at the next frame of another kind."""
        self.stop_reading(kind)
        self.has_stopped.clear()
        self.reads_again.set()
        self.reads_again.clear()


@pytest.fixture
def browser(project, people):
    """A Browser that can stop reading."""
    return Browser(project.application)


@pytest.fixture
async def others(browser, cookies):
    """The People who use this browser; in the end it reads, so that they can leave."""
    async with People(browser, cookies) as others:
        try:
            yield others
        finally:
            browser.at = lambda frame: False
            browser.reads_again.set()


@pytest.fixture
async def sending(layer, monkeypatch):
    """The tasks that send events to single sockets.

    In tasks: on a busy machine, the room may not wait until Redis has an event.
    """
    from channels.layers import get_channel_layer

    sending, send = [], get_channel_layer().send

    async def send_and_note(channel, event):
        sending.append(asyncio.create_task(send(channel, event)))

    monkeypatch.setattr(get_channel_layer(), "send", send_and_note)
    yield sending
    await asyncio.gather(*sending)


@pytest.mark.holds(
    since="21", can="A message is delivered to a process once, for all its sockets"
)
@in_every_room
async def test_a_process_is_one_member_of_a_group(people, layer, room):
    sockets = [await people.enter(name, room) for name in ("alice", "bob", "alice")]
    assert layer.members() == 1, f"{layer.members()} members"
    layer.use_as_another_process()
    sockets += [await people.enter(name, room) for name in ("bob", "teacher")]
    assert layer.members() == 2, f"{layer.members()} members"
    await sockets[0].send("for all")
    for socket in sockets:
        await socket.hears("for all")


@pytest.mark.holds(since="21")
@in_every_room
async def test_a_process_leaves_the_group_with_its_last_socket(people, layer, room):
    for _ in range(2):
        alice, bob = await people.enter("alice", room), await people.enter("bob", room)
        await bob.close()
        assert layer.members() == 1, f"{layer.members()} members"
        await alice.send("is anybody here?")
        await alice.hears("is anybody here?")
        await alice.close()
        assert layer.members() == 0, f"{layer.members()} members"


@pytest.mark.holds(since="21")
async def test_nothing_goes_on_in_a_room_that_everybody_has_left(people):
    # What the layer itself begins with its first channel goes on.
    await (await people.enter("teacher", "kitchen")).close()
    before = asyncio.all_tasks()
    alice, bob = await people.enter("alice"), await people.enter("bob")
    await bob.is_up_to_date()
    tasks = asyncio.all_tasks() - before
    assert tasks
    await alice.close()
    await bob.close()
    _, running = await asyncio.wait(tasks, timeout=DEADLINE)
    assert not running


@pytest.mark.holds(since="21", can="A person whose consumer fails leaves the room, too")
async def test_the_room_goes_on_when_a_consumer_fails(
    project, layer, cookies, monkeypatch
):
    from channels.layers import get_channel_layer

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
            teacher = await people.enter("teacher")
            await list_is(teacher, ["bob", "teacher"])
            await teacher.send("still here")
            await bob.hears("still here")
            members = layer.members()
    assert (members, layer.members()) == (1, 0)


@pytest.mark.holds(since="21", can="A message is encoded once for all its readers")
async def test_a_message_is_encoded_once_and_all_read_the_same(people, monkeypatch):
    dumps, encoded = json.dumps, []

    def dumps_and_note(value, *arguments, **options):
        encoded.append(value.get("message"))
        return dumps(value, *arguments, **options)

    sockets = [await people.enter(name) for name in ("alice", "bob", "teacher", "bob")]
    await sockets[0].is_served()
    frame = dumps({"message": "hello"})
    monkeypatch.setattr(json, "dumps", dumps_and_note)
    await sockets[0].send_frame(frame)
    texts = {await socket.hear_raw() for socket in sockets}
    assert len(texts) == 1, texts
    assert encoded.count("hello") == 1, encoded


@pytest.mark.holds(since="21")
async def test_the_middleware_sees_how_a_socket_begins_and_nothing_that_follows(
    people, monkeypatch
):
    send, seen = InstanceSessionWrapper.send, []

    async def send_and_note(self, message):
        seen.append(message.get("text") or message["type"])
        await send(self, message)

    monkeypatch.setattr(InstanceSessionWrapper, "send", send_and_note)
    alice, bob = await people.enter("alice"), await people.enter("bob")
    for socket in (alice, bob):
        await socket.is_up_to_date()
    assert seen[0] == "websocket.accept"
    assert sum("chat.history" in text for text in seen) == 2
    seen.clear()
    await alice.send("to all")
    for socket in (alice, bob):
        while (await socket.hear())["message"] != "to all":
            pass
    await alice.is_served()
    assert seen == []


@pytest.mark.holds(since="21")
async def test_a_look_that_finds_nobody_new_touches_no_consumer(people, monkeypatch):
    from chat.presence import PresenceConsumer, rooms

    show, shown = PresenceConsumer.show, []

    async def show_and_note(consumer, users):
        shown.append(consumer)
        await show(consumer, users)

    names = ("alice", "bob", "alice", "bob")
    for socket in [await people.enter(name, "attic") for name in names]:
        await socket.is_served()
    room = next(it for it in rooms.values() if it.group_name == "room_attic")
    monkeypatch.setattr(PresenceConsumer, "show", show_and_note)
    async with room.lock:
        await room.look()
    assert shown == []
    assert len({id(consumer.users) for consumer in room.consumers}) == 1
    await people.enter("teacher", "attic")
    assert len(set(shown)) == 5


@pytest.mark.holds(since="21")
async def test_what_is_said_while_somebody_enters_comes_after_the_history(
    people, browser, others
):
    alice = await people.enter("alice", "hall")
    texts = [f"meanwhile {number}" for number in range(3)]
    browser.stop_reading("chat.history")
    entering = asyncio.create_task(others.enter("bob", "hall"))
    await browser.is_stopped()
    for text in texts:
        await alice.send(text)
        await alice.hears(text)
    browser.reads_again.set()
    bob = await entering
    frames = [await bob.read_first() for _ in range(2 + len(texts))]
    kinds = [frame["type"] for frame in frames]
    assert kinds == ["presence.list", "chat.history", *["chat.message"] * len(texts)]
    assert [frame["message"] for frame in frames[2:]] == texts
    assert frames[1]["messages"] == []
    await alice.send("at last")
    await bob.hears("at last")


@pytest.mark.holds(since="21", can="A page stays open while many others enter")
async def test_a_socket_stays_when_more_than_a_hundred_enter_while_it_enters(
    people, browser, others, client, no_heartbeat
):
    from channels.layers import get_channel_layer

    alice = await people.enter("alice", "hall")
    await list_is(alice, ["alice"])
    browser.stop_reading("chat.history")
    entering = asyncio.create_task(others.enter("bob", "hall"))
    await browser.is_stopped()
    browser.at = lambda frame: True  # nothing gets past it
    await alice.sees(joined("bob"))
    # As if they were in another process.
    names = {f"pupil{number}" for number in range(110)}
    (key,) = client.scan_iter("*:presence:room_hall")
    later = time.time() + 60
    client.zadd(key, {f"channel{name} {name}": later for name in names})
    event = {"type": "presence.changed", "time": later}
    await get_channel_layer().group_send("room_hall", event)
    assert {(await alice.see())["user"] for _ in names} == names
    await alice.send("welcome")
    await alice.hears("welcome")
    browser.reads_again.set()
    bob = await entering
    await list_is(bob, ["alice", "bob"])
    assert {(await bob.see())["user"] for _ in names} == names
    await bob.hears("welcome")


@pytest.mark.holds(since="21", can="A socket that does not read delays nobody")
@pytest.mark.parametrize("kind", ["chat.message", "presence.joined"])
async def test_a_socket_that_does_not_keep_up_delays_nobody_and_gets_all_of_it(
    people, browser, others, kind
):
    alice = await people.enter("alice")
    slow = [await others.enter("bob") for _ in range(2)]
    for bob in slow:
        await list_is(bob, ["alice", "bob"])
    for socket in (alice, *slow):
        await socket.is_up_to_date()
    browser.stop_reading(kind)
    await people.enter("teacher")
    texts = [f"are you asleep? {number}" for number in range(5)]
    for text in texts:
        await alice.send(text)
        while (await alice.hear())["message"] != text:
            pass
    await browser.is_stopped()
    browser.reads_again.set()
    for bob in slow:
        await bob.sees(joined("teacher"))
        while (heard := (await bob.hear())["message"]) != texts[0]:
            assert heard.startswith("up to date")
        assert [(await bob.hear())["message"] for _ in texts[1:]] == texts[1:]


@pytest.mark.holds(since="21", can="What was not read in time comes later")
@pytest.mark.parametrize("kind", ["chat.message", "presence.joined"])
async def test_what_a_room_has_not_waited_for_comes_when_the_socket_reads_again(
    people, browser, others, kind
):
    alice, bob = await people.enter("alice"), await others.enter("bob")
    await list_is(bob, ["alice", "bob"])
    for socket in (alice, bob):
        await socket.is_up_to_date()
    browser.stop_reading(kind)
    if kind == "chat.message":
        await alice.send("are you asleep?")
    else:
        await people.enter("teacher")
    with saying("the room waits for ever"):
        async with asyncio.timeout(DEADLINE):
            await browser.given_up.get()
    browser.reads_again.set()
    if kind == "chat.message":
        while (await bob.hear())["message"] != "are you asleep?":
            pass
    else:
        await bob.sees(joined("teacher"))


@pytest.mark.holds(since="21", can="A socket that reads nothing is closed")
async def test_a_socket_that_has_not_read_a_hundred_texts_is_closed(
    people, browser, others, sending
):
    from channels.layers import get_channel_layer

    alice, bob = await people.enter("alice"), await others.enter("bob")
    await list_is(alice, ["alice"])
    for socket in (alice, bob):
        await socket.is_up_to_date()
    browser.stop_reading("chat.message")
    for number in range(100):
        event = {"type": "chat.message", "message": str(number), "number": number}
        await get_channel_layer().group_send("chat_1", event)
        while (await alice.hear())["message"] != str(number):
            pass
    assert await bob.hear_nothing_for(0.1)
    await alice.send("is bob asleep?")
    assert await bob.is_closed() == DOES_NOT_READ
    await bob.close()
    await alice.sees(joined("bob"), left("bob"))


@pytest.mark.holds(since="21")
async def test_a_socket_that_has_read_nothing_since_it_entered_is_closed(
    people, browser, others, sending
):
    from channels.layers import get_channel_layer

    alice = await people.enter("alice", "hall")
    browser.stop_reading("chat.history")
    entering = asyncio.create_task(others.enter("bob", "hall"))
    await browser.is_stopped()
    await alice.send("0")
    await alice.hears("0")
    browser.read_until("chat.message")
    await browser.is_stopped()
    # The room is done with the text that is one too many when the next one comes.
    for number in range(1, 102):
        event = {"type": "chat.message", "message": str(number), "number": number}
        await get_channel_layer().group_send("room_hall", event)
        await alice.hears(str(number))
    browser.reads_again.set()
    bob = await entering
    assert await bob.is_closed() == DOES_NOT_READ


@pytest.mark.holds(
    since="21", can="People who were sent out receive nothing that is said afterwards"
)
async def test_somebody_who_was_sent_out_while_not_reading_gets_nothing_said_later(
    people, pupil, browser, others
):
    others.introduce({"dora": pupil.clients[0]})
    bob, dora = await people.enter("bob", 77), await others.enter("dora", 77)
    for socket in (bob, dora):
        await socket.is_up_to_date()
    browser.stop_reading("chat.message")
    browser.close_waits = True
    await bob.send("before")
    with saying("the room waits for ever"):
        await asyncio.wait_for(browser.given_up.get(), DEADLINE)
    await sync_to_async(pupil.be_taken_off)()
    with saying("nobody closes the socket"):
        await asyncio.wait_for(browser.is_closing.wait(), DEADLINE)
    while (await bob.hear())["message"] != "before":
        pass
    for text in ("after", "and later"):
        await bob.send(text)
        await bob.hears(text)
    browser.reads_again.set()
    while (heard := (await dora.hear())["message"]) != "before":
        assert heard.startswith("up to date")
    with pytest.raises(AssertionError, match="the server closed the socket"):
        await dora.hear()


@pytest.mark.holds(since="21")
async def test_all_have_to_leave_even_if_one_of_them_cannot_be_told(
    people, pupil, monkeypatch
):
    from channels.layers import get_channel_layer

    layer = get_channel_layer()
    send, failed = layer.send, []

    async def fail_once(channel, event):
        if not failed:
            failed.append(event)
            raise Broken
        await send(channel, event)

    sockets = [await people.enter(name, 77) for name in ("dora", "dora 2", "dora")]
    bob = await people.enter("bob", 77)
    await bob.is_up_to_date()
    monkeypatch.setattr(layer, "send", fail_once)
    await sync_to_async(pupil.be_taken_off)()
    closing = [asyncio.create_task(is_out(it, OFF_THE_COURSE)) for it in sockets]
    ended = asyncio.as_completed(closing, timeout=DEADLINE)
    for _ in range(len(sockets) - 1):
        await next(ended)
    assert [event["type"] for event in failed] == ["access.changed"]
    await sync_to_async(pupil.be_taken_off)()
    await asyncio.gather(*closing)


@pytest.mark.holds(since="21")
async def test_a_socket_whose_close_has_to_wait_is_closed_once(
    people, browser, others, sending
):
    from channels.layers import get_channel_layer

    alice, bob = await people.enter("alice"), await others.enter("bob")
    for socket in (alice, bob):
        await socket.is_up_to_date()
    browser.stop_reading("chat.message")
    browser.close_waits = True
    for number in range(110):
        event = {"type": "chat.message", "message": str(number), "number": number}
        await get_channel_layer().group_send("chat_1", event)
        while (await alice.hear())["message"] != str(number):
            pass
    assert len(sending) == 1
    await sending[0]
    browser.reads_again.set()
    assert await bob.is_closed() == DOES_NOT_READ


@pytest.mark.holds(since="21")
async def test_what_two_tasks_send_to_one_socket_comes_once_and_in_order(
    people, browser, others, monkeypatch
):
    groups = pytest.importorskip("chat.groups")
    monkeypatch.setattr(groups, "PATIENCE", DEADLINE, raising=False)
    alice, bob = await people.enter("alice"), await others.enter("bob")
    await list_is(bob, ["alice", "bob"])
    for socket in (alice, bob):
        await socket.is_up_to_date()
    browser.stop_reading("chat.message")
    await alice.send("once")
    await browser.is_stopped()
    # Meanwhile her own consumer hands bob's that she has joined.
    await people.enter("teacher")
    browser.reads_again.set()
    frames = [await bob.read_first() for _ in range(2)]
    assert [frame["type"] for frame in frames] == ["chat.message", "presence.joined"]
    await alice.send("and again")
    await bob.hears("and again")


@pytest.mark.holds(since="21")
async def test_a_socket_that_fails_keeps_no_message_from_the_others(
    people, browser, others
):
    sockets = [await people.enter(name) for name in ("alice", "bob", "alice")]
    failing = [await others.enter("teacher") for _ in range(4)]
    for socket in failing:
        await socket.is_served()
    browser.error = Broken()
    browser.stop_reading("chat.message")
    for text in ("one", "two"):
        await sockets[0].send(text)
        for socket in sockets:
            await socket.hears(text)
    assert browser.has_stopped.is_set()


@pytest.mark.holds(
    since="21", can="An event that nobody can handle does not stop the room"
)
@fast
async def test_an_event_that_cannot_be_handled_is_logged_and_the_next_one_is_handled(
    people, layer, pace, caplog
):
    from channels.layers import get_channel_layer

    alice, bob = await people.enter("alice"), await people.enter("bob")
    await alice.is_up_to_date()
    await get_channel_layer().group_send("chat_1", {"type": "no.such.thing"})
    await alice.send("after")
    for socket in (alice, bob):
        while (await socket.hear())["message"] != "after":
            pass
    assert [record for record in caplog.records if record.exc_info]


@pytest.mark.holds(since="21")
async def test_a_room_that_is_never_empty_stays_in_its_group_for_more_than_a_day(
    people, layer, client
):
    alice = await people.enter("alice")
    assert layer.members() == 1
    # Redis forgets memberships that are a day old.
    (group,) = client.scan_iter("*:group:chat_1")
    client.zadd(group, dict.fromkeys(client.zrange(group, 0, -1), 1))
    bob = await people.enter("bob")
    await bob.send("good morning")
    for socket in (alice, bob):
        await socket.hears("good morning")


@pytest.mark.holds(since="21")
@fast
async def test_a_layer_that_fails_is_asked_again_but_not_without_a_pause(
    people, pace, monkeypatch, caplog
):
    from channels.layers import get_channel_layer

    backend, asked = get_channel_layer(), asyncio.Queue()
    receive = backend.receive

    async def fail(channel):
        asked.put_nowait(time.monotonic())
        await asyncio.sleep(0)
        raise Broken

    alice, bob = await people.enter("alice"), await people.enter("bob")
    await alice.is_up_to_date()
    monkeypatch.setattr(backend, "receive", fail)
    # The room asks for the next event when it has handled this one.
    await alice.send("before")
    with saying("nobody asks the layer again"):
        async with asyncio.timeout(DEADLINE):
            times = [await asked.get() for _ in range(2)]
    assert times[1] - times[0] > 0.05, times
    monkeypatch.setattr(backend, "receive", receive)
    await alice.send("after")
    for socket in (alice, bob):
        while (await socket.hear())["message"] != "after":
            pass
    assert [record for record in caplog.records if record.exc_info]


@pytest.mark.holds(since="21")
async def test_sockets_that_do_not_read_are_counted_on_their_own(people, visitors):
    figure = ("chat_sockets_ended_total", str(DOES_NOT_READ))
    before = counted(visitors)
    await (await people.enter("alice")).close(DOES_NOT_READ)
    assert counted(visitors)[figure] == before.get(figure, 0) + 1
