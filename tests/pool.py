"""Run the parts of the tests side by side, each in a process of its own.

Two steps cannot share a process: both have a package `config` and an app `chat`. And a
part that waits, for a browser or for a heartbeat, leaves the processor to the others.
"""

import contextlib
import json
import os
import re
import signal
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, as_completed, wait
from dataclasses import dataclass
from pathlib import Path

from tests.digests import Digests
from tests.support import warm
from tutorial.shared.processes import INTERRUPTED, SUPERVISED
from tutorial.shared.steps import ROOT, all_steps

# The kinds of tests that a step has, and where they are.
KINDS = {
    "chapter": ["tests/chapters"],
    "mutants": ["tests/mutants"],
    "live": ["tests/servers", "tests/browser"],
    "spec": ["tests/spec"],
}
# Where all of the tests with a server or a browser run, they are in smaller parts. Of
# those with servers, the longest are parts of their own.
OWN = {
    "brokers": ["tests/servers/test_brokers.py"],
    "database": ["tests/servers/test_postgresql.py"],
    "update": ["tests/servers/test_update.py"],
}
LIVE = {
    "servers": ["tests/servers", *(f"--ignore={own}" for (own,) in OWN.values())],
    "browser": ["tests/browser"],
} | OWN
LAST_KINDS = {kind: where for kind, where in KINDS.items() if kind != "live"} | LIVE
# Tests that belong to no step.
NO_STEP = {
    "house": ["tests/house"],
    "tool": ["tests/tool", "--ignore=tests/tool/test_check.py"],
    "check": ["tests/tool/test_check.py"],
    "stage": ["tests/stage"],
    "notebooks": ["tests/notebooks"],
}
# Of a step that runs alone. Mutants test the tests: they run with those of all steps.
KINDS_ALONE = {
    "replay": ["tests/chapters/test_replay.py"],
    "answers": ["tests/chapters/test_answers.py"],
    "troubles": ["tests/chapters/test_troubles.py"],
    "spec": KINDS["spec"],
} | LIVE
# Each mistake waits for what never comes, so they wait side by side.
for share in range(1, 9):
    mistakes = ["tests/chapters/test_mistakes.py", f"--share={share}/8"]
    KINDS_ALONE[f"mistakes-{share}"] = mistakes
# Up to here, the tests of all steps take less than those of one later step.
LAST_QUICK = "08"
# So many parts run at once, because every part waits now and then. If the processors
# were busy for less than BUSY % during PAUSE seconds, one more begins, up to MOST. But
# each may need ROOM bytes of memory. Those of one step, which mostly wait, all begin.
FEW = 2 * min(os.cpu_count() or 1, 4) + 1
MOST = 2 * FEW
PAUSE, BUSY, ROOM = 3, 75, 2 * 2**30
# Of each part, how long it took when it passed, and the digest of what it tested.
PASSED = Path(sys.prefix, "passed.json")
# What pytest makes of the assertions in a test is kept for the next time, and so is
# what the driver of the browser makes of its own code.
KEPT = {
    "KEEP_BYTECODE": "1",
    "NODE_COMPILE_CACHE": str(Path(sys.prefix, "compiled-by-node")),
}
# The signals by which somebody ends the tests.
ENDS = {signal.SIGINT, signal.SIGTERM}
# pytest's exit statuses.
OK, NO_TESTS = 0, 5
# With these, there may be no test: none of a folder may hold at a step.
CHOOSING = ("--step", "-k", "-m")


@dataclass
class Part:
    """Some tests, the arguments that choose them, and what came of them.

    `tested` is what Digests.of() needs for the digest, which changes with all that
    decides whether they pass; if it is empty, that is not known.
    """

    name: str
    arguments: list
    tested: tuple = ()
    digest: str = ""
    status: int = OK
    said: str = ""
    seconds: float = 0
    computed: float = 0

    @property
    def failed(self):
        *_, arguments = self.tested or [self.arguments]
        may_be_empty = any(it.startswith(CHOOSING) for it in arguments)
        return self.status != OK and not (self.status == NO_TESTS and may_be_empty)


