"""The site behind NGINX, with two daphnes under a supervisor."""

import asyncio
import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.request

import psutil
import pytest
from websockets.exceptions import ConnectionClosed

from tests.support.deadline import DEADLINE, until
from tests.support.real_sockets import enter, refusal

pytestmark = pytest.mark.server

LOGIN = "/accounts/login/"
# An address that is kept for examples (RFC 5737).
FORGED = "203.0.113.7"


def status_of(deployed, path):
    """Return the status of a response, also if it is an error."""
    try:
        return deployed.open(path).status
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


@pytest.mark.holds(since="17", can="NGINX sends everybody to HTTPS")
def test_a_request_over_http_is_sent_to_https(deployed):
    class Stay(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *_):
            return None

    url = f"http://localhost:{deployed.http_port}{LOGIN}?next=/"
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.build_opener(Stay).open(url, timeout=DEADLINE)
    assert refused.value.code == 301
    assert refused.value.headers["Location"] == f"{deployed.url}{LOGIN}?next=/"
    refused.value.close()
    with deployed.open(LOGIN) as page:
        assert page.status == 200
        assert "Secure" in page.headers["Set-Cookie"]


@pytest.mark.holds(since="17", can="NGINX serves files that browsers keep for ever")
def test_the_static_files_may_be_kept_and_pages_may_not(deployed):
    with deployed.open(LOGIN) as page:
        style = re.search(r'href="(/static/\S+\.css)"', page.read().decode())[1]
        assert "immutable" not in page.headers["Cache-Control"]
    with deployed.open(style) as file:
        assert "max-age=31536000, immutable" in file.headers["Cache-Control"]
        assert file.headers["Content-Type"] == "text/css"


@pytest.mark.holds(since="17", can="Two servers behind NGINX are one chat")
async def test_people_on_both_servers_receive_each_others_messages(deployed, signed_in):
    # Each new socket goes to the server that has fewer.
    sockets = [await enter(deployed, signed_in["alice"], 1) for _ in range(4)]
    sockets.append(await enter(deployed, signed_in["bob"], 1))
    for socket in sockets:
        await socket.read_history()
    await sockets[-1].send("Who is where?")
    for socket in sockets:
        assert (await socket.hear())["message"] == "Who is where?"
    # Those that are on one of the two are closed with it.
    await asyncio.to_thread(deployed.kill, "daphne:daphne0")
    answers = 0
    for socket in sockets:
        with contextlib.suppress(ConnectionClosed):
            await socket.send("I am here")
            assert (await socket.hear())["message"] == "I am here"
            answers += 1
        await socket.close()
    assert 2 <= answers <= 3


@pytest.mark.holds(since="17")
async def test_a_socket_is_refused_as_it_is_without_nginx(deployed, signed_in):
    assert await refusal(deployed, signed_in["carol"], 1) == 403
    assert await refusal(deployed, "", 1) == 403
    assert await refusal(deployed, signed_in["alice"], 1) is None


@pytest.mark.holds(since="17")
def test_what_is_made_at_run_time_is_for_nobody_else(deployed):
    run = deployed.folder / "run"
    assert run.stat().st_mode & 0o777 == 0o700
    assert all(file.stat().st_mode & 0o077 == 0 for file in run.glob("*.pem"))


@pytest.mark.holds(since="17")
def test_a_start_without_python_leaves_no_empty_secret_key(project, tmp_path):
    (tmp_path / "bin").mkdir()
    shutil.copytree(project.path / "deploy", tmp_path / "deploy")
    path = f"{tmp_path / 'bin'}:{os.environ['PATH']}"
    python = tmp_path / "bin/python"
    for interpreter in ("/nowhere/python", sys.executable):
        python.write_text(f'#!/bin/sh\nexec {interpreter} "$@"\n')
        python.chmod(0o755)
        # There is no site to start here, so it fails again, but later.
        env = os.environ | {"PATH": path}
        done = subprocess.run([tmp_path / "deploy/start"], env=env, capture_output=True)
        assert done.returncode
    assert len((tmp_path / "run/secret_key").read_text()) > 50


@pytest.mark.holds(since="17", can="Nobody reaches what NGINX keeps to itself")
def test_no_browser_can_say_where_a_path_begins(deployed):
    header = {"Daphne-Root-Path": "/x"}
    with deployed.open(LOGIN, **header) as page:
        assert page.status == 200
    with pytest.raises(urllib.error.HTTPError) as refused:
        deployed.open(f"/x{LOGIN}", **header)
    assert refused.value.code == 404
    refused.value.close()


@pytest.mark.holds(since="17", can="Nobody can claim to come from another address")
@pytest.mark.parametrize(
    ("header", "claim"),
    [
        ("X-Forwarded-For", FORGED),
        ("X-Forwarded-Proto", FORGED),
        ("X-Forwarded-Port", "4711"),
    ],
)
def test_what_a_browser_claims_about_itself_is_not_believed(deployed, header, claim):
    start, path = len(deployed.lines), f"{LOGIN}?{header}"
    with deployed.open(path, **{header: claim}) as page:
        assert page.status == 200
    # The line that daphne prints of each request begins with the client's address.
    line = deployed.wait_for_line(f'"GET {path}" 200', start)
    assert line.startswith("127.0.0.1:0 ")


