"""Measure how long synchronous and asynchronous consumers wait for each other.

It uses Channels' own consumers and its test communicator, in this process, without a
server and without Redis: the time that they need would hide what is measured.
"""

import asyncio
import os
import threading
import time

from ..shared.messages import TutorialError, say
from ..shared.processes import INTERRUPTED


def add_parser(subparsers):
    """Add `tutorial measure [--people N] [--seconds S]`."""
    parser = subparsers.add_parser(
        "measure",
        help="measure how long sync and async consumers wait for each other",
        epilog="Example: tutorial measure --people 20 --seconds 0.1",
    )
    parser.add_argument("--people", type=int, default=6, help="default: 6")
    parser.add_argument("--seconds", type=float, default=0.5, help="default: 0.5")
    parser.set_defaults(call=lambda args: measure(args.people, args.seconds))


def measure(people, seconds):
    """Print, for each kind of consumer, when the last of `people` gets an answer."""
    if not (0 < people <= 1000 and 0 < seconds <= 1000):
        raise TutorialError("choose numbers above 0 and up to 1000.")
    say(f"{people} people at once, {seconds} s of waiting for each:\n")
    row = "{:28}   {:>30}   {}".format
    say(row("consumer", "the last one is answered after", "handlers run in"))
    for name, consumer in consumers(seconds).items():
        try:
            duration, threads = asyncio.run(let_all_speak(consumer, people))
        except KeyboardInterrupt:
            os._exit(INTERRUPTED)  # Python would wait for the handlers in threads
        others = len(threads - {threading.main_thread().name})
        where = f"{others} other thread" if others else "the event loop"
        say(row(name, f"{duration:.1f} s", where))
    return 0


def consumers(seconds):
    """Return {name: consumer class}; each waits `seconds`, then sends its thread."""
    from django.conf import settings

    if not settings.configured:
        settings.configure()
    from channels.generic.websocket import AsyncWebsocketConsumer, WebsocketConsumer

    class Sync(WebsocketConsumer):
        def receive(self, text_data):
            time.sleep(seconds)
            self.send(threading.current_thread().name)

    class Async(AsyncWebsocketConsumer):
        async def receive(self, text_data):
            await asyncio.sleep(seconds)
            await self.send(threading.current_thread().name)

    class Blocking(AsyncWebsocketConsumer):
        async def receive(self, text_data):
            time.sleep(seconds)  # noqa: ASYNC251, the mistake to be measured
            await self.send(threading.current_thread().name)

    return {
        "sync, time.sleep()": Sync,
        "async, await asyncio.sleep()": Async,
        "async, time.sleep()": Blocking,
    }


async def let_all_speak(consumer, people):
    """Return (seconds until the last answer, the names of the handlers' threads)."""
    from channels.testing import WebsocketCommunicator

    sockets = [WebsocketCommunicator(consumer.as_asgi(), "/") for _ in range(people)]
    for socket in sockets:
        await socket.connect(timeout=None)
    start = time.perf_counter()
    for socket in sockets:
        await socket.send_to(text_data="go")
    threads = {await socket.receive_from(timeout=None) for socket in sockets}
    duration = time.perf_counter() - start
    for socket in sockets:
        await socket.disconnect(timeout=None)
    return duration, threads
