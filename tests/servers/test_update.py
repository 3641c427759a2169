"""New code, and what else may happen to a site behind NGINX, while people write."""

import asyncio
import contextlib
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess

import pytest
from websockets.exceptions import ConnectionClosed, InvalidMessage, InvalidStatus

from tests.support.crowd import sign_in_crowd
from tests.support.deadline import DEADLINE, until
from tests.support.real_sockets import enter

pytestmark = [pytest.mark.server, pytest.mark.waiting]

PEOPLE, PAUSE = 50, 2  # seconds at most


@pytest.fixture(scope="module", autouse=True)
def patient_update(deployed):
    """deploy/update waits as long as it takes until a server is healthy."""
    update = deployed.folder / "deploy/update"
    text = update.read_text()
    usual = "--max-time 10 --retry 30 --retry-delay 1 --retry-max-time 30"
    assert usual in text
    longer = "--max-time 60 --retry 300 --retry-delay 1 --retry-max-time 300"
    update.write_text(text.replace(usual, longer))
    yield
    update.write_text(text)


@pytest.fixture(scope="module")
def crowd(site):
    """Cookies of people who may enter named rooms."""
    return list(sign_in_crowd(site, "writer", PEOPLE).values())


class Writer:
    """Somebody who writes all the time, and whose client does what the page does.

    `written` are the texts, `log` is {number: text} of all that has arrived, `codes`
    are those with which sockets were closed (None: without a word).
    """

    def __init__(self, number, server, cookie, room):
        self.number, self.server = number, server
        self.cookie, self.room = cookie, room
        self.written, self.log, self.codes = [], {}, []
        self.row = 0  # it has all messages up to this number
        self.saved, self.progress = asyncio.Event(), asyncio.Event()
        self.finished = False
        self.connected = asyncio.Event()
        self.chance = random.Random(number)

    async def live(self):
        """Connect, again and again, and write, until it is cancelled."""
        while True:
            try:
                socket = await enter(self.server, self.cookie, self.room)
            except (InvalidStatus, InvalidMessage, OSError):
                await asyncio.sleep(self.chance.random())
                continue
            try:
                await self._talk(socket.connection)
            except ConnectionClosed as closed:
                self.codes.append(closed.rcvd and closed.rcvd.code)
                await asyncio.sleep(self.chance.random())
            finally:
                self.connected.clear()
                await socket.close()

    async def _talk(self, connection):
        writing = None
        try:
            async for text in connection:
                frame = json.loads(text)
                for message in frame.get("messages", [frame]):
                    if "number" in message:
                        self.log[message["number"]] = message["message"]
                while self.row + 1 in self.log:
                    self.row += 1
                if frame["type"] == "chat.history":
                    if writing is None:
                        writing = asyncio.create_task(self._write(connection))
                        self.connected.set()
                    if self.log and max(self.log) > self.row:
                        await connection.send(json.dumps({"after": self.row}))
                if frame.get("key") == self._key():
                    self.saved.set()
                    self.progress.set()
        finally:
            if writing:
                writing.cancel()

    def _key(self):
        return f"{self.number}-{len(self.written)}"

    async def _write(self, connection):
        with contextlib.suppress(ConnectionClosed):
            while True:
                if not self.written or self.saved.is_set():
                    await asyncio.sleep(PAUSE * self.chance.random())
                    if self.finished:
                        return
                    self.written.append(f"{self.number}: {len(self.written)}")
                    self.saved.clear()
                frame = {"message": self.written[-1], "key": self._key()}
                await connection.send(json.dumps(frame))
                await self.saved.wait()

    async def catch_up(self, last):
        """Return when all messages up to a number have arrived."""
        socket = await enter(self.server, self.cookie, self.room)
        while self.row < last:
            await socket.connection.send(json.dumps({"after": self.row}))
            for message in await socket.read_history():
                self.log[message["number"]] = message["message"]
            while self.row + 1 in self.log:
                self.row += 1
        await socket.close()


