"""A plugin of pytest: it prints what `tutorial check` prints about the tests, no more.

It prints a dot for every test that passes; then how many have passed, or what was
expected and what was seen in the first test that failed. The file FAILED_BEFORE keeps
the name of this test, with which the next run begins.
"""

import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from .deadline import DEADLINE
from .places import explain, running_in

LONGEST = 200  # characters of what was seen: some tests send much
PATIENCE = 10 * DEADLINE  # seconds in which a function of the folder has to come back
LAYERS = ("valkey", "no layer")
# Names that a function cannot spell.
NAMES = {"django": "Django", "redis": "Redis", "valkey": "Valkey"}


@pytest.hookimpl(trylast=True)
def pytest_configure(config):
    """Take the place of pytest's own reporter."""
    config.pluginmanager.unregister(name="terminalreporter")
    verdict = Verdict(config.option)
    config.pluginmanager.register(verdict)
    threading.Thread(target=verdict.watch, daemon=True).start()
    # A signal ends the tests without a traceback; `tutorial check` ends what is left.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


class Verdict:
    def __init__(self, options):
        self.step, self.folder = options.step, options.project.resolve()
        self.tests, self.passed, self.failed = 0, 0, False
        self.item = self.status = None
        self.kept = Path(os.environ["FAILED_BEFORE"])
        self.before = self.kept.read_text() if self.kept.exists() else None
        # pytest captures what is printed to stdout while a test runs. A test may send
        # text that is not valid Unicode; printing it must not fail.
        encoding = {"encoding": sys.stdout.encoding, "errors": "backslashreplace"}
        self.out = open(os.dup(1), "w", **encoding)  # noqa: SIM115, until the end
        # Python's warning about a missing `await`, which raises no exception.
        self.never_awaited = None
        sys.unraisablehook = self.note

    def note(self, unraisable):
        if isinstance(unraisable.exc_value, RuntimeWarning):
            self.never_awaited = unraisable.exc_value

    def say(self, text, end="\n"):
        print(text, end=end, file=self.out, flush=True)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items):
        items.sort(key=lambda item: item.nodeid != self.before)

    def pytest_collection_finish(self, session):
        self.tests = len(session.items)

    def pytest_runtest_protocol(self, item):
        self.item, self.never_awaited = item, None

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item, call):
        report = yield
        if report.failed and not self.failed:
            self.failed = True
            error = self.never_awaited or call.excinfo.value
            self.say_failed(sentence(item), explain(error, self.folder))
        elif report.passed and report.when == "call":
            self.passed += 1
            self.say(".", end="")
        return report

    def say_failed(self, expected, seen):
        count = f"{self.passed} of {self.tests} tests passed"
        if self.item.nodeid == self.before:  # none has run before it
            count = "the test that failed before fails again"
        self.say(f"\nStep {self.step}: {count}.")
        self.say(f"Expected: {expected}.")
        self.kept.write_text(self.item.nodeid)
        if seen:
            seen = seen[:LONGEST].rstrip(".") + ("…" if seen[LONGEST:] else "")
            self.say(f"Seen: {seen}.")

    def watch(self):
        """End the tests when a function of the folder has run for PATIENCE seconds.

        A coroutine that waits does not count. Called in a thread of its own.
        """
        since = {}
        while True:
            time.sleep(PATIENCE / 30)
            now, calls = time.monotonic(), running_in(self.folder)
            since = {call: since.get(call, now) for call in calls}
            for call in calls:
                if now - since[call] > PATIENCE:
                    self.give_up(calls[call])

    def give_up(self, place):
        """Say what does not come back, unless a test has failed; end this process."""
        seen = f"{place} does not come back"
        if not self.item:
            self.say(f"ERROR: {seen}.")
        elif not self.failed:
            self.say_failed(sentence(self.item), seen)
        os._exit(pytest.ExitCode.TESTS_FAILED)

    def pytest_sessionfinish(self, exitstatus):
        if exitstatus == pytest.ExitCode.OK:
            self.say(f"\nStep {self.step}: {self.passed} tests passed.")
        self.status = exitstatus

    @pytest.hookimpl(trylast=True)
    def pytest_unconfigure(self):
        """Leave now: Python would wait for threads in which a consumer still runs."""
        if self.status in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(self.status)


def sentence(item):
    """Return the name of a test as a sentence, and its input in brackets."""
    words = item.originalname.removeprefix("test_").split("_")
    words = " ".join(NAMES.get(word, word) for word in words)
    inputs = item.callspec.id.split("-") if hasattr(item, "callspec") else []
    inputs = "-".join(part for part in inputs if part not in LAYERS)
    return f"{words} ({inputs})" if inputs else words
