import asyncio
import json
from weakref import WeakValueDictionary

from channels.generic.websocket import AsyncWebsocketConsumer

rooms = WeakValueDictionary()  # by layer and group, as long as a consumer has one


class Room:
    """Who is in a room: one object for all its sockets in this process."""

    def __init__(self, channel_layer, group_name):
        self.redis = channel_layer.connection(0)
        self.key = f"{channel_layer.prefix}:presence:{group_name}"
        self.consumers = set()
        self.lock = asyncio.Lock()

    async def now(self):
        """Return Redis' own time, the same for all servers, in seconds."""
        seconds, microseconds = await self.redis.time()
        return seconds + microseconds / 1_000_000

    async def look(self):
        """Read the list, and show it to every consumer."""
        self.looked = await self.now()
        entries = await self.redis.smembers(self.key)
        users = {entry.decode().partition(" ")[2] for entry in entries}
        shown = [consumer.show(users) for consumer in self.consumers]
        await asyncio.gather(*shown, return_exceptions=True)  # a socket may be closing


class PresenceConsumer(AsyncWebsocketConsumer):
    """Sends its browser the list, and the room an event when its user comes or goes."""

    async def enter(self, group_name):
        """Put the user on the list of the group; the socket has been accepted."""
        key = self.channel_layer, group_name
        self.room = rooms.setdefault(key, Room(*key))
        self.users = None  # who is on the browser's list
        self.entry = f"{self.channel_name} {self.scope['user'].username}"
        async with self.room.lock:
            self.room.consumers.add(self)
            await self.room.redis.sadd(self.room.key, self.entry)
            await self.room.look()
        await self.announce()

    async def leave(self):
        async with self.room.lock:
            self.room.consumers.discard(self)
            await self.room.redis.srem(self.room.key, self.entry)
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