def parts_of(step, arguments, everything):
    """Return the Parts, those that take longest first; of one step, if it is named.

    How long they take is known when they have passed; before, later steps come first.
    """
    parts, digests = [], Digests()

    def add(name, kind, step, own):
        tested = kind, step, [*arguments, *own]
        parts.append(Part(name, own, tested, digests.of(*tested)))

    if not step:
        for name, chosen in NO_STEP.items():
            if everything or name != "notebooks":
                add(name, name, None, chosen)
    for each in [step] if step else all_steps()[::-1]:
        for kind, chosen in kinds_of(each, everything, alone=bool(step)).items():
            add(f"{each.number} {kind}", kind, each, ["--step", each.number, *chosen])
    passed = read_passed()
    return sorted(parts, key=lambda part: -passed.get(part.name, [1000])[0])


def kinds_of(step, everything, alone):
    """Return {kind: pytest's arguments} of all that is to be tested at a step.

    After step 08, a test of the spec, or one with a server or a browser, runs at the
    first step where it holds, and at the last one. With ALL_STEPS set, or if the step
    runs `alone`, it runs at each. (`make pythons` runs the quick spec at each.)
    """
    kinds, ends_only = KINDS, False
    if alone:
        kinds = KINDS_ALONE
    elif step == all_steps()[-1]:
        kinds = LAST_KINDS
    else:
        ends_only = step.number > LAST_QUICK and "ALL_STEPS" not in os.environ
    chosen = {kind: kinds[kind] for kind in (kinds if everything else ["spec"])}
    if ends_only:
        for kind, arguments in chosen.items():
            which = "all" if kind == "spec" else "slow"
            chosen[kind] = [*arguments, f"--first-and-last={which}"]
    return chosen


def read_passed():
    """Return {name of a Part: [seconds, digest]} as it was when it passed."""
    with contextlib.suppress(OSError, ValueError):
        return json.loads(PASSED.read_text())
    return {}


def run(step, arguments, everything):
    """Run all Parts with pytest's other `arguments`; return an exit status.

    A Part that has passed and would test the same again is left out, unless CI is set
    or one step is named. Ctrl-C ends all that runs, and the status is 130.
    """
    start = time.monotonic()
    parts = parts_of(step, arguments, everything)
    if not (step or "CI" in os.environ):
        parts = without_those_that_passed(parts)
    try:
        with tempfile.TemporaryDirectory(prefix="tests-") as folder:
            run_all(parts, arguments, Path(folder), few=MOST if step else FEW)
    except KeyboardInterrupt:
        print("\nInterrupted: all that was started has ended.")
        return INTERRUPTED
    return summary(parts, time.monotonic() - start)


def without_those_that_passed(parts):
    """Return the Parts without those that have passed as they are now; name these."""
    passed = read_passed()
    same = [it for it in parts if it.digest == passed.get(it.name, [0, None])[1]]
    same = [part for part in same if part.digest]
    if same:
        names = ", ".join(sorted(part.name for part in same))
        print(f"Nothing has changed since these passed: {names}.")
        print("CI=true make test runs them all the same.\n", flush=True)
    return [part for part in parts if part not in same]


