"""How much longer a message takes with the recorder: `python -m tests.stage.overhead`.

The same consumer with and without it, in turns, in one process, without a server; from
the frame up to the frame down. With a server and Redis, the difference is the same, and
the whole is longer.
"""

import asyncio
import statistics
import time

from channels.generic.websocket import AsyncWebsocketConsumer
from channels.layers import InMemoryChannelLayer
from channels.testing import WebsocketCommunicator
from django.conf import settings

from tutorial.stage import recorder

ROUNDS, MESSAGES = 10, 200


class Room(AsyncWebsocketConsumer):
    groups = ["room"]

    async def receive(self, text_data):
        event = {"type": "said", "text": text_data}
        await self.channel_layer.group_send("room", event)

    async def said(self, event):
        await self.send(text_data=event["text"])


async def seconds(application):
    """Return how long a message takes, in the middle of many."""
    socket = WebsocketCommunicator(application, "/")
    socket.scope["server"] = ("127.0.0.1", 8000)
    await socket.connect()
    times = []
    for _ in range(MESSAGES):
        start = time.perf_counter()
        await socket.send_to(text_data="hello")
        await socket.receive_from()
        times.append(time.perf_counter() - start)
    await socket.disconnect()
    return statistics.median(times)


async def main():
    layer = InMemoryChannelLayer()
    recorder.get_channel_layer = lambda: layer
    told = []
    plain, recorded = [], []
    for _ in range(ROUNDS):
        plain.append(await seconds(Room.as_asgi()))
        recorded.append(await seconds(recorder.Recorder(Room.as_asgi(), told.append)))
    without, with_it = statistics.median(plain), statistics.median(recorded)
    print(f"without {without * 1e6:.0f} µs, with {with_it * 1e6:.0f} µs a message: ")
    print(f"ratio {with_it / without:.2f}, {len(told)} events told")


if __name__ == "__main__":
    settings.configure(
        DATABASES={
            "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}
        },
        CHANNEL_LAYERS={"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}},
    )
    asyncio.run(main())
