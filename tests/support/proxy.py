"""A network that breaks: what goes between browsers and a server, and may be cut."""

import asyncio

from tutorial.shared.ports import free_port


class Proxy:
    """Passes bytes on from its own `port` to another, in an `async with` block.

    `cut()` breaks all connections; `cut_after(n)` breaks the one over which the n-th
    byte from now on goes, in the middle of whatever it belongs to.
    """

    def __init__(self, target):
        self.target = target
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._left = None
        self._connections = set()

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        return self

    async def __aexit__(self, *_):
        self._server.close()
        self.cut()

    def cut(self):
        """Break all connections that there are."""
        for writers in set(self._connections):
            self._break(writers)

    def cut_after(self, count):
        """Break a connection when so many more bytes have gone by, either way."""
        self._left = count

    def _break(self, writers):
        self._connections.discard(writers)
        for writer in writers:
            writer.transport.abort()

    async def _serve(self, reader, writer):
        try:
            there = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            return writer.transport.abort()
        writers = writer, there[1]
        self._connections.add(writers)
        await asyncio.gather(
            self._pass_on(reader, writers[1], writers),
            self._pass_on(there[0], writers[0], writers),
        )
        self._break(writers)

    async def _pass_on(self, reader, writer, writers):
        """Pass on what comes, until one side has closed."""
        try:
            while data := await reader.read(2**16):
                if self._left is not None:
                    data, self._left = data[: self._left], self._left - len(data)
                writer.write(data)
                await writer.drain()
                if self._left is not None and self._left <= 0:
                    self._left = None
                    self._break(writers)
        except OSError:
            self._break(writers)
        else:
            writer.close()
