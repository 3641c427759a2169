"""The recorder alone, around an application that has nothing to do with the stage."""

import contextlib
import json
import subprocess
import sys
from socket import create_connection

import pytest
from channels.consumer import AsyncConsumer
from channels.generic.websocket import AsyncWebsocketConsumer, WebsocketConsumer
from channels.layers import InMemoryChannelLayer
from channels.testing import WebsocketCommunicator
from websockets.asyncio.client import connect

from tests.support.deadline import DEADLINE, until
from tests.support.folders import copy_folder
from tests.support.valkey import url_of, valkey
from tutorial.shared.ports import free_port
from tutorial.shared.steps import find_step, plain_environment
from tutorial.stage import recorder
from tutorial.stage.recorder import Recorder

SERVER = {"server": ("127.0.0.1", 8000)}


class Echo(AsyncWebsocketConsumer):
    async def receive(self, text_data):
        await self.send(text_data=text_data.upper())


class SyncEcho(WebsocketConsumer):
    def receive(self, text_data):
        self.send(text_data=text_data.upper())


@pytest.fixture(autouse=True)
def layer(monkeypatch):
    """A layer in memory, for an application without settings."""
    layer = InMemoryChannelLayer()
    monkeypatch.setattr(recorder, "get_channel_layer", lambda: layer)
    monkeypatch.setattr("channels.consumer.get_channel_layer", lambda alias: layer)
    for module in ("channels.consumer", "channels.generic.websocket"):
        monkeypatch.setattr(f"{module}.aclose_old_connections", do_nothing)
    return layer


async def do_nothing():
    """There is no database here."""


def communicator(consumer, tell):
    """Return a communicator with a recorded consumer."""
    found = WebsocketCommunicator(Recorder(consumer.as_asgi(), tell), "/a/path/")
    found.scope |= SERVER
    return found


async def test_every_event_of_an_echo_is_recorded_in_order():
    told = []
    socket = communicator(Echo, told.append)
    await socket.connect(DEADLINE)
    await socket.send_to(text_data="hello")
    assert await socket.receive_from(DEADLINE) == "HELLO"
    await socket.disconnect(timeout=DEADLINE)
    kinds = [event["kind"] for event in told]
    connected = ["open", "consumer", "call", "accept"]
    assert kinds == [*connected, "up", "call", "down", "gone", "call", "end"]
    assert {event["socket"] for event in told} == {1}
    assert [e["at"] for e in told] == sorted(e["at"] for e in told)
    by_kind = {event["kind"]: event for event in told}
    assert by_kind["open"]["path"] == "/a/path/"
    assert by_kind["up"]["frame"] == "hello"
    assert by_kind["down"]["frame"] == "HELLO"
    methods = [event["method"] for event in told if event["kind"] == "call"]
    assert methods == ["connect()", "receive()", "disconnect()"]


@pytest.mark.parametrize(
    ("consumer", "where"), [(Echo, "event loop"), (SyncEcho, "thread")]
)
async def test_where_the_methods_of_a_consumer_run_is_recorded(
    consumer, where, monkeypatch
):
    monkeypatch.setattr("channels.db.close_old_connections", lambda: None)
    told = []
    socket = communicator(consumer, told.append)
    await socket.connect(DEADLINE)
    await socket.disconnect(timeout=DEADLINE)
    assert [e["where"] for e in told if e["kind"] == "consumer"] == [where]


async def test_an_exception_is_recorded_with_its_last_line_and_raised_again():
    class Failing(Echo):
        async def receive(self, text_data):
            raise RuntimeError("a mistake")

    told = []
    socket = communicator(Failing, told.append)
    await socket.connect(DEADLINE)
    await socket.send_to(text_data="hello")
    with pytest.raises(RuntimeError, match="a mistake"):
        await socket.wait(DEADLINE)
    assert [e["text"] for e in told if e["kind"] == "error"] == [
        "RuntimeError: a mistake"
    ]


async def test_what_a_consumer_asks_of_the_layer_is_recorded_with_its_socket():
    class Group(Echo):
        async def connect(self):
            await self.channel_layer.group_add("all", self.channel_name)
            await self.accept()

        async def receive(self, text_data):
            await self.channel_layer.group_send("all", {"type": "said", "n": 1})

        async def said(self, event):
            await self.send(text_data=str(event["n"]))

    told = []
    application = Recorder(Group.as_asgi(), told.append)
    first, second = (WebsocketCommunicator(application, "/") for _ in range(2))
    for socket in (first, second):
        socket.scope |= SERVER
        await socket.connect(DEADLINE)
    await first.send_to(text_data="go")
    assert [await socket.receive_from(DEADLINE) for socket in (first, second)] == [
        "1",
        "1",
    ]
    assert [(e["socket"], e["group"]) for e in told if e["kind"] == "add"] == [
        (1, "all"),
        (2, "all"),
    ]
    [send] = [event for event in told if event["kind"] == "send"]
    assert (send["socket"], send["event"]) == (1, {"type": "said", "n": 1})
    called = {e["socket"] for e in told if e.get("method") == "said()"}
    assert called == {1, 2}
    for socket in (first, second):
        await socket.disconnect(timeout=DEADLINE)


