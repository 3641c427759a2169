"""What the bench measures: messages, those who come and go, and those who do not read.

In each, the members of a room say something one after the other; the next one speaks
when all have heard it. Each function raises AssertionError if a member does not.
"""

import asyncio
import statistics
import time
from collections import Counter
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from itertools import chain, islice

from .sockets import Crowd
from .targets import PAUSE

# From step 15 on, a socket may send a hundred at once; heartbeats count, too.
FRAMES = 90
# As JSON, each has 24 kB. Together it is more than what Linux keeps for a reader whose
# own buffer is small (4 MB at most, tcp(7)), and what step 21 keeps then.
LONG, LONG_ONES = "😀" * 1980, 300


@dataclass
class Sample:
    """What one round has shown of a target, under one Load.

    `cpu` is that of the server for each delivery, or for each socket that came and
    left, in seconds; `delays` are from sending to hearing, in seconds; `memory` is that
    of the server for each socket, or all that it has grown by, in bytes. `rate` is how
    many came and left in a second; `codes` counts those with which the sockets that did
    not read were closed (None: they are open).
    """

    cpu: float
    delays: list
    memory: float = 0
    rate: float = 0
    codes: Counter = field(default_factory=Counter)

    @property
    def median(self):
        return statistics.median(self.delays)

    @property
    def late(self):
        """The delay that one of a hundred deliveries exceeds."""
        return statistics.quantiles(self.delays, n=100)[98]


async def messages(server, load, seconds):
    """Return a Sample: messages are sent for so many seconds, in all rooms at once."""
    seats = server.seats(server.cookies)
    with ExitStack() as stack:
        rooms = [stack.enter_context(crowd(server, n + 1)) for n in range(load.rooms)]
        await rooms[0].enter(islice(seats, 1))
        await rooms[0].say()
        _, empty = server.usage()
        for room in rooms:
            await room.enter(islice(seats, load.members - len(room.members)))
        await in_all(rooms, Crowd.say)  # all that came before has been handled
        before, full = server.usage()
        end = time.monotonic() + seconds
        delays = list(chain(*await in_all(rooms, talk, load, end)))
        after, _ = server.usage()
        await in_all(rooms, Crowd.say)  # nothing has gone into a wrong room
    return Sample((after - before) / len(delays), delays, (full - empty) / load.sockets)


def crowd(server, number=1):
    """Return a Crowd for a `with` block, in one of the server's rooms."""
    return closing(Crowd(server.path.format(number), number))


async def in_all(rooms, call, *arguments):
    return await asyncio.gather(*(call(room, *arguments) for room in rooms))


async def talk(room, load, end):
    """Let a room talk until a time; return the delays of all its deliveries."""
    delays = []
    # Once at least, also where the time is over before the first message.
    while not delays or (time.monotonic() < end and may_speak(room, load)):
        delays += await room.say()
    return delays


def may_speak(room, load):
    return room.number < FRAMES * load.members


async def joins(server, load, seconds):
    """Return a Sample: for so many seconds, sockets come, hear a message, and leave."""
    cookies, newcomers = server.cookies[: -load.joins], server.cookies[-load.joins :]
    with crowd(server) as room:
        await room.enter(islice(server.seats(cookies or newcomers), load.members))
        await room.say()
        await server.until_quiet()
        (before, _), start = server.usage(), time.monotonic()
        count, delays, end = 0, [], start + seconds
        while not count or (time.monotonic() < end and may_speak(room, load)):
            seats = islice(server.seats(newcomers), load.joins)
            new = await asyncio.gather(*(room.open(*seat) for seat in seats))
            room.members += new
            delays += await room.say()
            del room.members[load.members :]
            await asyncio.gather(*(member.leave() for member in new))
            count += load.joins
        await server.until_quiet()
        passed = time.monotonic() - start - PAUSE
        after, _ = server.usage()
        await room.say()
    return Sample((after - before) / count, delays, rate=count / passed)


async def stalled(server, load, seconds):
    """Return a Sample: long messages are sent, and some sockets do not read them.

    There is a fixed number of messages; `seconds` does not count.
    """
    seats = server.seats(server.cookies)
    with crowd(server) as room:
        await room.enter(islice(seats, load.members))
        slow = [await room.open(*it, narrow=True) for it in islice(seats, load.stalled)]
        for member in slow:
            member.stop_reading()
        await room.say()
        (before, memory), delays = server.usage(), []
        largest = memory
        while room.number < LONG_ONES and may_speak(room, load):
            delays += await room.say(LONG)
            if room.number % 10 == 0:
                largest = max(largest, server.usage()[1])
        after, _ = server.usage()
        codes = Counter([await member.code() for member in slow])
    cpu = (after - before) / len(delays)
    return Sample(cpu, delays, largest - memory, codes=codes)
