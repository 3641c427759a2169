"""The page of a room without a browser: a real socket, and the waits of room.js."""

import asyncio
import json
import random
import socket
import time
from collections import Counter
from contextlib import suppress

IN_A_ROOM = 30


class Page:
    """The page of a room, open in somebody's browser.

    `seen` counts what has come of handshakes and sockets, `attempts` the handshakes.
    Without `jitter` it waits for the longest time before it tries again.
    """

    def __init__(self, port, ssl, number, cookie, jitter=True):
        room = number // IN_A_ROOM
        self.address = f"127.0.{1 + room // 250}.{1 + room % 250}"
        self.port, self.ssl, self.jitter = port, ssl, jitter
        self.path = f"/chat/crowd-{room}/"
        self.headers = (
            f"Host: localhost:{port}\r\nOrigin: https://localhost:{port}\r\n"
            f"Cookie: {cookie}\r\n"
        )
        self.writes = number % IN_A_ROOM == 0
        self.text = f"We are away, in room {room}"
        self.failures = self.attempts = 0
        self.outbox, self.writer = None, None
        self.entered, self.entered_at = False, 0
        self.row, self.texts, self.seen = 0, set(), Counter()
        self.news = asyncio.Event()

    async def live(self):
        while True:
            self.attempts += 1
            self.silent, self.opened, self.entered = 0, False, False
            tasks = [asyncio.create_task(each()) for each in (self.read, self.beat)]
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            silent = not tasks[0].done()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self.entered = False
            if self.writer:
                self.writer.transport.abort()
                self.writer = None
            if silent:
                self.seen["silent" if self.opened else "no answer"] += 1
            elif not self.opened:
                await self.ask_for_the_page()
            wait = min(30, 5 * 2**self.failures)
            if self.jitter:
                wait *= random.random()
            self.failures += 1
            await asyncio.sleep(wait)

    async def connect(self, request):
        """Send the head of a request; return a reader and a writer."""
        own = socket.socket()
        # Otherwise no server could listen on this port, on any address.
        own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        own.setblocking(False)
        try:
            own.bind((self.address, 0))
            await asyncio.get_running_loop().sock_connect(own, ("127.0.0.1", self.port))
            reader, writer = await asyncio.open_connection(
                sock=own, ssl=self.ssl, server_hostname="localhost"
            )
        except BaseException:
            own.close()
            raise
        writer.write(f"{request}\r\n{self.headers}\r\n".encode())
        return reader, writer

    async def ask_for_the_page(self):
        writer = None
        with suppress(OSError, TimeoutError, asyncio.IncompleteReadError):
            async with asyncio.timeout(5):
                request = f"HEAD {self.path} HTTP/1.1\r\nConnection: close"
                reader, writer = await self.connect(request)
                status = (await reader.readuntil(b"\r\n")).split()[1].decode()
                self.seen[f"page {status}"] += 1
        if writer:
            writer.transport.abort()

    async def beat(self):
        while True:
            await asyncio.sleep(5)
            self.silent += 1
            if self.silent > 2:
                return
            if self.entered:
                self.send({"after": self.row})

    def send(self, content):
        """Send a masked frame of text; the mask is 0, so it changes nothing."""
        data = json.dumps(content).encode()
        self.writer.write(bytes([0x81, 0x80 | len(data), 0, 0, 0, 0]) + data)

    async def read(self):
        """Shake hands, and read the frames until the socket is closed."""
        key = "dGhlIHNhbXBsZSBub25jZQ=="
        try:
            reader, self.writer = await self.connect(
                f"GET /ws{self.path} HTTP/1.1\r\nConnection: Upgrade\r\n"
                f"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                f"Sec-WebSocket-Key: {key}"
            )
            status = (await reader.readuntil(b"\r\n\r\n")).split()[1].decode()
            self.seen[status] += 1
            if status != "101":
                return
            self.opened = True
            while True:
                head = await reader.readexactly(2)
                length = head[1]
                if length > 125:
                    size = 2 if length == 126 else 8
                    length = int.from_bytes(await reader.readexactly(size), "big")
                data = await reader.readexactly(length)
                if head[0] == 0x88:
                    self.seen[f"closed {int.from_bytes(data[:2], 'big')}"] += 1
                    return
                if head[0] == 0x81:
                    self.receive(json.loads(data))
        except (OSError, asyncio.IncompleteReadError) as error:
            self.seen["cut" if self.opened else type(error).__name__] += 1

    def receive(self, frame):
        self.failures = self.silent = 0
        if frame.get("type") == "chat.history":
            self.take(frame["messages"])
            if not self.entered:
                self.entered, self.entered_at = True, time.monotonic()
                self.send_draft()
        elif frame.get("type") == "chat.message":
            self.take([frame])
            if frame.get("key") == "draft":
                self.outbox = None
        elif "error" in frame:
            self.seen[frame["error"]] += 1
        self.news.set()

    def take(self, messages):
        for message in messages:
            self.texts.add(message["message"])
            if message["number"] == self.row + 1:
                self.row += 1

    def write(self):
        self.outbox = self.text
        self.send_draft()

    def send_draft(self):
        if self.outbox and self.entered:
            self.send({"message": self.outbox, "key": "draft"})

    async def until(self, holds):
        while not holds():
            self.news.clear()
            await self.news.wait()
