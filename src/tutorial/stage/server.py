"""The server of the stage's page: its files, hand-outs, and a socket to the Stage."""

import asyncio
import json
import mimetypes
from pathlib import Path

from ..shared.messages import TutorialError
from .responses import refuse, respond

PAGE = Path(__file__).parent / "page"
HANDOUT = "/handout/"
# A hand-out is text from files: whatever is in it runs nothing and fetches nothing.
POLICY = b"default-src 'none'; style-src 'self' 'unsafe-inline'; img-src data:"


class Page:
    """An ASGI application: the page at /, its files beside it, its socket at /wire.

    The hand-out of step 03 is at /handout/03.
    """

    def __init__(self, stage, port):
        self.stage = stage
        self.hosts = {f"{name}:{port}".encode() for name in ("127.0.0.1", "localhost")}
        self.origins = {b"http://" + host for host in self.hosts}

    async def __call__(self, scope, receive, send):
        headers = dict(scope["headers"])
        if headers.get(b"host") not in self.hosts:
            # A name of another site may lead here, too (DNS rebinding).
            await refuse(scope, send)
        elif scope["type"] == "http":
            path = scope["path"]
            serve = self.hand_out if path.startswith(HANDOUT) else serve_file
            await serve(path, send)
        elif headers.get(b"origin") in self.origins:
            await self.talk(receive, send)
        else:
            await refuse(scope, send)

    async def hand_out(self, path, send):
        """Send the hand-out of a step."""
        number = path.removeprefix(HANDOUT)
        try:
            page = await asyncio.to_thread(self.stage.handout, number)
        except (TutorialError, OSError) as error:  # the folder may have gone
            return await respond(send, 503, str(error).encode(errors="replace"))
        if page is None:
            return await respond(send, 404, b"Not found")
        policy = [(b"content-security-policy", POLICY)]
        # A file in a folder of one's own may be in another encoding.
        await respond(send, 200, page.encode(errors="replace"), "text/html", policy)

    async def talk(self, receive, send):
        """Pass on what the Stage tells the page, and do what the page asks for."""

        async def tell(message):
            await send({"type": "websocket.send", "text": json.dumps(message)})

        await send({"type": "websocket.accept"})
        await tell(self.stage.program())
        self.stage.pages.add(tell)
        do = {
            "show": self.stage.show,
            "clear": self.stage.clear,
            "redis": self.stage.switch_redis,
            "network": self.stage.switch_network,
            "send": self.stage.send,
        }
        try:
            while (message := await receive())["type"] != "websocket.disconnect":
                if message["type"] == "websocket.receive":
                    asked = json.loads(message["text"])
                    await do[asked.pop("do")](**asked)
        finally:
            self.stage.pages.discard(tell)


async def serve_file(path, send):
    """Send a file of the page."""
    file = PAGE / (path.strip("/") or "index.html")
    if file not in PAGE.iterdir():
        return await respond(send, 404, b"Not found")
    await respond(send, 200, file.read_bytes(), mimetypes.guess_type(file)[0])
