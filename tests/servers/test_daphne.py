"""Two people over real sockets, on daphne, as the room's page would be."""

import asyncio
import contextlib

import pytest
from websockets.exceptions import ConnectionClosed

from tests.support.real_sockets import enter, enter_without_reading, refusal

pytestmark = pytest.mark.server


@pytest.mark.holds(since="01", until="02")
async def test_each_person_receives_only_their_own_messages(alice, bob):
    await alice.send("from alice")
    assert (await alice.hear())["message"] == "from alice"
    await bob.send("from bob")
    assert (await bob.hear())["message"] == "from bob"


@pytest.mark.holds(since="03")
async def test_each_person_receives_the_messages_of_the_other(alice, bob):
    await alice.send("from alice")
    assert (await bob.hear())["message"] == "from alice"
    await bob.send("from bob")
    heard = [(await alice.hear())["message"] for _ in range(2)]
    assert heard == ["from alice", "from bob"]


@pytest.mark.holds(since="02")
async def test_a_refused_handshake_returns_403_and_is_logged(server, cookies):
    start = len(server.lines)
    assert await refusal(server, cookies["alice"], room=2) == 403
    assert await refusal(server, "") == 403
    assert await refusal(server, cookies["alice"]) is None
    server.wait_for_line("WSREJECT /ws/chat/room/1/", start)


# What daphne accepts (--websocket-max-message-size), in bytes.
LIMIT = 2**20


@pytest.mark.holds(since="01")
@pytest.mark.parametrize("size", [LIMIT + 1, 16 * LIMIT])
async def test_a_message_over_the_limit_of_daphne_closes_only_its_own_socket(
    server, cookies, bob, size
):
    alice = await enter(server, cookies["alice"])
    # daphne hangs up as soon as it has read the length: often before all is sent.
    with contextlib.suppress(ConnectionClosed):
        await alice.connection.send("x" * size)
    assert await alice.until_closed() == 1006
    # Not a message: while alice's consumer ends, Channels may lose bob's event
    # (https://github.com/django/channels/issues/1683).
    await bob.connection.send("{")
    assert "error" in await bob.hear()


@pytest.mark.holds(since="01")
async def test_a_message_at_the_limit_of_daphne_returns_an_error(alice):
    await alice.connection.send("x" * LIMIT)
    assert "error" in await alice.hear()
    await alice.send("still here")
    assert (await alice.hear())["message"] == "still here"


@pytest.mark.holds(
    since="03", until="14", can="A client that stops reading does not delay the others"
)
async def test_a_client_that_stops_reading_does_not_delay_the_others(
    server, cookies, alice
):
    # Each arrives as 24 kB of JSON: together more than Linux keeps for a reader whose
    # own buffer is small, 4 MB at most (tcp(7), tcp_wmem).
    text, times = "😀" * 2000, 200
    stalled = await enter_without_reading(server, cookies["bob"])
    try:

        async def hear_all():
            return [(await alice.hear())["message"] for _ in range(times)]

        hearing = asyncio.create_task(hear_all())
        for _ in range(times):
            await alice.send(text)
        assert await hearing == [text] * times
    finally:
        stalled.connection.transport.abort()


@pytest.mark.holds(since="03", can="Several server processes share one room")
async def test_two_server_processes_share_a_room(site, cookies, alice):
    with site.daphne() as second:
        bob = await enter(second, cookies["bob"])
        await bob.is_served()
        await alice.send("across")
        assert (await bob.hear())["message"] == "across"
        await bob.send("and back")
        heard = [(await alice.hear())["message"] for _ in range(2)]
        assert heard == ["across", "and back"]
        await bob.close()
