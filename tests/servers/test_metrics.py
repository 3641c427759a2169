"""What each server has counted, and who may read it."""

import asyncio
import contextlib
import json
import re
import urllib.error
from collections import Counter

import pytest
from websockets.exceptions import ConnectionClosed

from tests.support.deadline import DEADLINE, until
from tests.support.metrics import SERVERS, figure, figures, text_of
from tests.support.prometheus import prometheus
from tests.support.real_sockets import enter, refusal
from tests.support.site import suppressed_error
from tutorial.shared.steps import find_step

pytestmark = pytest.mark.server

OPEN, ENDED = "chat_sockets", "chat_sockets_ended_total"
COUNT, SUM = "chat_message_seconds_count", "chat_message_seconds_sum"
MANY = 1000


async def soon(holds):
    """Return as soon as `holds()` is true; it may block, and others go on."""
    await asyncio.to_thread(until, holds)


def ended(deployed, code):
    return figure(deployed, ENDED, "code", str(code))


@pytest.mark.holds(since="20", can="Prometheus reads what each server has counted")
async def test_each_server_counts_its_own_sockets(deployed, signed_in):
    await soon(lambda: figure(deployed, OPEN) == 0)
    # Each new socket goes to the server that has fewer.
    sockets = [await enter(deployed, signed_in["alice"], 1) for _ in range(3)]
    counted = [figures(deployed, server)[OPEN,] for server in SERVERS]
    assert sorted(counted) == [1, 2]
    for socket in sockets:
        await socket.close()
    await soon(lambda: figure(deployed, OPEN) == 0)


@pytest.mark.holds(since="20", can="What the servers have counted is for nobody else")
@pytest.mark.parametrize(
    "path", ["/metrics/", "//metrics/", "/%6detrics/", "/x/metrics/"]
)
def test_the_world_cannot_read_what_the_servers_have_counted(deployed, path):
    with pytest.raises(urllib.error.HTTPError) as refused:
        deployed.open(path, **{"Daphne-Root-Path": "/x"})
    assert refused.value.code == 404
    refused.value.close()
    assert all(OPEN in text_of(deployed, server) for server in SERVERS)


@pytest.mark.holds(since="20")
async def test_a_message_is_counted_once_with_the_time_that_it_took(
    deployed, signed_in
):
    before = {name: figure(deployed, name) for name in (COUNT, SUM)}
    alice = await enter(deployed, signed_in["alice"], 1)
    bob = await enter(deployed, signed_in["bob"], 1)
    await bob.read_history()
    await alice.connection.send(json.dumps({"after": 0}))
    await alice.send("Count me")
    assert (await bob.hear())["message"] == "Count me"
    await soon(lambda: figure(deployed, COUNT) == before[COUNT] + 1)
    assert figure(deployed, SUM) > before[SUM]
    for socket in (alice, bob):
        await socket.close()
    for server in SERVERS:
        text = text_of(deployed, server)
        assert "chat_message_seconds_bucket" in text
        # Neither who wrote nor where: there would be a figure for each of them.
        assert "alice" not in text
        assert "chat_1" not in text


@pytest.mark.holds(since="20", can="The servers count how their sockets have ended")
async def test_the_ends_of_sockets_are_counted_by_their_codes(deployed, signed_in):
    await soon(lambda: figure(deployed, OPEN) == 0)
    before = {code: ended(deployed, code) for code in (403, 1000, 1006, 4429)}
    assert await refusal(deployed, signed_in["carol"], 1) == 403
    closed = await enter(deployed, signed_in["alice"], 1)
    # A consumer that still has to send the history ends in an error, which is 1011.
    await closed.read_history()
    await closed.close()
    vanished = await enter(deployed, signed_in["alice"], 1)
    await vanished.read_history()
    vanished.connection.transport.abort()
    flooding = await enter(deployed, signed_in["alice"], 1)
    for _ in range(300):
        await flooding.connection.send("{}")
    assert await flooding.until_closed() == 4429
    for code in before:
        await soon(lambda code=code: ended(deployed, code) == before[code] + 1)


# What a process that has served nobody would tell Prometheus.
TELL = "import chat.metrics, prometheus_client as it; print(it.generate_latest())"


@pytest.mark.holds(since="20", can="Prometheus sees even the first socket with a code")
def test_a_code_has_a_figure_before_a_socket_has_ended_with_it(site):
    status, said = site.run("manage.py", "shell", "-v", "0", "-c", TELL)
    assert status == 0, said
    for code in (403, 1000, 1001, 1005, 1006, 1011, 4012, 4401, 4403, 4429, "other"):
        assert f'{ENDED}{{code="{code}"}} 0.0' in said