def run_all(parts, arguments, folder, few):
    """Run Parts side by side, at least a `few`, if there are so many.

    Temporary files of each are in a folder of its own.
    """
    processes = []
    ready = folder / "databases"
    ready.mkdir()

    def run_part(part):
        command = ["-m", "pytest", "-q", "-rs", "--color=no"]
        command += [*arguments, *part.arguments]
        temporary = folder / part.name.replace(" ", "-")
        temporary.mkdir()
        own = {"PART": part.name, "TMPDIR": str(temporary), "DATABASES": str(ready)}
        began = time.monotonic()
        process = warm.Python(command, ROOT, os.environ | KEPT | own)
        processes.append(process)
        process.stdin.close()
        part.said = process.stdout.read().strip()
        part.status = process.wait()
        processes.remove(process)
        part.seconds = time.monotonic() - began
        part.computed = process.computed
        process.close()
        return part

    warm.address()
    running = set()
    with ThreadPoolExecutor(MOST) as pool:
        try:
            for part in parts:
                wait_for_time(running, few)
                # Ctrl-C has to wait until what has begun is known.
                signal.pthread_sigmask(signal.SIG_BLOCK, ENDS)
                running.add(pool.submit(run_part, part))
                signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDS)
            report_done(running, as_completed(running))
        except KeyboardInterrupt:
            # Again and again: a test may take the first signal for its own. But not
            # soon, because the next one would interrupt what stops a supervisor.
            while wait(running, timeout=0).not_done:
                for process in list(processes):
                    with contextlib.suppress(ProcessLookupError):
                        os.killpg(process.pid, signal.SIGTERM)
                wait(running, timeout=2 * SUPERVISED)
            raise


def wait_for_time(running, few):
    """Wait until another part may begin; report those of `running` that have ended."""
    # Not at the top: the spec alone, as in `make pythons`, does without it.
    import psutil

    psutil.cpu_percent()  # each call counts from the one before
    while len(running) >= few:
        done, _ = wait(running, PAUSE, FIRST_COMPLETED)
        report_done(running, done)
        has_time = psutil.cpu_percent() < BUSY
        has_room = psutil.virtual_memory().available > ROOM
        if not done and len(running) < MOST and has_time and has_room:
            return


def report_done(running, done):
    """Report the Parts of the Futures `done`, and take these out of `running`."""
    for run in done:
        report(run.result())
        running.remove(run)


def report(part):
    """Print one line of what a Part has said, or all of it if a test has failed.

    Below this line it says which tests were skipped, and why.
    """
    if part.failed:
        print(f"\n{part.said}\n{part.name}: FAILED, status {part.status}", flush=True)
    else:
        *lines, last = part.said.splitlines()
        skipped = [line for line in lines if line.startswith("SKIPPED")]
        print(f"{part.name:12} {last}", *skipped, sep="\n", flush=True)


def summary(parts, seconds):
    """Print where the time went, and how many passed; return the exit status."""
    longest = sorted(parts, key=lambda part: -part.seconds)
    print(f"\n{'':12} {'seconds':>9} {'computing':>10} {'waiting':>8}")
    for part in longest[:10]:
        print_row(part.name, part.seconds, part.computed)
    print_row("all", seconds, sum(part.computed for part in parts))
    counts = Counter()
    for part in parts:
        last = part.said.rpartition("\n")[2]
        for number, word in re.findall(r"(\d+) (passed|failed|error|skipped)", last):
            counts[word] += int(number)
    told = ", ".join(f"{number} {word}" for word, number in counts.items())
    print(f"\n===== {told or 'nothing to run'} in {seconds:.0f} s =====")
    remember(parts)
    failed = [part.name for part in parts if part.failed]
    if failed:
        print(f"Failed: {', '.join(failed)}.")
        return 1
    return OK


def remember(parts):
    """Write down how long each Part took, and what need not be tested again.

    What was skipped is tried again: what it needs may have been installed. So is what
    somebody has changed while it was tested.
    """
    ran, digests = {}, Digests()
    for part in parts:
        passed = not part.failed and " skipped" not in part.said[-100:]
        same = part.digest and part.digest == digests.of(*part.tested)
        ran[part.name] = [part.seconds, part.digest if passed and same else ""]
    PASSED.write_text(json.dumps(read_passed() | ran))


def print_row(name, seconds, computed):
    """Print what took so many seconds, of which so many were spent on computing."""
    # What starts processes of its own may compute longer than it lasts.
    waited = max(seconds - computed, 0)
    print(f"{name:12} {seconds:9.1f} {computed:10.1f} {waited:8.1f}")
