"""What was said is kept by several servers at once, and when servers or Redis fail."""

import asyncio
import contextlib
import os
import sqlite3

import pytest

from tests.support.real_sockets import enter

pytestmark = pytest.mark.server

# So many servers, so many who write on each of them at the same time, and how often.
# What chapter 09 tells of is CROWD="4 20 20".
CROWD = os.environ.get("CROWD", "2 10 5")
SERVERS, WRITERS, MESSAGES = map(int, CROWD.split())


async def log_of(socket, count):
    """Return (number, text) of each of the next `count` messages, by their numbers."""
    heard = [await socket.hear() for _ in range(count)]
    return sorted((frame["number"], frame["message"]) for frame in heard)


def saved_in(site, group_name):
    """Return (number, text) of each message of a room in the database, in order."""
    with contextlib.closing(sqlite3.connect(site.folder / "db.sqlite3")) as database:
        query = """SELECT number, text FROM chat_message JOIN chat_chatroom room
            ON room.id = room_id WHERE group_name = ? ORDER BY number"""
        return database.execute(query, [group_name]).fetchall()


@pytest.mark.holds(
    since="09", can="Several server processes number the messages without gaps"
)
async def test_messages_of_two_servers_are_numbered_without_gaps(site, server, cookies):
    async with contextlib.AsyncExitStack() as leaving:
        others = [leaving.enter_context(site.daphne()) for _ in range(SERVERS - 1)]
        sockets = []
        for each in [server, *others] * WRITERS:
            socket = await enter(each, cookies["alice"], "crowd")
            leaving.push_async_callback(socket.close)
            await socket.read_history()
            sockets.append(socket)

        async def write(writer, socket):
            for number in range(MESSAGES):
                await socket.send(f"{writer}.{number}")

        await asyncio.gather(*(write(*pair) for pair in enumerate(sockets)))
        total = MESSAGES * len(sockets)
        logs = await asyncio.gather(*(log_of(socket, total) for socket in sockets))
        assert [number for number, _ in logs[0]] == list(range(1, total + 1))
        assert all(log == logs[0] for log in logs)
        texts = {f"{w}.{n}" for w in range(len(sockets)) for n in range(MESSAGES)}
        assert {text for _, text in logs[0]} == texts
        assert saved_in(site, "room_crowd") == logs[0]
        newcomer = await enter(server, cookies["bob"], "crowd")
        history = await newcomer.read_history()
        await newcomer.close()
        kept = [(message["number"], message["message"]) for message in history]
        assert kept == logs[0][-50:]


@pytest.mark.holds(since="09", can="Messages outlive servers and Redis")
async def test_messages_are_still_there_after_servers_and_redis_were_killed(
    site, cookies, project
):
    with site.daphne() as first:
        alice = await enter(first, cookies["alice"], "kept")
        await alice.send("still there?")
        assert (await alice.hear())["number"] == 1
        first.process.kill()
        await alice.until_closed()
    project.valkey.terminate()
    project.valkey.start()
    with site.daphne() as second:
        bob = await enter(second, cookies["bob"], "kept")
        (message,) = await bob.read_history()
        assert (message["number"], message["message"]) == (1, "still there?")
        await bob.send("yes")
        assert (await bob.hear())["number"] == 2
        await bob.close()
