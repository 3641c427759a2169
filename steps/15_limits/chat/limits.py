import json
from collections import Counter

from .access import AccessConsumer
from .buckets import Bucket, TooManyError

BURST = 100  # frames that a socket may send at once
RATE = 2  # frames a second that it may send in the long run
MOST_SOCKETS = 20  # of a user, in this process

sockets = Counter()  # by the id of their user


class LimitedConsumer(AccessConsumer):
    """Serves neither too many frames of a socket nor too many sockets of a user."""

    async def __call__(self, scope, receive, send):
        """Called once for each socket; lasts as long as it."""
        self.bucket = Bucket(BURST, RATE)
        sockets[scope["user"].id] += 1
        try:
            await super().__call__(scope, receive, send)
        finally:
            sockets[scope["user"].id] -= 1

    async def websocket_connect(self, message):
        """Called when a browser asks for a socket; it calls connect()."""
        user = self.scope["user"]
        try:
            if user.is_authenticated and sockets[user.id] > MOST_SOCKETS:
                raise TooManyError
            await super().websocket_connect(message)
        except TooManyError:
            # A page sees the code of a socket only if it was accepted.
            await self.accept()
            await self.expel(4429)

    async def websocket_receive(self, message):
        """Called when the browser has sent a frame; it calls receive()."""
        tokens = self.bucket.take()
        if tokens >= 0:
            await super().websocket_receive(message)
        elif tokens > -BURST:
            frame = {"error": "This is too fast.", "wait": (1 - tokens) / RATE}
            await self.send(text_data=json.dumps(frame))
        else:
            await self.expel(4429)
