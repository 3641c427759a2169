"""The peer: rooms in Starlette, whose processes talk through Redis' pub/sub.

Each process subscribes once, to all rooms. It sends what it hears to its own sockets in
the room, one after the other, as an example in FastAPI's documentation does. There are
no users and no lists of who is in a room.

With MESSAGES, the path of an SQLite database, a message is saved before it is sent: one
INSERT and its commit, which reaches the disk, in the one thread that has a connection.
"""

import asyncio
import contextlib
import json
import os
import sqlite3
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor

from redis.asyncio import BlockingConnectionPool, Redis
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocketDisconnect

# With the default, an error meets those who find a hundred connections in use.
redis = Redis.from_pool(BlockingConnectionPool.from_url(os.environ["REDIS_URL"]))
rooms = defaultdict(set)
subscribed = None  # a task, since the first member came
database = None
thread = ThreadPoolExecutor(1)
if "MESSAGES" in os.environ:
    database = sqlite3.connect(os.environ["MESSAGES"], check_same_thread=False)
    with database:
        database.execute("CREATE TABLE IF NOT EXISTS message (room, text, user, time)")


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


def save(room, frame):
    with database:
        values = room, *frame.values()
        database.execute("INSERT INTO message VALUES (?, ?, ?, ?)", values)


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
            if database:
                loop = asyncio.get_running_loop()
                await loop.run_in_executor(thread, save, room, frame)
            await redis.publish(room, json.dumps(frame))
    except WebSocketDisconnect:
        rooms[room].discard(socket)


app = Starlette(routes=[WebSocketRoute("/{room}", member)])
