"""A client that stops reading, on a real uvicorn, which waits for it."""

import asyncio
import contextlib
import json

import pytest
from websockets.exceptions import ConnectionClosed

from tests.support.deadline import DEADLINE
from tests.support.real_sockets import enter, enter_without_reading

pytestmark = pytest.mark.server


@pytest.mark.holds(
    since="21", can="With uvicorn, too, nobody waits for a client that stops reading"
)
async def test_with_uvicorn_nobody_waits_for_a_client_that_stops_reading(site, cookies):
    # More than Linux keeps for a reader whose own buffer is small; see test_limits.py.
    text, times, speakers, room = "😀" * 2000, 80, 3, "slow"
    with site.uvicorn() as server:
        stalled = await enter_without_reading(server, cookies["bob"], room)
        tabs = [await enter(server, cookies["alice"], room) for _ in range(speakers)]
        for tab in tabs:
            await tab.read_history()

        async def hear_all(tab):
            return [(await tab.hear())["message"] for _ in range(times * speakers)]

        hearing = [asyncio.create_task(hear_all(tab)) for tab in tabs]
        for _ in range(times):
            for tab in tabs:
                await tab.send(text)
        for heard in await asyncio.gather(*hearing):
            assert heard == [text] * times * speakers
        # All of it comes, and then the code, when the client reads again.
        assert await stalled.until_closed() == 4013
        line = server.wait_for_line("socket user=bob")
        assert "code=4013" in line
        for tab in tabs:
            await tab.close()


# alice leaves her course, by a command.
REMOVE = """
from django.contrib.auth.models import User
User.objects.get(username="alice").courses.clear()
"""


@pytest.mark.holds(
    since="21",
    can="Somebody taken off the course while not reading gets nothing said later",
)
async def test_who_reads_again_after_leaving_the_course_gets_nothing_said_since(
    site, cookies, course
):
    with site.uvicorn() as server:
        stalled = await enter_without_reading(server, cookies["alice"])
        bob, other = [await enter(server, cookies[it]) for it in ("bob", "alice")]
        # What takes the most space in JSON: a history has 600 kB.
        for _ in range(50):
            await bob.send("\x01" * 2000)
            await bob.hear()
        # Her own requests, too, are answered by a consumer that she keeps waiting.
        for _ in range(30):
            await stalled.connection.send('{"before": 99999}')
        command = ["manage.py", "shell", "-v", "0", "-c", REMOVE]
        status, said = await asyncio.to_thread(site.run, *command)
        assert status == 0, said
        assert await other.until_closed() == 4403
        for number in range(25):
            await bob.send(f"without alice {number}")
            assert (await bob.hear())["message"] == f"without alice {number}"
        texts = []
        with contextlib.suppress(ConnectionClosed):
            async with asyncio.timeout(DEADLINE):
                async for text in stalled.connection:
                    texts.append(text)
        assert stalled.connection.close_code == 4403
        assert sum(json.loads(it)["type"] == "chat.history" for it in texts) > 1
        assert not any("without alice" in text for text in texts)
        await bob.close()
