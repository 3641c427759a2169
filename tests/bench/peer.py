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
subscribed = None  # a task, since the first member came


async def hear(pubsub):
    """Send each event to the members of its room in this process."""
    async for event in pubsub.listen():
        if event["type"] == "pmessage":
            text = event["data"].decode()
            for socket in list(rooms[event["channel"].decode()]):
                # Whoever has left while the others got it is forgotten by member().
                with contextlib.suppress(RuntimeError, WebSocketDisconnect):
                    await socket.send_text(text)


async def subscribe():
    """Return the task that hears; not every server program tells when it starts."""
    pubsub = redis.pubsub()
    await pubsub.psubscribe("room:*")
    return asyncio.create_task(hear(pubsub))


async def member(socket):
    global subscribed
    subscribed = subscribed or asyncio.create_task(subscribe())
    await subscribed
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


app = Starlette(routes=[WebSocketRoute("/{room}", member)])
