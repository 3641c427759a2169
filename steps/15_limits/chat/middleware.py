import logging

from redis.exceptions import RedisError

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
