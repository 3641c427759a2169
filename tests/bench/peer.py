"""The peer: one room in Starlette, whose processes talk through Redis' pub/sub.

Each process subscribes once, and sends what it hears to its own sockets. There are no
users, no database and no lists of who is in the room.
"""

import asyncio
import contextlib
import json
import os
import time

from redis.asyncio import Redis
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocketDisconnect

redis = Redis.from_url(os.environ["REDIS_URL"])
members = set()


async def hear(pubsub):
    """Send each event of the room to the members in this process."""
    async for event in pubsub.listen():
        if event["type"] == "message":
            text = event["data"].decode()
            for socket in list(members):
                # Whoever has left while the others got it is forgotten by member().
                with contextlib.suppress(RuntimeError, WebSocketDisconnect):
                    await socket.send_text(text)


async def member(socket):
    await socket.accept()
    members.add(socket)
    try:
        while True:
            content = json.loads(await socket.receive_text())
            frame = {"message": content["message"], "user": "me", "time": time.time()}
            await redis.publish("room", json.dumps(frame))
    except WebSocketDisconnect:
        members.discard(socket)


@contextlib.asynccontextmanager
async def lifespan(app):
    async with redis.pubsub() as pubsub:
        await pubsub.subscribe("room")
        task = asyncio.create_task(hear(pubsub))
        yield
        task.cancel()


app = Starlette(routes=[WebSocketRoute("/{path:path}", member)], lifespan=lifespan)
