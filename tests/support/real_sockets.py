"""Sockets over TCP, with the words of `tests.support.people.Socket`."""

import asyncio
import contextlib
import json
import socket
from collections import defaultdict, deque

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from .deadline import DEADLINE
from .people import kind_of, room_path


class RealSocket:
    """One person's open socket on a real server."""

    def __init__(self, connection, server):
        self.connection = connection
        self._server = server
        self._kept = defaultdict(deque)

    async def send(self, message):
        """Send {"message": message}."""
        await self.connection.send(json.dumps({"message": message}))

    async def hear(self, within=DEADLINE):
        """Return the next frame, decoded; fail if none comes within some seconds."""
        return await self._next("said", within)

    async def see(self, within=DEADLINE):
        """Return the next frame that says who is in the room, decoded."""
        return await self._next("presence", within)

    async def read_history(self):
        """Return the messages in the next frame that brings what was said before."""
        return (await self._next("history", DEADLINE))["messages"]

    async def is_served(self):
        """Wait until the server has done all that it does on connecting.

        Since step 21 it accepts a socket before it puts it into the room's group.
        """
        await self.connection.send("{")
        assert "error" in await self.hear()

    async def _next(self, kind, within):
        async with asyncio.timeout(within):
            while not self._kept[kind]:
                frame = json.loads(await self.connection.recv())
                self._kept[kind_of(frame)].append(frame)
        return self._kept[kind].popleft()

    async def until_closed(self):
        """Return the code with which the server has closed (1006: it just hung up).

        By then the server, if it still runs, has answered another request. Its consumer
        may have to end first: while it does, Channels may lose an event of somebody
        else (https://github.com/django/channels/issues/1683).
        """
        try:
            async with asyncio.timeout(DEADLINE):
                while True:
                    await self.connection.recv()
        except ConnectionClosed as closed:
            with contextlib.suppress(AssertionError):
                await asyncio.to_thread(self._server.wait_until_it_answers)
            return closed.rcvd.code if closed.rcvd else 1006

    async def close(self):
        await self.connection.close()


async def enter(server, cookie, room=1, **options):
    """Open a socket to a room of `server`, as the room's page does.

    Raises InvalidStatus if the server refuses.
    """
    connection = await connect(
        f"ws{server.url.removeprefix('http')}{room_path(room)}",
        ssl=server.ssl,
        origin=server.url,
        additional_headers={"Cookie": cookie},
        proxy=None,
        open_timeout=DEADLINE,
        **options,
    )
    return RealSocket(connection, server)


async def enter_without_reading(server, cookie, room=1):
    """Open a socket whose client reads one frame at most, with small buffers.

    It must be told to abort its transport, or to read, before it can be closed.
    """
    options = {
        "sock": connect_narrowly(server.port),
        "max_queue": 1,
        "compression": None,
        "ping_interval": None,  # it would not see the answer, and give up
    }
    return await enter(server, cookie, room, **options)


def connect_narrowly(port):
    """Return a connected socket that holds a few kB which nobody has read."""
    narrow = socket.socket()
    # Before connecting, because the two ends agree on the window then (tcp(7)).
    narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    narrow.connect(("127.0.0.1", port))
    return narrow


async def refusal(server, cookie, room=1):
    """Return the HTTP status of a refused handshake; None if it is accepted."""
    try:
        person = await enter(server, cookie, room)
    except InvalidStatus as error:
        return error.response.status_code
    await person.close()
    return None
