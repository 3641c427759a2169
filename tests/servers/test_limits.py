"""Somebody who sends too fast, on a real daphne."""

import asyncio
import contextlib
import time

import pytest
from websockets.exceptions import ConnectionClosed

from tests.support.real_sockets import enter, enter_without_reading

pytestmark = pytest.mark.server

RATE = 2  # frames a second


@pytest.mark.holds(since="15", can="Nobody else is closed when somebody floods a room")
async def test_who_does_not_stop_is_closed_and_the_others_are_not(server, cookies):
    alice = await enter(server, cookies["alice"], "flood")
    bob = await enter(server, cookies["bob"], "flood")
    await alice.read_history()
    start, answers = time.monotonic(), 0
    for number in range(100):
        await bob.send(str(number))
    # He reads each answer: daphne waits only a second until he has read the code.
    with contextlib.suppress(ConnectionClosed):
        while await bob.hear():
            answers += 1
            if answers >= 100:
                await bob.send(str(answers))
    assert await bob.until_closed() == 4429
    # While they came, a few more were allowed.
    more = RATE * (time.monotonic() - start) + 1
    assert answers <= 200 + more
    await alice.send("is it over?")
    heard = [(await alice.hear())["message"]]
    while heard[-1] != "is it over?":
        heard.append((await alice.hear())["message"])
    assert 100 <= len(heard) - 1 <= 100 + more
    assert heard[:-1] == [str(number) for number in range(len(heard) - 1)]
    await alice.close()


@pytest.mark.holds(
    since="15", can="A client that stops reading does not delay the others"
)
async def test_a_client_that_stops_reading_does_not_delay_several_others(
    server, cookies
):
    # Each arrives as 24 kB of JSON: together more than Linux keeps for a reader whose
    # own buffer is small, 4 MB at most (tcp(7), tcp_wmem).
    text, times, speakers = "😀" * 2000, 80, 3
    stalled = await enter_without_reading(server, cookies["bob"])
    tabs = [await enter(server, cookies["alice"]) for _ in range(speakers)]
    for tab in tabs:
        await tab.read_history()
    try:

        async def hear_all(tab):
            return [(await tab.hear())["message"] for _ in range(times * speakers)]

        hearing = [asyncio.create_task(hear_all(tab)) for tab in tabs]
        for _ in range(times):
            for tab in tabs:
                await tab.send(text)
        for heard in await asyncio.gather(*hearing):
            assert heard == [text] * times * speakers
    finally:
        stalled.connection.transport.abort()
        for tab in tabs:
            await tab.close()