async def all_write_on(writers):
    """Return when everybody has had the next text saved."""
    for writer in writers:
        writer.progress.clear()
    async with asyncio.timeout(DEADLINE):
        await asyncio.gather(*(writer.progress.wait() for writer in writers))


async def all_connected(writers):
    """Return when everybody has a connection that has brought the history."""
    async with asyncio.timeout(DEADLINE):
        await asyncio.gather(*(writer.connected.wait() for writer in writers))


@contextlib.asynccontextmanager
async def people_who_write(server, cookies, room):
    """Yield Writers, all of them connected, in a room that nobody has entered before.

    In the end each text is in the database once, and everybody has all of them.
    """
    writers = [Writer(n, server, cookie, room) for n, cookie in enumerate(cookies)]
    lives = [asyncio.create_task(writer.live()) for writer in writers]
    await all_connected(writers)
    yield writers
    for writer in writers:
        writer.finished = True
    async with asyncio.timeout(DEADLINE):
        await asyncio.gather(*(writer.saved.wait() for writer in writers))
    for life in lives:
        life.cancel()
    await asyncio.gather(*lives, return_exceptions=True)
    kept = messages_of(server.folder, room)
    assert [number for number, _ in kept] == list(range(1, len(kept) + 1))
    texts = sorted(text for _, text in kept)
    assert texts == sorted(text for writer in writers for text in writer.written)
    for writer in writers:
        await writer.catch_up(len(kept))
        assert sorted(writer.log.items()) == kept


def messages_of(folder, room):
    """Return (number, text) of each message in a room."""
    with contextlib.closing(sqlite3.connect(folder / "db.sqlite3")) as database:
        return database.execute(
            "SELECT number, text FROM chat_message JOIN chat_chatroom "
            "ON room_id = chat_chatroom.id WHERE group_name = ? ORDER BY number",
            [f"room_{room}"],
        ).fetchall()


@pytest.mark.holds(since="18", can="New code is served without losing anybody's text")
async def test_new_code_is_served_and_no_message_is_lost_or_there_twice(
    deployed, crowd
):
    pids = deployed.control("pid", "daphne:daphne0", "daphne:daphne1").split()
    async with people_who_write(deployed, crowd, "update") as writers:
        status, said = await asyncio.to_thread(deployed.update)
        assert status == 0, said
        now = deployed.control("pid", "daphne:daphne0", "daphne:daphne1").split()
        assert not {*pids} & {*now}
    codes = [code for writer in writers for code in writer.codes]
    # None: NGINX had a frame for a server that had ended, and hung up without reading.
    assert {*codes} <= {4012, None}
    assert codes.count(4012) >= PEOPLE / 2


# Code that starts: without its Redis, or so that it never answers a request.
WITHOUT_REDIS = (
    "config/settings.py",
    'CHANNEL_LAYERS["default"]["CONFIG"]["hosts"] = ["redis://127.0.0.1:9/0"]',
)
SILENT = (
    "config/asgi.py",
    "import asyncio\nasync def application(**_): await asyncio.sleep(60)",
)


@pytest.fixture(params=[(WITHOUT_REDIS, "503"), (SILENT, "timed out")])
def unhealthy(deployed, request):
    """New code that is not healthy, and what curl says of it; the old code is back in
    the end.
    """
    (name, more), said = request.param
    code, update = deployed.folder / name, deployed.folder / "deploy/update"
    texts = {file: file.read_text() for file in (code, update)}
    code.write_text(f"{texts[code]}\n{more}\n")
    # A start may take long. Once the server listens, its health is asked for twice.
    listens = "until [ -S run/$server.sock ]; do sleep 0.1; done"
    quick = {"--retry 300": "--retry 1", "    curl ": f"    {listens}\n    curl "}
    if said == "timed out":
        quick["--max-time 60"] = "--max-time 2"
    for long, short in quick.items():
        assert long in update.read_text()
        update.write_text(update.read_text().replace(long, short))
    yield said
    for file, text in texts.items():
        file.write_text(text)
    assert deployed.update()[0] == 0


