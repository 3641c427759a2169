"""What was said is kept: numbered, and shown to those who enter later."""

import asyncio
import itertools

import pytest

from tests.support.deadline import DEADLINE
from tests.support.people import saying, signed_in

from .test_bad_input import UNKNOWN_KEYS

KEYS = {"number", "message", "user", "time"}
in_every_room = pytest.mark.parametrize("room", [1, "kitchen"])
# Rooms in which nothing has been said before.
fresh = (f"room-{number}" for number in itertools.count())


def numbers(messages):
    """Return the numbers of messages, in their order."""
    return [message["number"] for message in messages]


async def say(socket, *texts):
    """Say these texts, one after the other; return what the socket hears of each."""
    heard = []
    for text in texts:
        await socket.send(text)
        heard.append(await socket.hear())
    return heard


@pytest.fixture
def gate(monkeypatch):
    """Let one call of the channel layer wait.

    `gate(method)` returns a function, which waits until that method is called, and an
    Event: the call goes on when it is set.
    """
    from channels.layers import get_channel_layer

    def gate(method):
        backend = get_channel_layer()
        real = getattr(backend, method)
        called, opened = asyncio.Event(), asyncio.Event()

        async def wait_and_call(*arguments):
            monkeypatch.setattr(backend, method, real)
            called.set()
            async with asyncio.timeout(DEADLINE):
                await opened.wait()
            return await real(*arguments)

        async def is_reached():
            with saying(f"nobody calls {method}()"):
                await asyncio.wait_for(called.wait(), DEADLINE)

        monkeypatch.setattr(backend, method, wait_and_call)
        return is_reached, opened

    return gate


@pytest.mark.holds(since="09", can="See what was said before you entered")
@in_every_room
async def test_a_newcomer_receives_what_was_said_before(people, room):
    alice = await people.enter("alice", room)
    await alice.read_history()
    said = await say(alice, "first", "second")
    bob = await people.enter("bob", room)
    history = await bob.read_history()
    assert [message["message"] for message in history[-2:]] == ["first", "second"]
    assert all(message.keys() == KEYS for message in history), history
    assert [{"type": "chat.message", **message} for message in history[-2:]] == said


@pytest.mark.holds(since="09")
async def test_the_history_of_a_new_room_is_empty(people):
    room = next(fresh)
    alice = await people.enter("alice", room)
    assert await alice.read_history() == []
    await say(alice, "first")
    assert numbers(await (await people.enter("bob", room)).read_history()) == [1]


@pytest.mark.holds(since="09", can="Every room numbers its messages 1, 2, 3, …")
async def test_a_room_numbers_its_messages_from_one_without_gaps(people):
    one, other = next(fresh), next(fresh)
    alice, bob = await people.enter("alice", one), await people.enter("bob", other)
    assert numbers(await say(alice, "a", "b")) == [1, 2]
    assert numbers(await say(bob, "c")) == [1]
    assert numbers(await say(alice, "d")) == [3]
    assert numbers(await say(bob, "e")) == [2]


@pytest.mark.holds(since="09")
async def test_what_is_refused_takes_no_number(people):
    alice = await people.enter("alice", next(fresh))
    await alice.send("   ")
    assert "error" in await alice.hear()
    assert numbers(await say(alice, "first")) == [1]


@pytest.mark.holds(since="09")
async def test_a_newcomer_receives_the_last_fifty_messages_the_oldest_first(people):
    room = next(fresh)
    alice = await people.enter("alice", room)
    await say(alice, *map(str, range(1, 53)))
    history = await (await people.enter("bob", room)).read_history()
    assert numbers(history) == list(range(3, 53))
    assert [message["message"] for message in history] == [*map(str, range(3, 53))]


@pytest.mark.holds(since="09", can="What its author sees is saved")
async def test_a_message_is_saved_before_anybody_receives_it(people, gate):
    room = next(fresh)
    alice = await people.enter("alice", room)
    await alice.is_served()
    is_reached, opened = gate("group_send")
    await alice.send("saved first")
    await is_reached()
    try:
        history = await (await people.enter("bob", room)).read_history()
    finally:
        opened.set()
    texts = [message["message"] for message in history]
    assert texts == ["saved first"], f"what is saved by then: {texts}"
    await alice.hears("saved first")


