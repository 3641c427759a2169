"""Who wrote a message, and when: said by the server, never by the sender."""

from datetime import UTC, datetime, timedelta

import pytest

FORGED = {"user": "teacher", "time": "1999-12-31T23:59:59+00:00", "type": "forged"}


@pytest.mark.holds(since="01", until="03")
async def test_a_frame_contains_only_the_message(people):
    alice = await people.enter("alice")
    await alice.send("hello", **FORGED)
    assert await alice.hear() == {"message": "hello"}


@pytest.mark.holds(since="04", can="Everybody sees who wrote a message, and when")
async def test_a_frame_contains_its_author_and_its_time(people):
    alice, bob = await people.enter("alice"), await people.enter("bob")
    before = datetime.now(UTC).replace(microsecond=0)
    await alice.send("hello")
    frame = await bob.hear()
    assert (frame["message"], frame["user"]) == ("hello", "alice"), frame
    assert before <= datetime.fromisoformat(frame["time"]) <= datetime.now(UTC)
    assert datetime.fromisoformat(frame["time"]).utcoffset() == timedelta(0)
    assert await alice.hear() == frame


@pytest.mark.holds(since="04", can="Nobody can write in another person's name")
async def test_a_sender_cannot_forge_the_author_or_the_time(people):
    alice, bob = await people.enter("alice"), await people.enter("bob")
    await alice.send("hello", **FORGED)
    frame = await bob.hear()
    assert frame["user"] == "alice", frame
    assert datetime.now(UTC) - datetime.fromisoformat(frame["time"]) < timedelta(
        minutes=1
    )
    assert "forged" not in frame.values()
