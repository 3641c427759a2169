"""What a message costs: `make bench`, or `python -m tests.bench --help`.

Each round measures all targets in turn, so that whatever else the machine does falls on
all of them.
"""

import argparse
import asyncio
import importlib.util
import itertools
import sys
from collections import defaultdict
from pathlib import Path

from tests.support.browser import ARTEFACTS
from tests.support.open_files import allow_files
from tests.support.valkey import url_of, valkey
from tutorial.shared.messages import TutorialError
from tutorial.shared.processes import INTERRUPTED, stop_on_signal
from tutorial.shared.steps import ROOT, all_steps

from . import measures
from .plots import write_plots
from .profile import profile
from .tables import JOINS, MESSAGES, STALLED, table
from .targets import SMALL, Load, project_of, running

LAST = all_steps()[-1].number
TARGETS = ["floor", "peer", "05", LAST, f"{LAST}-uvicorn"]


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
        help=f"{', '.join(SMALL)}, a step or a project's folder; with uvicorn in "
        f"the place of daphne: 05-uvicorn; default: {' '.join(TARGETS)}",
    )
    add = parser.add_argument
    add("--members", type=positive(int), nargs="+", default=[50, 200], metavar="N")
    add("--rounds", type=positive(int), default=3, metavar="N")
    add("--seconds", type=positive(float), default=1, help="of messages, in a round")
    number = {"type": positive(int), "metavar": "N"}
    processes = "of the server, over which the members are spread"
    add("--processes", nargs="+", default=[1], help=processes, **number)
    add = parser.add_mutually_exclusive_group().add_argument
    add("--rooms", default=1, help="with so many members each; all talk", **number)
    add("--joins", help="measure N more sockets that come and leave", **number)
    add("--stalled", help="measure the delays by N sockets that do not read", **number)
    add("--profile", type=Path, metavar="FILE", help="draw a flame graph instead, SVG")
    add = parser.add_argument
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


def plan(options):
    """Yield (target, Load) for all that a round measures."""
    for members in options.members:
        loads = [
            Load(members, options.rooms, processes, options.joins or 0, stalled)
            for processes in options.processes
            for stalled in ([0, options.stalled] if options.stalled else [0])
        ]
        for name, load in itertools.product(options.targets, loads):
            if name != "floor" or load.processes == 1:
                yield name, load


def run(options, measure):
    """Return {(target, Load): a Sample for each round}, and how many targets failed.

    One that loses a message is said to do so, and is not measured again.
    """
    for name in options.targets:
        if name not in SMALL:
            project_of(name)  # before anything is measured, which takes minutes
    samples, failed = defaultdict(list), set()
    if "floor" in options.targets and max(options.processes) > 1:
        print(
            "The floor has no broker between several processes: it is left out there."
        )
    if not (sockets := [load.sockets for _, load in plan(options)]):
        raise TutorialError("nothing is left to measure: name another target.")
    allow_files(max(sockets))
    with valkey() as redis:
        for number in range(1, options.rounds + 1):
            for name, load in plan(options):
                if (name, load) in failed:
                    continue
                print(f"Round {number}: {name}, {load}", flush=True)
                try:
                    with running(name, url_of(redis), load) as server:
                        sample = asyncio.run(measure(server, load, options.seconds))
                    samples[name, load].append(sample)
                except (AssertionError, ConnectionError) as error:
                    print(f"Error: {name}, {load}: {error}", file=sys.stderr)
                    failed.add((name, load))
    return samples, len(failed)


def run_profile(options):
    """Write the profile of the target that is named."""
    if len(options.targets) != 1:
        raise TutorialError(
            "name one target to be profiled, as in: 05 --profile 05.svg"
        )
    [name], members = options.targets, options.members[-1]
    file, seconds = options.profile.absolute(), max(options.seconds, 5)
    try:
        file.open("a").close()
    except OSError as error:
        raise TutorialError(f"{file} cannot be written: {error.strerror}.")
    print(f"{name}, {members} members, {seconds} s of messages", flush=True)
    with valkey() as server:
        asyncio.run(profile(name, url_of(server), members, seconds, file))
    print(f"The profile, for a browser: {file}")


def main(arguments):
    options = parse(arguments)
    measure, head = measures.messages, MESSAGES
    if options.joins:
        measure, head = measures.joins, JOINS
    elif options.stalled:
        measure, head = measures.stalled, STALLED
    try:
        with stop_on_signal():
            if options.profile:
                run_profile(options)
                return 0
            samples, failed = run(options, measure)
            if samples:
                print(f"\n{table(samples, head)}")
            if samples and head is MESSAGES and importlib.util.find_spec("matplotlib"):
                print(f"The same with plots: {write_plots(samples, options.folder)}")
            return min(failed, 1)
    except TutorialError as error:
        print(f"tutorial: {error}", file=sys.stderr)
        return 2
    except (AssertionError, ConnectionError) as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
