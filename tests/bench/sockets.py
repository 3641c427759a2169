"""Many sockets at the lowest price: what they cost would else hide what is measured.

They speak as much of RFC 6455 as the bench needs: they ask for the upgrade (section 4),
send masked texts (5.3), answer pings (5.5.2), and search what arrives for the marks of
the bench's messages.
"""

import asyncio
import json
import re
import time

from websockets.frames import Close, CloseCode, Frame, Opcode

from tests.support.deadline import DEADLINE
from tests.support.real_sockets import connect_narrowly

HANDSHAKE = (
    "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nOrigin: http://127.0.0.1:{port}\r\n"
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nCookie: {cookie}\r\n\r\n"
)
MARK = re.compile(rb"<(\d+)/(\d+)>")  # a room's and a message's number
CAUGHT_UP = 100  # so many enter before all are waited for


def split(data):
    """Return a server's first frame and what follows, or None if it is incomplete.

    The frame is its opcode and its payload (section 5.2); a server masks nothing.
    """
    if len(data) < 2:
        return None
    start, length = 2, data[1]
    if length > 125:
        start += 2 if length == 126 else 8
        length = int.from_bytes(data[2:start])
    if len(data) < start + length:
        return None
    return data[0] & 0xF, data[start : start + length], data[start + length :]


def settle(future, result):
    """Set a future's result, unless it has one."""
    if not future.done():
        future.set_result(result)


class Member(asyncio.Protocol):
    """One open socket of a Crowd.

    The future `entered` is done when the handshake is, and `closed` has the code with
    which the server has closed (1006: it just hung up). `heard` is the number of the
    last message that was counted.
    """

    def __init__(self, crowd):
        self._crowd, self._rest, self.heard = crowd, b"", 0
        loop = asyncio.get_running_loop()
        self.entered, self.closed = loop.create_future(), loop.create_future()

    def connection_made(self, transport):
        self._transport = transport

    def connection_lost(self, error):
        if not self.entered.done():
            self.entered.set_exception(ConnectionError("closed in the handshake"))
        settle(self.closed, int(CloseCode.ABNORMAL_CLOSURE))

    def data_received(self, data):
        data = self._rest + data
        if not self.entered.done():
            if b"\r\n\r\n" not in data:
                self._rest = data
                return
            head, _, data = data.partition(b"\r\n\r\n")
            if head.startswith(b"HTTP/1.1 101"):
                self.entered.set_result(None)
            else:
                reason = head.decode().partition("\r\n")[0]
                self.entered.set_exception(ConnectionError(reason))
        while frame := split(data):
            opcode, payload, data = frame
            if opcode == Opcode.PING:  # a server closes a socket that does not answer
                self._send_frame(Opcode.PONG, payload)
            elif opcode == Opcode.PONG:
                settle(self._pong, None)
            elif opcode == Opcode.CLOSE:
                settle(self.closed, int(Close.parse(payload).code))
                self.close()
            for mark in MARK.findall(payload):
                self._crowd.note(self, *map(int, mark))
        self._rest = data

    def send(self, text):
        """Send a text in a masked frame."""
        self._send_frame(Opcode.TEXT, text.encode())

    def _send_frame(self, opcode, payload):
        self._transport.write(Frame(opcode, payload).serialize(mask=True))

    def stop_reading(self):
        self._transport.pause_reading()

    async def code(self):
        """Read what there is; return the server's code, or None if it is still open."""
        self._transport.resume_reading()
        for _ in range(2):  # a server that waits to close can do so after the first
            self._pong = asyncio.get_running_loop().create_future()
            self._send_frame(Opcode.PING, b"")
            futures, first = [self.closed, self._pong], asyncio.FIRST_COMPLETED
            await asyncio.wait(futures, timeout=DEADLINE, return_when=first)
        return self.closed.result() if self.closed.done() else None

    async def leave(self):
        """Close the socket as a browser does; return when the server has agreed."""
        self._send_frame(Opcode.CLOSE, Close(CloseCode.GOING_AWAY, "").serialize())
        async with asyncio.timeout(DEADLINE):
            await self.closed

    def close(self):
        self._transport.close()


class Crowd:
    """Members of one room, and what they hear of the message that is under way."""

    def __init__(self, path, room):
        self._path, self._room = path, room
        self.members, self._opened = [], []
        self.number = 0
        self.delays = []
        self._under_way = None  # the number; those who enter later read it, too
        self._others = set()  # rooms whose messages have been heard in this one

    async def enter(self, seats):
        """Open a socket for each (port, Cookie header), one after the other."""
        for number, seat in enumerate(seats, 1):
            self.members.append(await self.open(*seat))
            # A step accepts a socket first, and puts it into the room later.
            if number % CAUGHT_UP == 0:
                await self.say()

    async def open(self, port, cookie, narrow=False):
        """Return a new Member, who is in the room, but is not waited for.

        What is sent to a `narrow` one stays in the server, except for some kB.
        """
        where = {"host": "127.0.0.1", "port": port}
        if narrow:
            where = {"sock": connect_narrowly(port)}
        loop = asyncio.get_running_loop()
        head = HANDSHAKE.format(path=self._path, port=port, cookie=cookie)
        try:
            async with asyncio.timeout(DEADLINE):
                transport, member = await loop.create_connection(
                    lambda: Member(self), **where
                )
                self._opened.append(member)
                transport.write(head.encode())
                await member.entered
        except TimeoutError:
            raise ConnectionError(f"no answer to a handshake for {DEADLINE} s")
        return member

    def note(self, member, room, number):
        """Note that a member has heard message `number` of a room."""
        if room != self._room:
            self._others.add(room)
        elif number == self._under_way != member.heard:
            member.heard = number
            self.delays.append(time.perf_counter() - self._sent)
            if len(self.delays) == len(self.members):
                self._under_way = None
                self._heard.set_result(None)

    async def say(self, more=""):
        """Let the next member say something; return after how long each heard it.

        `more` makes the message longer. Raises AssertionError if one of them does not
        hear it before the deadline, or if a message of another room has been heard.
        """
        self.number += 1
        self._under_way, self.delays = self.number, []
        self._heard = asyncio.get_running_loop().create_future()
        member = self.members[self.number % len(self.members)]
        self._sent = time.perf_counter()
        message = f"<{self._room}/{self.number}>{more}"
        member.send(json.dumps({"message": message}))
        try:
            async with asyncio.timeout(DEADLINE):
                await self._heard
        except TimeoutError:
            heard = f"{len(self.delays)} of {len(self.members)}"
            raise AssertionError(f"{heard} heard a message")
        if self._others:
            raise AssertionError(f"room {self._room} has heard room {self._others}")
        return self.delays

    def close(self):
        """Close all sockets, those that have not been waited for as well."""
        for member in self._opened:
            member.close()
