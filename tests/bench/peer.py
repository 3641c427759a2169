"""The peer: rooms in Starlette, whose processes talk through Redis' pub/sub.

Each process subscribes once, to all rooms. It sends what it hears to its own sockets in
the room, one after the other, as an example in FastAPI's documentation does. There are
no users, no database and no lists of who is in a room.
"""

import asyncio
import contextlib
import json
import os
import time
from collections import defaultdict

from redis.asyncio import BlockingConnectionPool, Redis
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocketDisconnect

# With the default, an error meets those who find a hundred connections in use.
redis = Redis.from_pool(BlockingConnectionPool.from_url(os.environ["REDIS_URL"]))
rooms = defaultdict(set)


async def hear(pubsub):
    """Send each event to the members of its room in this process."""
    async for event in pubsub.listen():
        if event["type"] == "pmessage":
            text = event["data"].decode()
            for socket in list(rooms[event["channel"].decode()]):
                # Whoever has left while the others got it is forgotten by member().
                with contextlib.suppress(RuntimeError, WebSocketDisconnect):
                    await socket.send_text(text)


async def member(socket):
    room = f"room:{socket.path_params['room']}"
    await socket.accept()
    rooms[room].add(socket)
    try:
        while True:
            content = json.loads(await socket.receive_text())
            frame = {"message": content["message"], "user": "me", "time": time.time()}
            await redis.publish(room, json.dumps(frame))
    except WebSocketDisconnect:
        rooms[room].discard(socket)


@contextlib.asynccontextmanager
async def lifespan(app):
    async with redis.pubsub() as pubsub:
        await pubsub.psubscribe("room:*")
        task = asyncio.create_task(hear(pubsub))
        yield
        task.cancel()


app = Starlette(routes=[WebSocketRoute("/{room}", member)], lifespan=lifespan)