@pytest.mark.holds(since="20")
async def test_codes_that_a_browser_makes_up_are_counted_together(deployed, signed_in):
    before = ended(deployed, "other")
    for code in (3000, 3001, 4999):
        socket = await enter(deployed, signed_in["alice"], 1)
        await socket.read_history()
        await socket.connection.close(code)
    await soon(lambda: ended(deployed, "other") == before + 3)
    labels = [key[1::2] for it in SERVERS for key in figures(deployed, it)]
    assert {label for names in labels for label in names} <= {
        *("code", "le", "generation", "implementation"),
        *("major", "minor", "patchlevel", "version"),
    }
    assert ended(deployed, 3000) == 0


@pytest.mark.holds(since="20")
async def test_a_frame_that_is_too_large_ends_a_socket_and_is_counted(
    deployed, signed_in
):
    alice = await enter(deployed, signed_in["alice"], 1)
    # What chapter 20 compares with uvicorn: daphne compresses nothing.
    assert not alice.connection.protocol.extensions
    before = ended(deployed, 1006)
    # The consumer refuses this one, and goes on.
    await alice.connection.send("x" * (2**20 - 1000))
    assert "error" in await alice.hear()
    await alice.send("I am still here")
    assert (await alice.hear())["message"] == "I am still here"
    # daphne hangs up as soon as it has read the length: often before all is sent.
    with contextlib.suppress(ConnectionClosed):
        await alice.connection.send("x" * (2**20 + 1000))
    assert await alice.until_closed() == 1006
    alice.connection.transport.abort()  # it still has something to send
    await soon(lambda: ended(deployed, 1006) == before + 1)


@pytest.mark.holds(since="20")
async def test_a_killed_server_begins_again_at_zero(deployed, signed_in):
    key = ENDED, "code", "403"
    before = figure(deployed, *key)
    for _ in range(2):
        await refusal(deployed, signed_in["carol"], 1)
    await soon(lambda: figure(deployed, *key) == before + 2)
    old = {server: figures(deployed, server)[key] for server in SERVERS}
    killed, other = sorted(SERVERS, key=old.get, reverse=True)
    await asyncio.to_thread(deployed.kill, f"daphne:{killed}")

    def new():
        with suppressed_error():
            return figures(deployed, killed)

    await soon(new)
    assert new()[key] == 0
    assert figures(deployed, other)[key] == old[other]
    start = ("process_start_time_seconds",)
    if start in new():  # on Linux
        assert new()[start] > figures(deployed, other)[start]


def expressions():
    """Return what the chapter asks Prometheus."""
    text = (find_step("20").path / "README.md").read_text()
    block = re.search(r"```promql\n(.*?)```", text, re.S)[1]
    alerts = re.findall(r"^\| `([^`]+)` \|", text, re.M)
    return [*block.splitlines(), *alerts]


@pytest.mark.waiting
@pytest.mark.holds(since="20", can="Prometheus watches the site")
async def test_prometheus_reads_both_servers_and_answers_what_the_chapter_asks(
    deployed, signed_in
):
    with prometheus(deployed) as ask:
        assert len(expressions()) >= 6
        for expression in expressions():
            await asyncio.to_thread(ask, expression)
        socket = await enter(deployed, signed_in["alice"], 1)
        await soon(lambda: ask("sum(chat_sockets)") == [1])
        await socket.close()
        await soon(lambda: ask("sum(chat_sockets)") == [0])
        await soon(lambda: ask("up") == [1, 1])
        await asyncio.to_thread(deployed.control, "stop", "daphne:daphne1")
        try:
            await soon(lambda: sorted(ask("up")) == [0, 1])
        finally:
            await asyncio.to_thread(deployed.control, "start", "daphne:daphne1")
        await soon(lambda: ask("up") == [1, 1])


@pytest.mark.waiting
@pytest.mark.holds(since="20", can="A thousand half-open handshakes hinder nobody")
async def test_a_thousand_half_open_handshakes_hinder_nobody(deployed, signed_in):
    names = {"alice": "From now on", "bob": "I can still write"}
    sockets = {n: await enter(deployed, signed_in[n], 1) for n in names}
    for socket in sockets.values():
        await socket.read_history()

    async def half_open():
        """Begin a handshake and never finish it."""
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", deployed.port, ssl=deployed.ssl
        )
        writer.write(b"GET /ws/chat/room/1/ HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
        await writer.drain()
        return reader, writer

    async def talk(more):
        for name, text in names.items():
            await sockets[name].send(f"{text} {more}")
            for socket in sockets.values():
                assert (await socket.hear())["message"] == f"{text} {more}"

    clients = []
    for _ in range(MANY // 100):
        clients += await asyncio.gather(*(half_open() for _ in range(100)))
        await talk(len(clients))
    # Nobody who comes now is turned away: what is not asked yet does not count.
    third = await enter(deployed, signed_in["alice"], 1)
    await third.close()
    ends = Counter()
    async with asyncio.timeout(DEADLINE):
        for reader, writer in clients:
            answer = await reader.read()
            ends[answer.split()[1] if answer else b""] += 1
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
    assert set(ends) <= {b"", b"408"}
    await talk("at the end")
    for socket in sockets.values():
        await socket.close()
