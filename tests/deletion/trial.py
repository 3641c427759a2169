"""Delete the pieces of a step, one at a time, several at once, and run the tests."""

import re
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.support import warm
from tests.support.folders import copy_folder
from tests.support.spec_run import run_spec

from .cuts import Cut, cuts_of, without

# More than there are processors, because much of a trial is waiting.
AT_ONCE = 4
# What runs, one after the other, until a test is red: its files, and options.
QUICK = ["tests/spec"], []
# The spec runs again on other databases and brokers, which takes minutes.
ONCE = "not can_do_the_same"
RUNS = [
    QUICK,
    (["tests/servers"], ["-m", "server and not waiting"]),
    (["tests/spec", "tests/servers"], ["-m", "waiting", "-k", ONCE]),
]
# How many seconds a test waits for what does not come (a heartbeat is 6), and after how
# many all that runs is killed: that counts as red, so only what hangs may meet it.
IMPATIENT = {"TEST_DEADLINE": "2", "timeout": 400}
PATIENT = {"TEST_DEADLINE": "10", "timeout": 1000}
GREEN = 0, 5  # 5: no test of this kind holds at the step


@dataclass(frozen=True)
class Piece:
    """A Cut in the file `path` of a step, relative to it."""

    path: str
    cut: Cut

    @property
    def key(self):
        """What it is listed by: its file, and its name in there."""
        return self.path, self.cut.name

    def is_in(self, pieces):
        """Return whether it is a part of one of these pieces."""
        same_file = (each.cut for each in pieces if each.path == self.path)
        return any(cut.holds(self.cut) for cut in same_file)


@dataclass
class Result:
    """What came of a step: how many pieces each folder of tests misses, and the rest.

    `survivors` are the keys of those that no test misses.
    """

    step: object
    red: Counter
    survivors: set
    seconds: float

    def __str__(self):
        spec, servers = self.red["spec"], self.red["servers"]
        counts = f"{spec} red by the spec, {servers} by the servers"
        counts += f", {len(self.survivors)} survive"
        return f"{self.step.name}: {counts}; {self.seconds:.0f} s"


class RedStep(Exception):
    """One sentence: a step is red as it is, so that nothing can be seen at it."""


def pieces_of(step):
    """Return the Pieces of a step."""
    return [
        Piece(file.relative_to(step.path).as_posix(), cut)
        for file in sorted(step.path.rglob("*.py"))
        for cut in cuts_of(file.read_text(encoding="utf-8"))
    ]


def outermost(pieces):
    """Return those pieces that are a part of no other of them."""
    return [piece for piece in pieces if not piece.is_in(pieces)]


class Trials:
    """Trials of several steps; the test that was red last time is the first to run."""

    def __init__(self):
        self._red = {}  # key of a piece, or path of a file: (test, options)

    def of_step(self, step, listed):
        """Return the Result of a step; `listed` are the keys of known survivors.

        What is inside a known survivor is not tried. Raises RedStep.
        """
        start = time.monotonic()
        pieces = pieces_of(step)
        known = outermost([piece for piece in pieces if piece.key in listed])
        rest = [each for each in pieces if each not in known and not each.is_in(known)]
        warm.address()  # starts the server of forks, before two threads do
        with ThreadPoolExecutor(AT_ONCE) as pool:
            try:
                together = pool.submit(self.survivors_among, step, known)
                alone = list(pool.map(lambda piece: self._try_alone(step, piece), rest))
                survivors = together.result()
                if survivors != known and (red := self._try(step, [], PATIENT)):
                    raise RedStep(f"{step.name} is red with nothing deleted: {red[0]}")
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                warm.interrupt()
                raise
        survivors += [each for each, test in zip(rest, alone, strict=True) if not test]
        red = Counter(test.split("/")[1] for test in alone if test)
        keys = {piece.key for piece in outermost(survivors)}
        return Result(step, red, keys, time.monotonic() - start)

    def survivors_among(self, step, pieces):
        """Return those pieces that survive.

        They are deleted all at once, which also shows that tests can be green here;
        half of them at a time, if a test misses them.
        """
        if not self._try(step, pieces, PATIENT):
            return pieces
        middle = len(pieces) // 2
        halves = (pieces[:middle], pieces[middle:]) if middle else ()
        return [each for half in halves for each in self.survivors_among(step, half)]

    def _try_alone(self, step, piece):
        """Return the test that misses a piece, "" if none does."""
        before = self._red.get(piece.key) or self._red.get(piece.path)
        runs = [before, *RUNS] if before else RUNS
        test, options = self._try(step, [piece], IMPATIENT, runs) or ("", [])
        if "::" in test:
            self._red[piece.key] = [test], options
            if options == QUICK[1]:
                self._red[piece.path] = [test], options
        return test

    def _try(self, step, pieces, patience, runs=RUNS):
        """Return the first red test without these pieces, and its options; or None."""
        with tempfile.TemporaryDirectory(prefix="deletion-") as folder:
            copy = copy_folder(step.path, Path(folder, "copy"))
            for path in {piece.path for piece in pieces}:
                cuts = [piece.cut for piece in pieces if piece.path == path]
                source = (copy / path).read_text(encoding="utf-8")
                (copy / path).write_text(without(source, cuts), encoding="utf-8")
            for tests, options in runs:
                arguments = [*tests, *options, "-x", "-q", "--tb=no"]
                limits = PATIENT if options else patience
                run = run_spec(step, copy, *arguments, **limits, COLUMNS="300")
                if red := red_test(*run):
                    return red, options
        return None


def red_test(status, said):
    """Return the first red test, as tests/spec/file.py::name; "" if none is red.

    `status` and `said` are pytest's. Return "tests/spec" if the check says in a
    sentence why it cannot begin, or if it never ended and was killed. What goes wrong
    after all tests have passed is not red: it is left to the garbage collector.
    """
    found = re.search(r"^(?:FAILED|ERROR) (\S+?::test_\w+)", said, re.MULTILINE)
    if found:
        return found[1]
    have_passed = re.search(r"^\d+ passed", said, re.MULTILINE) and status >= 0
    return "" if status in GREEN or have_passed else "tests/spec"
