"""Valkey is killed under open sockets, and comes back."""

import asyncio
import contextlib

import psutil
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.support.deadline import DEADLINE, until
from tests.support.real_sockets import enter, refusal

pytestmark = pytest.mark.server

# People who stay while Valkey is killed and comes back, and how often.
PEOPLE, OUTAGES = 20, 3


@contextlib.contextmanager
def outage(valkey):
    """Valkey is killed before the block, and started again after it."""
    valkey.terminate()
    try:
        yield
    finally:
        valkey.start()


@pytest.mark.holds(
    since="03", can="When Redis stops, the page shows that it is not connected"
)
async def test_sockets_close_when_valkey_is_killed_and_can_be_opened_again(
    server, cookies, project
):
    alice = await enter(server, cookies["alice"])
    bob = await enter(server, cookies["bob"])
    start = len(server.lines)
    with outage(project.valkey):
        assert await alice.until_closed()
        assert await bob.until_closed()
        assert await refusal(server, cookies["alice"])
        server.wait_for_line("connecting to", start)

    # Whoever meets a dead connection to Redis first has to try again.
    async with asyncio.timeout(DEADLINE):
        while not await they_hear_each_other(server, cookies):
            pass


async def they_hear_each_other(server, cookies):
    """Return whether alice and bob can connect, and both hear alice."""
    people = []
    try:
        for name in ("alice", "bob"):
            people.append(await enter(server, cookies[name]))
        await people[0].send("back again")
        # The event may be lost while an older consumer ends (channels#1683).
        frames = [await person.hear(within=5) for person in people]
    except (InvalidStatus, ConnectionClosed, TimeoutError):
        return False
    finally:
        for person in people:
            await person.close()
    return [frame["message"] for frame in frames] == ["back again"] * 2


async def enter_soon(server, cookie):
    """Open a socket to room 1; try again as long as the server refuses."""
    async with asyncio.timeout(DEADLINE):
        while True:
            with contextlib.suppress(InvalidStatus):
                return await enter(server, cookie)


@pytest.mark.holds(since="08", can="When Redis is back, the first reload works")
async def test_when_valkey_is_back_the_first_try_works_and_no_traceback_is_logged(
    site, cookies, project
):
    with site.daphne() as server:
        alice = await enter(server, cookies["alice"])
        await alice.send("hello")
        assert (await alice.hear())["message"] == "hello"
        start = len(server.lines)
        with outage(project.valkey):
            assert await alice.until_closed()
            server.wait_for_line("Socket closed, Redis does not answer", start)
        alice = await enter(server, cookies["alice"])
        bob = await enter(server, cookies["bob"])
        await bob.is_served()
        await alice.send("back again")
        assert (await bob.hear())["message"] == "back again"
        await alice.close()
        await bob.close()
        # The layer's own task that tidies up after a message may end in a traceback.
        said = "\n".join(server.lines[start:])
    assert "Exception inside application" not in said


@pytest.mark.holds(since="07")
async def test_outages_leave_no_file_descriptor_open(site, cookies, project):
    with site.daphne() as server:
        process = psutil.Process(server.process.pid)

        async def stay_until_an_outage():
            people = [await enter_soon(server, cookies["alice"]) for _ in range(PEOPLE)]
            most = process.num_fds()
            with outage(project.valkey):
                for person in people:
                    assert await person.until_closed()
            await (await enter_soon(server, cookies["alice"])).close()
            return most

        first = await stay_until_an_outage()
        after = process.num_fds()
        assert first - after >= PEOPLE - 10
        for _ in range(OUTAGES - 1):
            await stay_until_an_outage()
        most = after + PEOPLE // 2
        await asyncio.to_thread(until, lambda: process.num_fds() <= most)
