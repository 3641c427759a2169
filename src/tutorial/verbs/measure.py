"""Measure who waits for whom: synchronous and asynchronous consumers, the same work.

Channels' own consumers and its test communicator, in this process; no server and no
Redis, whose time would hide what is measured.
"""

import argparse
import asyncio
import threading
import time

from rich.console import Console
from rich.table import Table

from ..shared.messages import say


def add_parser(subparsers):
    """Add `tutorial measure [--people N] [--seconds S]`."""
    parser = subparsers.add_parser(
        "measure",
        help="let sync and async consumers do the same work",
        description=__doc__.splitlines()[0],
        epilog="Example: tutorial measure --people 20 --seconds 0.1",
    )
    parser.add_argument("--people", type=positive(int), default=6, help="default: 6")
    parser.add_argument(
        "--seconds", type=positive(float), default=0.5, help="default: 0.5"
    )
    parser.set_defaults(call=lambda args: measure(args.people, args.seconds))


def positive(kind):
    """Return a function that reads a number of this kind above 0, at most 1000."""

    def read(text):
        number = kind(text)
        if not 0 < number <= 1000:
            raise argparse.ArgumentTypeError(f"{text} is not from 0 to 1000")
        return number

    return read


def measure(people, seconds):
    """Print, for each kind of consumer, when the last of `people` is answered."""
    say(f"{people} people at once, {seconds} s of waiting for each:\n")
    table = Table("consumer", box=None, pad_edge=False, padding=(0, 3, 0, 0))
    table.add_column("the last one is answered after", justify="right")
    table.add_column("handlers run in")
    for name, consumer in consumers(seconds).items():
        duration, threads = asyncio.run(let_all_speak(consumer, people))
        others = threads - {threading.main_thread()}
        where = f"{len(others)} other thread" if others else "the event loop"
        table.add_row(name, f"{duration:.1f} s", where)
    Console().print(table)
    return 0


def consumers(seconds):
    """Return {name: consumer class}; each waits `seconds`, then answers its thread."""
    from django.conf import settings

    if not settings.configured:
        settings.configure()
    from channels.generic.websocket import AsyncWebsocketConsumer, WebsocketConsumer

    class Sync(WebsocketConsumer):
        def receive(self, text_data=None, bytes_data=None):
            time.sleep(seconds)
            self.scope["threads"].add(threading.current_thread())
            self.send(text_data="done")

    class Async(AsyncWebsocketConsumer):
        async def receive(self, text_data=None, bytes_data=None):
            await asyncio.sleep(seconds)
            self.scope["threads"].add(threading.current_thread())
            await self.send(text_data="done")

    class Blocking(AsyncWebsocketConsumer):
        async def receive(self, text_data=None, bytes_data=None):
            time.sleep(seconds)  # noqa: ASYNC251, the mistake that is measured
            self.scope["threads"].add(threading.current_thread())
            await self.send(text_data="done")

    return {
        "sync, time.sleep()": Sync,
        "async, await asyncio.sleep()": Async,
        "async, time.sleep()": Blocking,
    }


async def let_all_speak(consumer, people):
    """Return (seconds until the last answer, the threads in which handlers ran)."""
    from channels.testing import WebsocketCommunicator

    threads = set()
    sockets = [WebsocketCommunicator(consumer.as_asgi(), "/") for _ in range(people)]
    for socket in sockets:
        socket.scope["threads"] = threads
        await socket.connect()
    start = time.perf_counter()
    for socket in sockets:
        await socket.send_to(text_data="go")
    for socket in sockets:
        await socket.receive_from(timeout=None)
    duration = time.perf_counter() - start
    for socket in sockets:
        await socket.disconnect()
    return duration, threads
