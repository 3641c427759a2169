import asyncio
import json
import time
from contextlib import suppress

from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings
from redis.asyncio import from_url
from redis.exceptions import RedisError

HEARTBEAT = 6  # seconds
TIME_TO_LIVE = 3 * HEARTBEAT


class Entry:
    """One open socket on the list of its room, a sorted set in Redis."""

    def __init__(self, group_name, channel_name, username):
        host = dict(settings.CHANNEL_LAYERS["default"]["CONFIG"]["hosts"][0])
        self.redis = from_url(host.pop("address"), decode_responses=True, **host)
        self.key = f"presence:{group_name}"
        self.name = f"{channel_name} {username}"

    async def renew(self):
        """Return 1 if the entry was missing, else 0; and the user of each entry."""
        return await self.change("ZADD", time.time() + TIME_TO_LIVE, self.name)

    async def remove(self):
        """Return 1 if the entry was there, else 0; and the user of each entry left."""
        async with self.redis:  # which closes the connection
            return await self.change("ZREM", self.name)

    async def change(self, command, *arguments):
        async with self.redis.pipeline() as pipe:  # all at once, nobody in between
            pipe.execute_command(command, self.key, *arguments)
            pipe.zremrangebyscore(self.key, 0, time.time())
            pipe.expire(self.key, TIME_TO_LIVE)
            pipe.zrange(self.key, 0, -1)
            changed, _, _, names = await pipe.execute()
        return changed, [name.partition(" ")[2] for name in names]


class PresenceConsumer(AsyncWebsocketConsumer):
    """Tells its browser who is in the room, and the room that its user is."""

    entry = None  # until enter() has made one
    heart = None  # until the socket is accepted
    people = frozenset()  # of whom the browser has been told

    async def __call__(self, scope, receive, send):
        """Called once for each socket; lasts as long as it, and may end in an error."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            if self.entry:
                await self.leave()

    async def enter(self):
        self.user = self.scope["user"].username
        self.entry = Entry(self.room_group_name, self.channel_name, self.user)
        self.lock = asyncio.Lock()
        await self.channel_layer.group_add(self.room_group_name, self.channel_name)
        _, users = await self.entry.renew()
        self.people = set(users)
        await self.accept()
        await self.tell("presence.list", users=sorted(self.people))
        self.heart = asyncio.create_task(self.beat())
        if users.count(self.user) == 1:
            await self.announce("presence.joined")

    async def leave(self):
        if self.heart:
            self.heart.cancel()
        await self.channel_layer.group_discard(self.room_group_name, self.channel_name)
        _, users = await self.entry.remove()
        if self.user not in users:
            await self.announce("presence.left")

    async def beat(self):
        while True:
            await asyncio.sleep(HEARTBEAT)
            with suppress(RedisError):  # the next beat makes up for it
                await self.look()

    async def look(self):
        await self.channel_layer.group_add(self.room_group_name, self.channel_name)
        async with self.lock:
            was_missing, users = await self.entry.renew()
            if was_missing:  # Redis has forgotten the others, too
                users.extend(self.people)
            await self.show(set(users))

    async def announce(self, event_type):
        event = {"type": event_type, "user": self.user}
        await self.channel_layer.group_send(self.room_group_name, event)

    async def presence_joined(self, event):
        """Called when an event of the type presence.joined has come from the group."""
        async with self.lock:
            await self.show(self.people | {event["user"]})

    async def presence_left(self, event):
        """Called when an event of the type presence.left has come from the group."""
        if event["user"] == self.user:  # who has come back in the meantime
            await self.announce("presence.joined")
        else:
            async with self.lock:
                await self.show(self.people - {event["user"]})

    async def show(self, people):
        """Tell the browser who has come and who has gone since it was told last."""
        come, gone = people - self.people, self.people - people
        self.people = people
        for user in come:
            await self.tell("presence.joined", user=user)
        for user in gone:
            await self.tell("presence.left", user=user)

    async def tell(self, frame_type, **content):
        await self.send(text_data=json.dumps({"type": frame_type, **content}))
