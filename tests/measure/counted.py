"""What an event costs a real Valkey, as INFO says: layers play the processes."""

import asyncio
import contextlib
from types import SimpleNamespace
from unittest import mock

import channels_redis.core
import msgpack
from channels_redis.core import RedisChannelLayer
from channels_redis.pubsub import RedisPubSubChannelLayer
from redis.asyncio import Redis

from tests.support.deadline import DEADLINE

from .formula import GROUP, NOW, Traffic, command, text, total

LAYERS = {"core": RedisChannelLayer, "pub/sub": RedisPubSubChannelLayer}


def event_of(size):
    """Return an event that msgpack writes in so many bytes, about 60 to 280."""
    event = {"type": "chat.message", "text": "x" * (size - 26)}
    assert len(msgpack.packb(event)) == size
    return event


@contextlib.asynccontextmanager
async def room(kind, url, spread):
    """Yield say(event), which returns when all members of a room have received it."""
    address, heard, tasks = (
        {"address": url, "socket_timeout": None},
        asyncio.Queue(),
        [],
    )
    layers = [LAYERS[kind](hosts=[address]) for _ in spread]

    async def member(layer, name):
        while True:
            await layer.receive(name)
            heard.put_nowait(name)

    async def say(event):
        await layers[0].group_send(GROUP, event)
        for _ in tasks:
            await heard.get()

    try:
        for layer, members in zip(layers, spread, strict=True):
            layer.brpop_timeout = (
                0  # no limit, and not 5 s, after which a process asks again
            )
            for _ in range(members):
                name = await layer.new_channel()
                await layer.group_add(GROUP, name)
                tasks.append(asyncio.create_task(member(layer, name)))
        yield say
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for layer in layers:
            await layer.flush()


class Meter:
    """Reads what a Valkey has counted, without what the reading itself causes."""

    def __init__(self, url):
        # In RESP2 the reply is one text. It is not parsed, so that its length is known.
        self.client, self.own = Redis.from_url(url, protocol=2), Traffic(0, 0, 0)
        self.client.set_response_callback("INFO", bytes)

    async def read(self):
        """Return the Traffic since Valkey's start, and all fields of INFO."""
        reply = await self.client.execute_command("INFO", "all")
        lines = (line.partition(":") for line in reply.decode().splitlines())
        found = {name: value for name, _, value in lines}
        names = ("net_input_bytes", "net_output_bytes", "commands_processed")
        counted = Traffic(*(int(found[f"total_{name}"]) for name in names))
        since = total([counted, self.own * -1])
        self.own = total([self.own, Traffic(command(4, 3), text(len(reply)), 1)])
        return since, found

    async def read_when_blocked(self, clients):
        """Read as soon as so many clients wait for an event."""
        while True:
            since, found = await self.read()
            if int(found["blocked_clients"]) == clients:
                return since, found


async def count(kind, url, spread, size):
    """Return the Traffic of one event that all members receive, as Valkey counts it."""
    waiting = len(spread) if kind == "core" else 0
    clock = SimpleNamespace(time=lambda: NOW)  # so that each time has 17 characters
    event, meter = event_of(size), Meter(url)
    async with asyncio.timeout(DEADLINE), meter.client, room(kind, url, spread) as say:
        with mock.patch.object(channels_redis.core, "time", clock):
            while True:
                await say(event)
                before, then = await meter.read_when_blocked(waiting)
                await say(event)
                after, now = await meter.read_when_blocked(waiting)
                # A new connection says hello, which is no part of an event.
                name = "total_connections_received"
                if now[name] == then[name]:
                    return total([after, before * -1])


def cpu_in(found):
    return float(found["used_cpu_user"]) + float(found["used_cpu_sys"])


async def cpu(kind, url, spread, size, events=100):
    """Return Valkey's CPU time for an event, in seconds."""
    event, meter = event_of(size), Meter(url)
    async with asyncio.timeout(DEADLINE), meter.client, room(kind, url, spread) as say:
        await say(event)
        _, before = await meter.read()
        for _ in range(events):
            await say(event)
        _, after = await meter.read()
    return (cpu_in(after) - cpu_in(before)) / events


async def cpu_of_list(url, entries, own, looks=100):
    """Return Valkey's CPU time for a look at a list, in seconds.

    The same commands as in chapter 08: a process renews its own entries, and reads all.
    """
    names = [f"specific.{n:032}!{n:032} student{n:04}" for n in range(entries)]
    client, meter = Redis.from_url(url), Meter(url)
    async with asyncio.timeout(DEADLINE), meter.client, client:
        await client.zadd("list", dict.fromkeys(names, 2e9))
        _, before = await meter.read()
        for number in range(looks):
            await client.time()
            async with client.pipeline() as pipe:
                pipe.zadd("list", dict.fromkeys(names[:own], 2e9 + number))
                pipe.zremrangebyscore("list", 0, 1)
                pipe.expire("list", 99)
                pipe.zrange("list", 0, -1)
                assert len((await pipe.execute())[-1]) == entries
        _, after = await meter.read()
        await client.delete("list")
    return (cpu_in(after) - cpu_in(before)) / looks