@pytest.mark.holds(since="09", can="Nobody misses what is said while they enter")
async def test_a_newcomer_misses_nothing_that_is_said_while_they_enter(people, gate):
    room = next(fresh)
    alice = await people.enter("alice", room)
    await alice.is_served()
    is_reached, opened = gate("group_add")
    entering = asyncio.create_task(people.enter("bob", room))
    await is_reached()
    await say(alice, "just then")
    opened.set()
    bob = await entering
    history = await bob.read_history()
    assert [message["message"] for message in history] == ["just then"], (
        "what is said between reading the history and joining the group is lost"
    )


@pytest.mark.holds(since="09")
async def test_the_history_is_for_those_who_may_enter_only(people):
    alice = await people.enter("alice", 1)
    await say(alice, "for course 1")
    teacher = await people.enter("teacher", 2)
    texts = [message["message"] for message in await teacher.read_history()]
    assert "for course 1" not in texts
    texts = [m["message"] for m in await (await people.enter("bob", 1)).read_history()]
    assert "for course 1" in texts


@pytest.mark.holds(since="09", can="The messages of a deleted user stay")
async def test_the_messages_of_a_deleted_user_stay_under_a_name_that_says_so(people):
    from asgiref.sync import sync_to_async
    from django.contrib.auth import get_user_model

    room, users = next(fresh), get_user_model().objects
    dora = await users.acreate(username="dora")
    people.introduce({"dora": await sync_to_async(signed_in)("dora")})
    socket = await people.enter("dora", room)
    await say(socket, "remember me")
    await socket.close()
    await dora.adelete()
    (message,) = await (await people.enter("alice", room)).read_history()
    assert (message["message"], message["user"]) == ("remember me", "deleted user")


@pytest.mark.holds(since="09")
async def test_a_deleted_course_takes_its_messages_along(people):
    from django.contrib.auth import get_user_model

    from courses.models import Course

    alice = await get_user_model().objects.aget(username="alice")
    for texts in (["hello", "again"], ["hello"]):
        course = await Course.objects.acreate(id=77, title="Short", overview="Short")
        await course.students.aadd(alice)
        socket = await people.enter("alice", 77)
        # The second course has the id of the first, and none of its messages.
        assert await socket.read_history() == []
        said = await say(socket, *texts)
        assert numbers(said) == list(range(1, len(texts) + 1))
        await socket.close()
        await course.adelete()


@pytest.mark.holds(since="09")
@pytest.mark.parametrize("text", ["😀" * 2000, "\x01" * 2000, '"\\' * 1000])
async def test_a_room_full_of_the_longest_messages_fits_into_a_frame(people, text):
    """daphne neither sends nor receives a frame of more than 1 MiB."""
    room = next(fresh)
    await say(await people.enter("alice", room), *[text] * 50)
    bob = await people.enter("bob", room)
    size = len(await bob.read_history_raw())
    assert 50 * 2000 < size <= 2**20, f"{size} bytes"


@pytest.mark.holds(since="09")
@pytest.mark.parametrize("kind", ["NaN", "infinity", "prototype"])
async def test_unknown_keys_are_neither_passed_on_nor_saved(people, kind):
    room = next(fresh)
    alice = await people.enter("alice", room)
    await alice.send_frame(f'{{"message": "hello", {UNKNOWN_KEYS[kind]}}}')
    assert (await alice.hear()).keys() == KEYS | {"type"}
    (saved,) = await (await people.enter("bob", room)).read_history()
    assert saved.keys() == KEYS


@pytest.mark.holds(since="09")
async def test_any_text_is_kept_unchanged(people):
    from .test_messages import TEXTS

    room = next(fresh)
    await say(await people.enter("alice", room), *TEXTS)
    history = await (await people.enter("bob", room)).read_history()
    assert [message["message"] for message in history] == TEXTS