async def test_an_event_for_a_channel_that_no_consumer_has_is_recorded(layer):
    class Reader(Echo):
        async def receive(self, text_data):
            await layer.send("room", {"type": "said"})
            await layer.send(self.channel_name, await layer.receive("room"))

        async def said(self, event):
            await self.send(text_data=event["type"])

    told = []
    socket = communicator(Reader, told.append)
    await socket.connect(DEADLINE)
    await socket.send_to(text_data="go")
    assert await socket.receive_from(DEADLINE) == "said"
    await socket.disconnect(timeout=DEADLINE)
    got = [(e["socket"], e["event"]) for e in told if e["kind"] == "get"]
    assert got == [("room", {"type": "said"})]


async def test_a_method_that_a_consumer_does_not_have_is_recorded_as_none(layer):
    told = []
    socket = communicator(Echo, told.append)
    await socket.connect(DEADLINE)
    [channel] = layer.channels
    await layer.send(channel, {"type": "chat.mesage"})
    with pytest.raises(ValueError, match="No handler"):
        await socket.wait(DEADLINE)
    assert told[-3]["method"] == "no chat_mesage()"


async def test_without_a_recorder_a_consumer_is_as_it_always_was():
    assert AsyncConsumer.__call__.__wrapped__
    socket = WebsocketCommunicator(Echo.as_asgi(), "/")
    await socket.connect(DEADLINE)
    await socket.send_to(text_data="hello")
    assert await socket.receive_from(DEADLINE) == "HELLO"
    await socket.disconnect(timeout=DEADLINE)


@contextlib.contextmanager
def served(number, folder, port, **variables):
    """Yield the process that serves a copy of a step, as on the stage, for alice.

    At the end it has ended by itself, because its standard input has been closed.
    """
    with subprocess.Popen(
        [sys.executable, "-m", "tutorial.stage.served", f"alice={port}"],
        cwd=copy_folder(find_step(number).path, folder),
        env=plain_environment() | variables,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert json.loads(process.stdout.readline()) == {"kind": "ready"}
            yield process
            process.stdin.close()
            process.wait(DEADLINE)
        finally:
            process.kill()


@pytest.fixture
def address(tmp_path):
    """Where alice has her socket in step 05, served as on the stage, but not read."""
    port = free_port()
    with (
        valkey() as server,
        served("05", tmp_path / "copy", port, REDIS_URL=url_of(server)),
    ):
        yield f"127.0.0.1:{port}"


@pytest.mark.server
def test_a_step_without_a_layer_ignores_an_event_and_ends_with_its_stage(tmp_path):
    event = {"group": "chat_1", "event": {"type": "chat.mesage"}}
    with served("02", tmp_path / "copy", free_port()) as process:
        print(json.dumps(event), file=process.stdin, flush=True)


@pytest.mark.server
async def test_nobody_waits_for_a_stage_that_does_not_read(address):
    """A pipe holds 64 KiB; what is told of 300 messages of 1,000 characters is more."""
    url, origin = f"ws://{address}/ws/chat/room/1/", f"http://{address}"
    async with connect(url, origin=origin, open_timeout=DEADLINE) as socket:
        for number in range(300):
            message = f"{number} {'x' * 1000}"
            await socket.send(json.dumps({"message": message}))
            assert json.loads(await socket.recv())["message"] == message


@pytest.mark.server
def test_a_port_is_taken_off_the_network_and_put_back(tmp_path):
    port = free_port()

    def is_open():
        with contextlib.suppress(ConnectionRefusedError):
            return not create_connection(("127.0.0.1", port)).close()

    with served("02", tmp_path / "copy", port) as process:

        def switch(*states):
            """Ask for so many switches at once; they are told in this order."""
            asked = json.dumps({"switch": port})
            print(*[asked] * len(states), sep="\n", file=process.stdin, flush=True)
            for on in states:
                told = json.loads(process.stdout.readline())
                assert told == {"kind": "network", "port": port, "on": on}

        assert is_open()
        switch(False)
        until(lambda: not is_open())
        switch(True, False, True)
        assert is_open()
