import asyncio
import json
import logging
from weakref import WeakValueDictionary

from channels.generic.websocket import AsyncWebsocketConsumer

HEARTBEAT = 2  # seconds
TIME_TO_LIVE = 3 * HEARTBEAT

logger = logging.getLogger(__name__)
rooms = WeakValueDictionary()  # by layer and group, as long as a consumer has one


class Room:
    """Who is in a room: one object for all its sockets in this process."""

    def __init__(self, channel_layer, group_name):
        self.redis = channel_layer.connection(0)
        self.key = f"{channel_layer.prefix}:presence:{group_name}"
        self.consumers = set()
        self.lock = asyncio.Lock()
        self.users = set()
        self.forgotten = 0  # when Redis has forgotten the list

    async def now(self):
        """Return Redis' own time, the same for all servers, in seconds."""
        seconds, microseconds = await self.redis.time()
        return seconds + microseconds / 1_000_000

    async def look(self, new=0):
        """Renew all entries, of which some are new; read the list, and show it."""
        now = self.looked = await self.now()
        expiry = {consumer.entry: now + TIME_TO_LIVE for consumer in self.consumers}
        async with self.redis.pipeline() as pipe:
            pipe.zadd(self.key, expiry)
            pipe.zremrangebyscore(self.key, 0, now)
            pipe.expire(self.key, TIME_TO_LIVE)
            pipe.zrange(self.key, 0, -1)
            added, *_, entries = await pipe.execute()
        users = {entry.decode().partition(" ")[2] for entry in entries}
        if added > new:  # Redis has forgotten the list, and the group
            self.forgotten = now
            for consumer in self.consumers:
                await consumer.join()
        if now - self.forgotten <= 2 * HEARTBEAT:  # others may still be missing
            users |= self.users
        self.users = users
        shown = [consumer.show(users) for consumer in self.consumers]
        await asyncio.gather(*shown, return_exceptions=True)  # a socket may be closing

    async def beat(self):
        """Look every two seconds, until this task is cancelled."""
        while True:
            await asyncio.sleep(HEARTBEAT)
            try:
                async with self.lock:
                    await self.look()
            except Exception:  # the next beat makes up for it
                logger.exception("A heartbeat of %s has failed", self.key)


class PresenceConsumer(AsyncWebsocketConsumer):
    """Sends its browser the list, and the room an event when its user comes or goes."""

    room = None  # until enter() has found it

    async def __call__(self, scope, receive, send):
        """Called once for each socket; runs until it closes or an error ends it."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            if self.room:
                await asyncio.shield(self.leave())

    async def join(self):
        await self.channel_layer.group_add(self.room_group_name, self.channel_name)

    async def enter(self, group_name):
        """Put the user on the list of the group; the socket has been accepted."""
        key = self.channel_layer, group_name
        self.room = rooms.setdefault(key, Room(*key))
        self.users = None  # who is on the browser's list
        self.entry = f"{self.channel_name} {self.scope['user'].username}"
        async with self.room.lock:
            if not self.room.consumers:
                self.room.heart = asyncio.create_task(self.room.beat())
            self.room.consumers.add(self)
            await self.room.look(new=1)
        await self.announce()

    async def leave(self):
        async with self.room.lock:
            self.room.consumers.discard(self)
            if not self.room.consumers:
                self.room.heart.cancel()
            await self.room.redis.zrem(self.room.key, self.entry)
        await self.channel_layer.group_discard(self.room_group_name, self.channel_name)
        await self.announce()

    async def announce(self):
        """Send an event to the group: the list has changed."""
        event = {"type": "presence.changed", "time": await self.room.now()}
        await self.channel_layer.group_send(self.room_group_name, event)

    async def presence_changed(self, event):
        """Called when an event of the type presence.changed has come from the group."""
        async with self.room.lock:
            if event["time"] >= self.room.looked:
                await self.room.look()

    async def show(self, users):
        """Send the browser the list; from then on, who has joined and who has left."""
        old, self.users = self.users, users
        if old is None:
            frames = [{"type": "presence.list", "users": sorted(users)}]
        else:
            frames = [{"type": "presence.joined", "user": user} for user in users - old]
            frames += [{"type": "presence.left", "user": user} for user in old - users]
        for frame in frames:
            await self.send(text_data=json.dumps(frame))
