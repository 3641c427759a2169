"""A client that stops reading, on a real uvicorn, which waits for it."""

import asyncio

import pytest

from tests.support.real_sockets import enter, enter_without_reading

pytestmark = pytest.mark.server

# Until the next message is there: fewer than the 50 after which the client that reads
# nothing gives up, because its own pings are not answered.
SECONDS = 20


@pytest.mark.holds(
    since="21", can="With uvicorn, too, nobody waits for a client that stops reading"
)
async def test_with_uvicorn_nobody_waits_for_a_client_that_stops_reading(site, cookies):
    # More than Linux keeps for a reader whose own buffer is small; see test_limits.py.
    text, times, speakers, room = "😀" * 2000, 80, 3, "slow"
    with site.uvicorn() as server:
        stalled = await enter_without_reading(server, cookies["bob"], room)
        tabs = [await enter(server, cookies["alice"], room) for _ in range(speakers)]

        async def hear_all(tab):
            return [
                (await tab.hear(SECONDS))["message"] for _ in range(times * speakers)
            ]

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
