"""Where people are: in turn, as with least_conn, or by room. Exact, and seeded."""

import hashlib
import random
from bisect import bisect
from collections import Counter
from functools import cache
from itertools import cycle
from math import ceil
from types import SimpleNamespace

from .formula import FORMULAS, total

EVENT = 200  # bytes, as msgpack writes it
PER_PROCESS = 1000  # sockets
WRITES = 1 / 300  # messages of a person, a second
MOST = 1  # messages in a room, a second: nobody reads more
LOOK = 2  # seconds between two readings of a room's list (chapter 08)
POINTS = 160  # of each process on the ring, as in NGINX
BOUND = 1.25  # times the average number of sockets, as HAProxy's factor of 125


def equal(people, size=50):
    """Return the sizes of rooms that are all the same."""
    return [size] * (people // size)


def unequal(people):
    """Return sizes that fall as 1/rank: the largest room has a tenth of all people."""
    sizes, left = [], people
    while left:
        sizes.append(min(left, max(1, people // 10 // (len(sizes) + 1))))
        left -= sizes[-1]
    return sizes


def one(people):
    """Return the size of the only room."""
    return [people]


@cache
def people_of(sizes, seed=0):
    """Return the room of each person, in a random order in which all come.

    `sizes` is a tuple.
    """
    people = [room for room, size in enumerate(sizes) for _ in range(size)]
    random.Random(seed).shuffle(people)
    return people


def spreads_of(cells, rooms):
    """Return {process: people} for each room, from {(room, process): people}."""
    spreads = [{} for _ in range(rooms)]
    for (room, process), members in cells.items():
        spreads[room][process] = members
    return spreads


def least_conn(sizes, processes):
    """Place each person on the process with the fewest sockets.

    Nobody leaves, so it is always the next process in turn.
    """
    cells = Counter(zip(people_of(tuple(sizes)), cycle(range(processes)), strict=False))
    return spreads_of(cells, len(sizes))


def hashed(name):
    return int.from_bytes(hashlib.md5(str(name).encode()).digest()[:8])


@cache
def on_a_ring(processes):
    """Return two functions: one from a name to its process, the other to all of them.

    This is consistent hashing: each process has many points on a ring, and a name
    belongs to the one whose point follows its own. The others follow in their order.
    """
    points = ((hashed(f"{p}-{n}"), p) for p in range(processes) for n in range(POINTS))
    places, owners = zip(*sorted(points), strict=True)

    def candidates(name):
        start, seen = bisect(places, hashed(name)), set()
        for place in range(start, start + len(owners)):
            process = owners[place % len(owners)]
            if process not in seen:
                seen.add(process)
                yield process

    def owner(name):
        return owners[bisect(places, hashed(name)) % len(owners)]

    return owner, candidates


def by_room(sizes, processes):
    """Place all people of a room on the same process."""
    owner, _ = on_a_ring(processes)
    return [{owner(room): size} for room, size in enumerate(sizes)]


def bounded(sizes, processes):
    """Place people by room, but leave out processes that have BOUND of the average."""
    _, candidates = on_a_ring(processes)
    rest = [None] * len(sizes)  # the candidates for a room that have not been tried
    tried = [[] for _ in sizes]
    sockets, spreads = [0] * processes, [{} for _ in sizes]
    for number, room in enumerate(people_of(tuple(sizes)), 1):
        most = ceil(BOUND * number / processes)
        for process in tried[room]:
            if sockets[process] < most:
                break
        else:
            rest[room] = rest[room] or candidates(room)
            for process in rest[room]:
                tried[room].append(process)
                if sockets[process] < most:
                    break
        sockets[process] += 1
        spread = spreads[room]
        spread[process] = spread.get(process, 0) + 1
    return spreads


def moved(owner, other, rooms=10_000):
    """Return for which share of the rooms two functions name different processes."""
    return sum(owner(room) != other(room) for room in range(rooms)) / rooms


@cache
def event_in(kind, spread):
    """Return the Traffic of an event with a layer; most rooms are like another one."""
    return FORMULAS[kind](EVENT, spread)


def summary(spreads):
    """Return what the broker and the processes have to do in a second.

    The processes that a message reaches, on average; the Traffic for each layer; the
    readings of a list and the entries that they return; the sockets, and the
    deliveries, of the process that has most of them.
    """
    traffic = {kind: [] for kind in FORMULAS}
    reached = messages = looks = entries = 0
    sockets, deliveries = Counter(), Counter()
    for spread in spreads:
        people = sum(spread.values())
        rate = min(people * WRITES, MOST)
        messages += rate
        reached += rate * len(spread)
        looks += len(spread) / LOOK
        entries += people * len(spread) / LOOK
        alike = tuple(sorted(spread.values()))
        for kind in FORMULAS:
            traffic[kind].append(event_in(kind, alike) * rate)
        for process, members in spread.items():
            sockets[process] += members
            deliveries[process] += members * rate
    return SimpleNamespace(
        reached=reached / messages,
        traffic={kind: total(each) for kind, each in traffic.items()},
        looks=looks,
        entries=entries,
        sockets=max(sockets.values()),
        deliveries=max(deliveries.values()),
    )
