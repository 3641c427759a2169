"""What one person may do at most: frames, sockets, new rooms."""

import json
import time

import pytest

from .test_history import fresh, numbers
from .test_may_stay import pupil

# A fixture of these tests, too.
__all__ = ["pupil"]

FRAMES, SOCKETS, ROOMS = 100, 20, 100
RATE = 2  # frames a second
TOO_MANY = 4429


async def send(socket, count, text="hello"):
    """Send as many messages at once."""
    for _ in range(count):
        await socket.send(text)


@pytest.fixture
def passes(monkeypatch):
    """`passes(seconds)` puts the clock forward, which goes on as before."""
    real, ahead = time.monotonic, 0

    def passes(seconds):
        nonlocal ahead
        ahead += seconds

    monkeypatch.setattr(time, "monotonic", lambda: real() + ahead)
    return passes


async def use_up(socket, passes):
    """Send as many messages as may be sent at once, as if it took no time."""
    start = time.monotonic()
    await send(socket, FRAMES)
    await socket.hears(*["hello"] * FRAMES)
    passes(start - time.monotonic())


@pytest.mark.holds(
    since="15", can="If you send too fast, you are told how long to wait"
)
async def test_who_sends_too_fast_is_told_and_nothing_of_it_is_saved(people, passes):
    room = next(fresh)
    alice, bob = await people.enter("alice", room), await people.enter("bob", room)
    await use_up(alice, passes)
    start = time.monotonic()
    await send(alice, 50)
    heard = [await alice.hear() for _ in range(50)]
    took = time.monotonic() - start
    refused = [frame for frame in heard if "error" in frame]
    # Some tokens may have come while it was sending.
    assert 50 - RATE * took - 1 <= len(refused) <= 50
    assert all(frame.keys() == {"error", "wait"} for frame in refused)
    assert all(0 < frame["wait"] <= 30 for frame in refused)
    # Each frame makes the wait longer by the time in which a token comes. Some of it
    # has passed already, and the waits may be whole seconds.
    longer = refused[-1]["wait"] - refused[0]["wait"]
    owed = (len(refused) - 1) / RATE
    assert owed - took - 1 <= longer <= owed + 1
    await bob.hears(*["hello"] * (FRAMES + 50 - len(refused)))
    await bob.send("the end")
    await bob.hears("the end")
    assert len(numbers(await (await people.enter("bob", room)).read_history())) == 50


@pytest.mark.holds(since="15", can="After the wait, everything works as before")
async def test_who_has_waited_may_send_again(people, passes):
    alice = await people.enter("alice", next(fresh))
    for _ in range(2):
        await use_up(alice, passes)
        await send(alice, 50)
        wait = [await alice.hear() for _ in range(50)][-1]["wait"]
        passes(wait / 4)
        await send(alice, 1)
        wait = (await alice.hear())["wait"]
        passes(wait)
        await send(alice, 1, "again")
        await alice.hears("again")
        # Never more tokens than the bucket holds, however long one waits.
        passes(100)


@pytest.mark.holds(since="15", can="If you do not stop, your socket is closed")
async def test_who_goes_on_is_closed_and_the_others_are_not(people, passes):
    room = next(fresh)
    alice, bob = await people.enter("alice", room), await people.enter("bob", room)
    other = await people.enter("alice", room)
    await use_up(alice, passes)
    await send(alice, FRAMES + 50)
    assert await alice.is_closed() == TOO_MANY
    await other.is_up_to_date()
    await bob.is_up_to_date()


@pytest.mark.holds(since="15")
@pytest.mark.parametrize("frame", ["", "hello", '{"after": 0}', '{"before": 1}', b"x"])
async def test_every_frame_counts_also_one_that_is_refused(people, frame):
    alice = await people.enter("alice", next(fresh))
    for _ in range(2 * FRAMES + 50):
        await alice.send_frame(frame)
    assert await alice.is_closed() == TOO_MANY


@pytest.mark.holds(since="15", can="A user may have twenty sockets open")
async def test_the_twenty_first_socket_of_a_user_is_closed(people):
    room = next(fresh)
    tabs = [await people.enter("alice", room) for _ in range(SOCKETS)]
    for _ in range(2):
        one_too_many = await people.enter("alice", room)
        assert await one_too_many.is_closed() == TOO_MANY
        await one_too_many.close()
    await tabs[0].is_up_to_date()
    await (await people.enter("bob", room)).is_up_to_date()
    await tabs[-1].close()
    await (await people.enter("alice", room)).is_up_to_date()


@pytest.mark.holds(since="15")
async def test_who_may_not_enter_is_refused_however_often_it_is_tried(people, visitors):
    for _ in range(SOCKETS + 5):
        answer = await people.knock("/ws/chat/kitchen/", "http://localhost:8000")
        assert answer == "refused"


@pytest.mark.holds(since="15", can="A user may open a hundred new rooms in a row")
async def test_the_hundred_and_first_new_room_of_a_user_is_closed(
    people, pupil, passes
):
    rooms = [f"new-{number}" for number in range(ROOMS + 1)]
    start = time.monotonic()
    for room in rooms[:-1]:
        await (await people.enter("dora", room)).close()
    passes(start - time.monotonic())  # as if it had taken no time
    for room in rooms[-1:] * 2:
        assert await (await people.enter("dora", room)).is_closed() == TOO_MANY
    for room in (rooms[0], rooms[-2], 77):
        await (await people.enter("dora", room)).is_up_to_date()
    await (await people.enter("bob", rooms[-1])).is_up_to_date()
    await (await people.enter("dora", rooms[-1])).is_up_to_date()


@pytest.mark.holds(since="15")
async def test_attempts_to_open_one_room_too_many_make_nobody_wait_longer(
    people, pupil, passes
):
    start = time.monotonic()
    for number in range(ROOMS):
        await (await people.enter("dora", f"more-{number}")).close()
    passes(start - time.monotonic())  # as if it had taken no time
    for _ in range(5):
        assert await (await people.enter("dora", "most")).is_closed() == TOO_MANY
    passes(37)
    await (await people.enter("dora", "most")).is_up_to_date()


@pytest.mark.holds(since="15")
async def test_a_heartbeat_of_a_page_is_never_too_fast(people):
    alice = await people.enter("alice", next(fresh))
    await alice.read_history()
    for _ in range(FRAMES // 2):
        await alice.send_frame(json.dumps({"after": 0}))
        assert await alice.read_history() == []
