"""Run the parts of the tests side by side, each in a process of its own.

Two steps cannot share a process: both have a package `config` and an app `chat`. And a
part that waits, for a browser or for a heartbeat, leaves the processor to others.
"""

import os
import re
import signal
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass

from tests.support import warm
from tutorial.shared.steps import ROOT, all_steps

# More than there are processors, because every part waits now and then.
AT_ONCE = 5
SHOWN = 10


@dataclass
class Part:
    """Some tests, the arguments that choose them, and what came of them."""

    name: str
    arguments: list
    status: int = 0
    said: str = ""
    seconds: float = 0
    computed: float = 0


def parts_of(step, everything):
    """Return the Parts, those that take longest first; of one step, if it is named."""
    steps = [step] if step else all_steps()
    parts = []
    if everything:
        parts += [part_of(step, "chapters", "tests/chapters") for step in steps]
    parts += [part_of(step, "spec", "tests/spec") for step in steps]
    if everything:
        live = ("tests/servers", "tests/browser")
        parts += [part_of(step, "live", *live) for step in steps]
    if not step:
        names = ("mutants", "notebooks", "house") if everything else ("house",)
        parts = [Part(name, [f"tests/{name}"]) for name in names] + parts
    return parts


def part_of(step, name, *folders):
    """Return the Part of a step with the tests in some folders."""
    return Part(f"{step.number} {name}", ["--step", step.number, *folders])


def run(step, arguments, everything):
    """Run all Parts with pytest's other `arguments`; return pytest's exit status."""
    start = time.monotonic()
    parts = parts_of(step, everything)
    processes = []

    def run_part(part):
        command = ["-m", "pytest", "-q", "--color=no", *arguments, *part.arguments]
        began = time.monotonic()
        env = os.environ | {"PART": part.name}
        process = warm.Python(command, ROOT, env)
        processes.append(process)
        process.stdin.close()
        part.said = process.stdout.read()
        part.status = process.wait()
        part.seconds = time.monotonic() - began
        part.computed = process.computed
        process.close()
        return part

    warm.address()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        runs = [pool.submit(run_part, part) for part in parts]
        try:
            for done in as_completed(runs):
                report(done.result())
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in processes:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGINT)
            raise
    return summary(parts, time.monotonic() - start)


def report(part):
    """Print a line for a Part that has passed, and everything that another has said."""
    if part.status in (0, 5):  # 5: no test of that folder holds at the step
        last = part.said.strip().splitlines()[-1]
        print(f"{part.name:12} {last}", flush=True)
    else:
        print(f"\n{part.said}\n{part.name:12} FAILED, status {part.status}", flush=True)


def summary(parts, seconds):
    """Print where the time went, and the numbers of all; return the exit status."""
    print(f"\n{'the slowest parts':20} {'seconds':>8} {'computing':>10} {'waiting':>8}")
    for part in sorted(parts, key=lambda part: -part.seconds)[:SHOWN]:
        waited = max(part.seconds - part.computed, 0)
        row = f"{part.seconds:8.1f} {part.computed:10.1f} {waited:8.1f}"
        print(f"{part.name:20} {row}")
    counts = {}
    for part in parts:
        for number, word in re.findall(
            r"(\d+) (passed|failed|errors?|skipped)",
            part.said.strip().rpartition("\n")[2],
        ):
            counts[word] = counts.get(word, 0) + int(number)
    computed = sum(part.computed for part in parts)
    print(f"{'all':20} {seconds:8.1f} {computed:10.1f}\n")
    failed = [part.name for part in parts if part.status not in (0, 5)]
    told = ", ".join(f"{number} {word}" for word, number in counts.items())
    print(f"===== {told} in {seconds:.0f} s =====")
    if failed:
        print(f"FAILED: {', '.join(failed)}")
    return 1 if failed else 0
