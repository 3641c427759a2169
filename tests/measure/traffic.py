"""What the broker carries: `python -m tests.measure.traffic`.

Prints what an event costs the broker, by the formulas in formula.py and as a real
Valkey counts it (counted.py). Then it prints what a site of many people does in a
second, by the simulation in placing.py. `--people` chooses how many. `--cpu` measures
Valkey's CPU time instead. docs/scale.md quotes the tables, and explains their columns.
"""

import argparse
import asyncio

from tests.support.valkey import url_of, valkey

from .counted import count, cpu, cpu_of_list
from .formula import FORMULAS
from .placing import (
    EVENT,
    PER_PROCESS,
    bounded,
    by_room,
    equal,
    hashed,
    least_conn,
    moved,
    on_a_ring,
    one,
    summary,
    unequal,
)

# Members of the room in each process; the last one is too large to be counted.
SPREADS = [[1], [50], [5] * 10, [1] * 50, [1000] * 100]
COUNTED = 50  # processes, at most
CPU = [[1], [50], [200], [5] * 10, [20] * 10, [1] * 50]
LISTS = [(50, 1), (50, 5), (50, 50), (1000, 100), (10_000, 100)]  # all, and its own
PEOPLE = [10_000, 100_000, 1_000_000]
ROOMS = {"rooms of 50": equal, "rooms of unequal size": unequal, "one room": one}
PLACES = {"least_conn": least_conn, "by room": by_room, "bounded": bounded}


def table(head, rows):
    """Return the rows as text: the first column is on the left, the others right."""
    lines = [head, *(list(map(str, row)) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    text = ""
    for first, *others in lines:
        cells = [first.ljust(widths[0])]
        cells += [cell.rjust(n) for cell, n in zip(others, widths[1:], strict=True)]
        text += "  ".join(cells).rstrip() + "\n"
    return text


def one_event(url):
    """Yield a row for each spread and layer: formula and count, side by side."""
    for spread in SPREADS:
        for kind, formula in FORMULAS.items():
            expected, counted = formula(EVENT, spread), ["", "", ""]
            if len(spread) <= COUNTED:
                counted = asyncio.run(count(kind, url, spread, EVENT))
            pairs = zip(expected, counted, strict=True)
            yield [
                kind,
                sum(spread),
                len(spread),
                *(it for pair in pairs for it in pair),
            ]


def cpu_of_an_event(url):
    for spread in CPU:
        used = [asyncio.run(cpu(kind, url, spread, EVENT)) for kind in FORMULAS]
        yield [sum(spread), len(spread), *(f"{seconds * 1e6:.0f}" for seconds in used)]


def cpu_of_a_list(url):
    for entries, own in LISTS:
        seconds = asyncio.run(cpu_of_list(url, entries, own))
        yield [entries, own, f"{seconds * 1e6:.0f}"]


def site(people, make):
    """Yield a row for each way to place so many people; `make` returns the rooms."""
    sizes, processes = make(people), people // PER_PROCESS
    for name, place in PLACES.items():
        found = summary(place(sizes, processes))
        core, pubsub = found.traffic["core"], found.traffic["pub/sub"]
        yield [
            name,
            people,
            len(sizes),
            processes,
            f"{found.reached:.1f}",
            f"{core.received / 1e6:.1f}",
            f"{core.sent / 1e6:.1f}",
            f"{core.commands:.0f}",
            f"{pubsub.sent / 1e6:.2f}",
            f"{found.looks:.0f}",
            f"{found.entries / 1e3:.0f}",
            found.sockets,
            f"{found.deliveries:.0f}",
        ]


def parse(arguments):
    parser = argparse.ArgumentParser(prog="python -m tests.measure.traffic")
    add = parser.add_argument
    add("--people", type=int, nargs="+", default=PEOPLE, metavar="N")
    add("--cpu", action="store_true", help="measure Valkey's CPU time for an event")
    return parser.parse_args(arguments)


def main(options):
    with valkey() as server:
        if options.cpu:
            head = ["members", "processes", *(f"{kind} µs" for kind in FORMULAS)]
            print(table(head, cpu_of_an_event(url_of(server))))
            rows = cpu_of_a_list(url_of(server))
            return print(table(["list", "own", "look µs"], rows))
        head = ["layer", "members", "processes", "received", "counted", "sent"]
        head += ["counted", "commands", "counted"]
        print(f"One event of {EVENT} bytes:\n")
        print(table(head, one_event(url_of(server))))
    head = ["placing", "people", "rooms", "processes", "reached", "core in", "out"]
    head += ["commands", "pub/sub out", "looks", "entries", "sockets", "deliveries"]
    for name, make in ROOMS.items():
        # A million people in a single room would be a million deliveries a message.
        sizes = [100_000] if make is one else options.people
        print(f"A second, with {name}:\n")
        print(table(head, [row for people in sizes for row in site(people, make)]))
    ring = moved(on_a_ring(100)[0], on_a_ring(101)[0])
    rest = moved(lambda room: hashed(room) % 100, lambda room: hashed(room) % 101)
    print(f"With process 101, {ring:.1%} of the rooms move on the ring,")
    print(f"and {rest:.1%} if a process is the remainder of a division.")


if __name__ == "__main__":
    main(parse(None))