@pytest.mark.holds(since="17")
async def test_a_connection_to_a_server_ends_with_its_response(deployed):
    """NGINX from 1.29.7 on would keep it, also to a server that is to restart."""
    heads = asyncio.Queue()

    async def answer(reader, writer):
        heads.put_nowait(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        await close(writer)

    deployed.control("stop", "daphne:*")
    try:
        # A socket's path has to be short.
        with contextlib.chdir(deployed.folder / "run"):
            server = await asyncio.start_unix_server(answer, "daphne0.sock")
        async with server:
            assert await asyncio.to_thread(status_of, deployed, LOGIN) == 200
        assert b"\r\nConnection: close\r\n" in heads.get_nowait()
    finally:
        (deployed.folder / "run/daphne0.sock").unlink(missing_ok=True)
        deployed.control("start", "daphne:*")
        deployed.wait_until_both_answer()


@pytest.mark.holds(since="17", can="A server that is killed is started again")
@pytest.mark.parametrize("way", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_server_is_started_again_and_no_page_fails(deployed, way):
    deployed.kill("daphne:daphne0", way)
    statuses = [status_of(deployed, LOGIN) for _ in range(20)]
    assert statuses == [200] * 20
    status = deployed.control("status", "daphne:*")
    assert status.count("RUNNING") + status.count("STARTING") == 2


@pytest.mark.holds(since="17", can="NGINX has a page for when all servers are away")
def test_nginx_says_so_while_both_servers_are_away(deployed):
    deployed.control("stop", "daphne:*")
    try:
        with pytest.raises(urllib.error.HTTPError) as refused:
            deployed.open(LOGIN)
        assert refused.value.code == 502
        assert "starting again" in refused.value.read().decode()
        refused.value.close()
    finally:
        deployed.control("start", "daphne:*")
    deployed.wait_until_both_answer()


async def connect(deployed):
    """Return (reader, writer) of a connection to NGINX on which nothing was asked."""
    return await asyncio.open_connection("127.0.0.1", deployed.port, ssl=deployed.ssl)


async def close(writer):
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


@pytest.fixture
def low_limit(deployed):
    """NGINX lets fifty requests through at once, in place of five hundred, and then
    one a second.

    More connections than that take a busy machine longer than NGINX has patience.
    """
    settings = deployed.folder / "run/nginx.conf"
    before = settings.read_text()
    # Before they ask for anything, connections wait for one another here.
    text = before
    for usual, other in (
        ("burst=500 ", "burst=50 "),
        ("rate=50r/s", "rate=1r/s"),
        ("r_timeout 10s", "r_timeout 60s"),
    ):
        assert text.count(usual) == 1
        text = text.replace(usual, other)
    settings.write_text(text)
    read_settings(deployed)
    # NGINX still counts what the tests before have sent.
    until(lambda: status_of(deployed, LOGIN) == 200)
    yield
    settings.write_text(before)
    read_settings(deployed)


def read_settings(deployed):
    """Let NGINX read its settings again; return when only new workers accept."""
    master = psutil.Process(int(deployed.control("pid", "nginx")))
    old = master.children()
    deployed.control("signal", "HUP", "nginx")
    until(lambda: not any(accepts(worker) for worker in old))
    until(lambda: any(accepts(worker) for worker in master.children()))


def accepts(worker):
    """Return whether a worker of NGINX takes new connections: its title tells."""
    with contextlib.suppress(psutil.NoSuchProcess):
        title = " ".join(worker.cmdline())
        return bool(title) and "shutting down" not in title


@pytest.mark.waiting
@pytest.mark.holds(since="17", can="NGINX refuses a flood from one address")
async def test_a_flood_of_requests_is_refused_before_it_reaches_django(
    deployed, low_limit
):
    start = len(deployed.lines)
    # All at once, so that it does not depend on how fast they are answered.
    connections = await asyncio.gather(*(connect(deployed) for _ in range(200)))
    for number, (_, writer) in enumerate(connections):
        request = f"GET /nothing/{number}/ HTTP/1.1\r\nHost: localhost\r\n\r\n"
        writer.write(request.encode())
    statuses = []
    async with asyncio.timeout(DEADLINE):
        for reader, writer in connections:
            statuses.append(int((await reader.readline()).split()[1]))
            await close(writer)
    assert set(statuses) == {404, 429}
    served = statuses.count(404)
    # What daphne prints of a request begins with the client's address and port.
    until(lambda: served == len(lines_about_nothing(deployed, start)))
    # After it, the site answers again.
    until(lambda: status_of(deployed, LOGIN) == 200)
    assert served == len(lines_about_nothing(deployed, start))


def lines_about_nothing(deployed, start):
    """Return the lines that daphne has printed of requests for /nothing/."""
    lines = (line for line in deployed.lines[start:] if line.startswith("127.0.0.1:0 "))
    return [line for line in lines if '"GET /nothing/' in line]


@pytest.mark.waiting
@pytest.mark.holds(since="17", can="NGINX hangs up on clients that never finish asking")
async def test_clients_that_never_finish_asking_hinder_nobody_and_are_closed(
    deployed, signed_in
):
    half_open = [await connect(deployed) for _ in range(200)]
    # The connections to both ports are taken from the same ones.
    half_open += [
        await asyncio.open_connection("127.0.0.1", deployed.http_port)
        for _ in range(20)
    ]
    for _, writer in half_open:
        writer.write(b"GET /ws/chat/room/1/ HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
    alice = await enter(deployed, signed_in["alice"], 1)
    await alice.send("Am I slow?")
    assert (await alice.hear())["message"] == "Am I slow?"
    async with asyncio.timeout(DEADLINE):
        for reader, writer in half_open:
            answer = await reader.read()
            assert answer == b"" or b" 408 " in answer.splitlines()[0]
            await close(writer)
    await alice.send("I am still here")
    assert (await alice.hear())["message"] == "I am still here"
    await alice.close()
