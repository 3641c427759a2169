"""Many sockets at the lowest price: what they cost would else hide what is measured.

They speak as much of RFC 6455 as the bench needs: they ask for the upgrade (section 4),
send short masked texts (5.3), answer pings (5.5.2), and search what arrives for the
marks of its messages.
"""

import asyncio
import json
import os
import re
import time

from tests.support.deadline import DEADLINE

HANDSHAKE = (
    "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nOrigin: http://127.0.0.1:{port}\r\n"
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nCookie: {cookie}\r\n\r\n"
)
MARK = re.compile(rb"<(\d{6})>")  # a message's number
FIN, TEXT, PING, PONG = 0x80, 0x1, 0x9, 0xA


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


class Member(asyncio.Protocol):
    """One open socket of a Crowd."""

    def __init__(self, crowd):
        self._crowd = crowd
        self._rest = b""
        self.entered = asyncio.get_running_loop().create_future()

    def connection_made(self, transport):
        self._transport = transport

    def connection_lost(self, error):
        if not self.entered.done():
            self.entered.set_exception(ConnectionError("closed in the handshake"))

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
                self.entered.set_exception(ConnectionError(head.decode()[:60]))
        while frame := split(data):
            opcode, payload, data = frame
            if opcode == PING:  # a server closes a socket that does not answer
                self._send_frame(PONG, payload)
            for mark in MARK.findall(payload):
                self._crowd.note(int(mark))
        self._rest = data

    def write(self, head):
        self._transport.write(head)

    def send(self, text):
        """Send a text of up to 125 bytes in a masked frame."""
        self._send_frame(TEXT, text.encode())

    def _send_frame(self, opcode, payload):
        assert len(payload) <= 125
        mask = os.urandom(4)
        masked = bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))
        self._transport.write(
            bytes([FIN | opcode, 0x80 | len(payload)]) + mask + masked
        )

    def close(self):
        self._transport.close()


class Crowd:
    """Members of one room, and what they hear of the message that is under way."""

    def __init__(self):
        self.members = []
        self.number = 0
        self.delays = []
        self._under_way = None  # the number; those who enter later read it, too

    async def enter(self, port, path, cookies, count):
        """Open `count` sockets, in turn with these Cookie headers."""
        loop = asyncio.get_running_loop()
        for _ in range(count):
            cookie = cookies[len(self.members) % len(cookies)]
            async with asyncio.timeout(DEADLINE):
                _, member = await loop.create_connection(
                    lambda: Member(self), "127.0.0.1", port
                )
                head = HANDSHAKE.format(path=path, port=port, cookie=cookie)
                member.write(head.encode())
                await member.entered
            self.members.append(member)

    def note(self, number):
        """Note that one more member has heard message `number`."""
        if number == self._under_way:
            self.delays.append(time.perf_counter() - self._sent)
            if len(self.delays) == len(self.members):
                self._under_way = None
                self._heard.set_result(None)

    async def say(self):
        """Let the next member say something; return after how long each heard it.

        Raises AssertionError if one of them does not hear it before the deadline.
        """
        self.number += 1
        self._under_way, self.delays = self.number, []
        self._heard = asyncio.get_running_loop().create_future()
        member = self.members[self.number % len(self.members)]
        self._sent = time.perf_counter()
        member.send(json.dumps({"message": f"<{self.number:06}>"}))
        try:
            async with asyncio.timeout(DEADLINE):
                await self._heard
        except TimeoutError:
            count = len(self.delays)
            raise AssertionError(f"{count} of {len(self.members)} heard a message")
        return self.delays

    def leave(self):
        for member in self.members:
            member.close()