@pytest.mark.holds(
    since="18", can="Nobody is sent to a server whose new code does not work"
)
async def test_nobody_gets_to_a_server_whose_new_code_is_not_healthy(
    deployed, crowd, unhealthy
):
    status, said = await asyncio.to_thread(deployed.update)
    assert status, said
    assert unhealthy in said
    for cookie in crowd[:10]:
        socket = await enter(deployed, cookie, "careful")
        await socket.send(cookie)
        assert (await socket.hear())["message"] == cookie
        await socket.close()


@pytest.fixture
def broken(deployed):
    """New code that does not start; the old code is back in the end."""
    code, update = deployed.folder / "config/asgi.py", deployed.folder / "deploy/update"
    texts = {file: file.read_text() for file in (code, update)}
    code.write_text(f"{texts[code]}\nimport chat.nothing\n")
    # It would wait for it in vain.
    update.write_text(texts[update].replace("--retry 300", "--retry 3"))
    yield
    for file, text in texts.items():
        file.write_text(text)
    assert deployed.update()[0] == 0


@pytest.mark.holds(
    since="18", can="An update never stops the only server that can be reached"
)
async def test_an_update_begins_with_a_server_that_has_no_address(
    deployed, crowd, broken
):
    # As an update leaves it that was interrupted.
    (deployed.folder / "run/daphne1.sock").unlink()
    status, said = await asyncio.to_thread(deployed.update)
    assert status, said
    assert "daphne0" not in said
    socket = await enter(deployed, crowd[0], "last")
    await socket.send("Here I am")
    assert (await socket.hear())["message"] == "Here I am"
    await socket.close()


@pytest.mark.holds(since="18")
def test_an_update_stops_no_server_while_another_update_runs(deployed):
    lock = deployed.folder / "run/update"
    lock.mkdir()
    status, said = deployed.update()
    assert status, said
    assert "run/update" in said
    assert "daphne" not in said
    lock.rmdir()  # it belongs to the other update


@pytest.mark.holds(since="18")
@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT, signal.SIGTERM])
def test_an_update_that_is_interrupted_leaves_the_way_free(project, tmp_path, number):
    shutil.copytree(project.path / "deploy", tmp_path / "deploy")
    (tmp_path / "run").mkdir()
    (tmp_path / "run/secret_key").touch()
    lock, python = tmp_path / "run/update", tmp_path / "python"
    python.write_text("#!/bin/sh\ntouch run/begun\nexec sleep 600\n")
    python.chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    update = subprocess.Popen(
        [tmp_path / "deploy/update"],
        env=os.environ | {"PATH": path},
        start_new_session=True,
    )
    until((tmp_path / "run/begun").exists)
    assert lock.exists()
    os.killpg(update.pid, number)
    assert update.wait(DEADLINE)
    assert not lock.exists()


@pytest.mark.holds(since="18", can="Failures of servers, Redis and NGINX lose nothing")
async def test_servers_redis_and_nginx_fail_and_no_message_is_lost_or_there_twice(
    deployed, crowd, project
):
    async with people_who_write(deployed, crowd, "failures") as writers:
        for server in ("daphne0", "daphne1"):
            await asyncio.to_thread(deployed.kill, f"daphne:{server}")
            await all_write_on(writers)
        project.valkey.terminate()
        project.valkey.start()
        await all_write_on(writers)
        await all_connected(writers)
        # What a closed connection has still brought is not taken for a new one.
        for writer in writers:
            writer.connected.clear()
        await asyncio.to_thread(deployed.control, "restart", "nginx")
        await all_connected(writers)
        await all_write_on(writers)
        closed = sum(len(writer.codes) for writer in writers)
        await asyncio.to_thread(deployed.control, "signal", "HUP", "nginx")
        await all_write_on(writers)
        # NGINX has read its settings again, and its sockets have stayed open.
        assert sum(len(writer.codes) for writer in writers) == closed
    # Each of the two servers had some of them, and NGINX had all.
    assert closed >= PEOPLE * 2
