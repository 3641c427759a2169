"""What a message costs: `make bench`, or `python -m tests.bench --help`.

Each round measures all targets in turn, so that whatever else the machine does falls on
all of them. The members of one room say something one after the other; the next one
speaks when all have heard it.
"""

import argparse
import asyncio
import importlib.util
import statistics
import sys
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from tests.support.browser import ARTEFACTS
from tests.support.usage import cpu_and_memory
from tests.support.valkey import url_of, valkey
from tutorial.shared.messages import TutorialError
from tutorial.shared.processes import INTERRUPTED, stop_on_signal
from tutorial.shared.steps import ROOT, all_steps

from .profile import record
from .report import table, write_plots
from .sockets import Crowd
from .targets import running

LAST = all_steps()[-1].number
# From step 15 on, a socket may send a hundred at once; heartbeats count, too.
FRAMES = 90
TARGETS = ["floor", "peer", "05", LAST, f"{LAST}-uvicorn"]


@dataclass
class Sample:
    """What one round has shown of a target, with so many members.

    `cpu` is that of the server for each delivery, in seconds; `delays` are from sending
    to hearing, in seconds; `memory` is that of the server for each socket, in bytes.
    """

    cpu: float
    delays: list
    memory: float

    @property
    def median(self):
        return statistics.median(self.delays)

    @property
    def late(self):
        """The delay that one of a hundred deliveries exceeds."""
        return statistics.quantiles(self.delays, n=100)[98]


async def measure(name, redis_url, members, seconds):
    """Return a Sample of the target `name`; messages are sent for so many seconds.

    Raises AssertionError if a member does not hear a message.
    """
    with running(name, redis_url, members) as server:
        crowd = Crowd()
        await crowd.enter(server.port, server.path, server.cookies, 1)
        await crowd.say()
        _, empty = cpu_and_memory(server.process.pid)
        await crowd.enter(server.port, server.path, server.cookies, members - 1)
        await crowd.say()  # all that came before has been handled
        before, full = cpu_and_memory(server.process.pid)
        delays, end = [], time.monotonic() + seconds
        while time.monotonic() < end and crowd.number < FRAMES * members:
            delays += await crowd.say()
        after, _ = cpu_and_memory(server.process.pid)
        crowd.leave()
    return Sample((after - before) / len(delays), delays, (full - empty) / members)


async def profile(name, redis_url, members, seconds, file):
    """Write into `file`, an SVG, what a target does while messages are sent.

    Raises TutorialError if the profiler may not look into the server.
    """
    with running(name, redis_url, members) as server:
        crowd = Crowd()
        await crowd.enter(server.port, server.path, server.cookies, members)
        await crowd.say()  # all that came before has been handled
        recording = asyncio.create_task(record(server.process.pid, file, seconds))
        while not recording.done() and crowd.number < FRAMES * members:
            await crowd.say()
        await recording
        crowd.leave()


def parse(arguments):
    """Return the options, from the words of a command line."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench", description="Measure what a message costs."
    )
    parser.add_argument(
        "targets",
        nargs="*",
        default=TARGETS,
        metavar="TARGET",
        help="floor, peer, a step or a project's folder; with uvicorn in the place of "
        f"daphne: 05-uvicorn; default: {' '.join(TARGETS)}",
    )
    add = parser.add_argument
    add("--members", type=positive(int), nargs="+", default=[50, 200], metavar="N")
    add("--rounds", type=positive(int), default=3, metavar="N")
    add("--seconds", type=positive(float), default=1, help="of messages, in a round")
    add("--profile", type=Path, metavar="FILE", help="write a flame graph instead, SVG")
    add("--folder", default=ROOT / ARTEFACTS, type=Path, help="where plots are written")
    return parser.parse_args(arguments)


def positive(kind):
    """Return a type for argparse: a number above zero."""

    def number(text):
        value = kind(text)
        if value <= 0:
            raise ValueError
        return value

    return number


def run(options):
    """Return {(target, members): a Sample for each round}; say what is measured."""
    samples = defaultdict(list)
    with valkey() as server:
        for number in range(1, options.rounds + 1):
            for members in options.members:
                for name in options.targets:
                    print(f"Round {number}: {name}, {members} members", flush=True)
                    measuring = measure(name, url_of(server), members, options.seconds)
                    samples[name, members].append(asyncio.run(measuring))
    return samples


def run_profile(options):
    """Write the profile of the target that is named."""
    if len(options.targets) != 1:
        raise TutorialError(
            "name one target to be profiled, as in: 05 --profile 05.svg"
        )
    [name], members = options.targets, options.members[-1]
    file, seconds = options.profile.absolute(), max(options.seconds, 5)
    print(f"{name}, {members} members, {seconds} s of messages", flush=True)
    with valkey() as server:
        asyncio.run(profile(name, url_of(server), members, seconds, file))
    print(f"The profile, for a browser: {file}")


def main(arguments):
    options = parse(arguments)
    try:
        with stop_on_signal():
            if options.profile:
                run_profile(options)
                return 0
            samples = run(options)
            print(f"\n{table(samples)}")
            if importlib.util.find_spec("matplotlib"):
                print(f"The same with plots: {write_plots(samples, options.folder)}")
            else:
                print("There are no plots: `make bench` installs what draws them.")
            return 0
    except (AssertionError, ConnectionError, TutorialError) as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
