import logging
import time

from redis.exceptions import RedisError

from .metrics import SOCKETS, count_end

logger = logging.getLogger(__name__)


class RedisErrorMiddleware:
    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        """Called once for each socket."""
        try:
            await self.app(scope, receive, send)
        except RedisError as error:
            logger.error("Socket closed, Redis does not answer: %s", error)
            await send({"type": "websocket.close"})


class LogMiddleware:
    """Logs whose socket has ended, after how long, and with which code; counts both."""

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        """Called once for each socket."""
        refused, codes = 403, []

        async def receive_and_note():
            message = await receive()
            if message["type"] == "websocket.disconnect":
                codes.append(message["code"] or 1005)  # 1005: without a code
            return message

        async def send_and_note(message):
            nonlocal refused
            if message["type"] == "websocket.accept":
                refused = None
            elif message["type"] == "websocket.close":
                codes.append(refused or message.get("code", 1000))
            await send(message)

        start = time.monotonic()
        try:
            with SOCKETS.track_inprogress():
                await self.app(scope, receive_and_note, send_and_note)
        finally:
            code = codes[0] if codes else 1011
            count_end(code)
            logger.info(
                "socket user=%s path=%r code=%s seconds=%.1f",
                scope["user"],
                scope["path"],
                code,
                time.monotonic() - start,
            )
