"""The site behind NGINX with uvicorn instead of daphne, as chapter 20 starts it."""

import asyncio
import http.client
import json
import re
import socket as sockets
import tempfile
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed

from tests.support.deadline import DEADLINE, until
from tests.support.metrics import text_of
from tests.support.real_sockets import enter, refusal
from tests.support.site import Site, suppressed_error
from tests.support.valkey import url_of
from tutorial.shared.steps import find_step

pytestmark = [pytest.mark.server, pytest.mark.waiting]

LOGIN = "/accounts/login/"
# An address that is kept for examples (RFC 5737).
FORGED = "203.0.113.7"
FRAME = 2**20  # bytes that a frame may have


@pytest.fixture(scope="module")
def deployed(project):
    """The site behind NGINX, with the line of the chapter that starts uvicorn."""
    text = (find_step("20").path / "README.md").read_text()
    command = re.search(r"^\+(command = uvicorn .*)$", text, re.M)[1]
    with tempfile.TemporaryDirectory(prefix="site-") as home:
        site = Site(project.path, Path(home, "copy"), url_of(project.valkey))
        file = site.folder / "deploy/supervisord.conf"
        changed = re.sub("command = daphne.*", lambda _: command, file.read_text())
        file.write_text(changed)
        with site.deployed() as deployed:
            deployed.wait_for_line("Uvicorn running")
            yield deployed


@pytest.mark.holds(since="20", can="The chat works with uvicorn, too")
async def test_people_on_both_servers_receive_each_others_messages(deployed, signed_in):
    # Each new socket goes to the server that has fewer.
    people = [await enter(deployed, signed_in["alice"], 1) for _ in range(4)]
    people.append(await enter(deployed, signed_in["bob"], 1))
    for person in people:
        await person.read_history()
    await people[-1].send("Who serves us?")
    for person in people:
        assert (await person.hear())["message"] == "Who serves us?"
        await person.close()
    assert await refusal(deployed, signed_in["carol"], 1) == 403


@pytest.mark.holds(since="20")
def test_what_a_browser_claims_about_itself_is_not_believed(deployed):
    start = len(deployed.lines)
    with deployed.open(f"{LOGIN}?forged", **{"X-Forwarded-For": FORGED}) as page:
        assert page.status == 200
    line = deployed.wait_for_line(f'"GET {LOGIN}?forged HTTP/1.1" 200', start)
    assert "127.0.0.1:" in line
    assert FORGED not in line
    # uvicorn itself believes whoever reaches its socket, which is in a closed folder.
    connection = http.client.HTTPConnection("localhost")
    connection.sock = sockets.socket(sockets.AF_UNIX)
    connection.sock.connect(str(deployed.folder / "run/daphne0.sock"))
    connection.request("GET", f"{LOGIN}?direct", headers={"X-Forwarded-For": FORGED})
    assert connection.getresponse().status == 301  # to HTTPS
    connection.close()
    line = deployed.wait_for_line(f'"GET {LOGIN}?direct HTTP/1.1" 301', start)
    assert FORGED in line
    assert (deployed.folder / "run").stat().st_mode & 0o777 == 0o700


@pytest.mark.holds(since="20")
async def test_a_frame_that_is_too_large_closes_the_socket(deployed, signed_in):
    alice = await enter(deployed, signed_in["alice"], 1)
    # A client that offers compression, as all browsers do, gets it.
    assert alice.connection.protocol.extensions
    # The consumer refuses this one, and goes on.
    await alice.connection.send("x" * (FRAME - 1000))
    frames = []
    async with asyncio.timeout(DEADLINE):
        while not any("error" in frame for frame in frames):
            frames.append(json.loads(await alice.connection.recv()))
    await alice.connection.send("x" * (FRAME + 1000))
    assert await alice.until_closed() == 1009


def answers(deployed, server):
    """Return whether a server tells what it has counted."""
    with suppressed_error():
        return bool(text_of(deployed, server))


@pytest.mark.holds(since="20")
async def test_a_server_that_stops_closes_its_sockets_with_1012(deployed, signed_in):
    await asyncio.to_thread(deployed.control, "stop", "daphne:daphne1")
    alice = await enter(deployed, signed_in["alice"], 1)
    await asyncio.to_thread(deployed.control, "start", "daphne:daphne1")
    await asyncio.to_thread(until, lambda: answers(deployed, "daphne1"))
    bob = await enter(deployed, signed_in["bob"], 1)
    assert "alice" in (await bob.see())["users"]
    stop = asyncio.to_thread(deployed.control, "restart", "daphne:daphne0")
    code, _ = await asyncio.gather(alice.until_closed(), stop)
    assert code == 1012
    # Her consumer has not been cancelled: it has seen the end, and has left the room.
    async with asyncio.timeout(DEADLINE):
        while (frame := await bob.see())["type"] != "presence.left":
            pass
    assert frame["user"] == "alice"
    await bob.send("She comes back")
    assert (await bob.hear())["message"] == "She comes back"
    await bob.close()


@pytest.mark.holds(since="20")
async def test_a_killed_server_is_started_again_at_its_old_address(deployed, signed_in):
    await asyncio.to_thread(deployed.kill, "daphne:daphne0")
    await asyncio.to_thread(deployed.kill, "daphne:daphne1")
    await asyncio.to_thread(deployed.wait_until_it_answers)
    alice = await enter(deployed, signed_in["alice"], 1)
    await alice.send("It was killed")
    assert (await alice.hear())["message"] == "It was killed"
    await alice.close()
    with pytest.raises(ConnectionClosed):
        await alice.connection.recv()
