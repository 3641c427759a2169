"""A plugin of pytest: it prints what `tutorial check` prints about the tests, no more.

It prints a dot for every test that passes; then how many have passed, or what was
expected and what was seen in the first test that failed.
"""

import sys

import pytest

from .places import explain

LONGEST = 200  # characters of what was seen: some tests send much
LAYERS = ("valkey", "no layer")
# Names that a function cannot spell.
NAMES = {"django": "Django", "redis": "Redis", "valkey": "Valkey"}


@pytest.hookimpl(trylast=True)
def pytest_configure(config):
    """Take the place of pytest's own reporter."""
    config.pluginmanager.unregister(name="terminalreporter")
    config.pluginmanager.register(Verdict(config.option))


class Verdict:
    def __init__(self, options):
        self.step, self.folder = options.step, options.project.resolve()
        self.tests, self.passed, self.failed = 0, 0, False
        self.out = sys.stdout
        # A test may send text that is not valid Unicode; printing it must not fail.
        self.out.reconfigure(errors="backslashreplace")
        # Python's warning about a missing `await`, which raises no exception.
        self.never_awaited = None
        sys.unraisablehook = self.note

    def note(self, unraisable):
        if isinstance(unraisable.exc_value, RuntimeWarning):
            self.never_awaited = unraisable.exc_value

    def say(self, text, end="\n"):
        print(text, end=end, file=self.out, flush=True)

    def pytest_collection_finish(self, session):
        self.tests = len(session.items)

    def pytest_runtest_logstart(self):
        self.never_awaited = None

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
        self.say(f"\nStep {self.step}: {self.passed} of {self.tests} tests passed.")
        self.say(f"Expected: {expected}.")
        if seen:
            seen = seen[:LONGEST].rstrip(".") + ("…" if seen[LONGEST:] else "")
            self.say(f"Seen: {seen}.")

    def pytest_sessionfinish(self, exitstatus):
        if exitstatus == pytest.ExitCode.OK:
            self.say(f"\nStep {self.step}: {self.passed} tests passed.")


def sentence(item):
    """Return the name of a test as a sentence, and its input in brackets."""
    words = item.originalname.removeprefix("test_").split("_")
    words = " ".join(NAMES.get(word, word) for word in words)
    inputs = item.callspec.id.split("-") if hasattr(item, "callspec") else []
    inputs = "-".join(part for part in inputs if part not in LAYERS)
    return f"{words} ({inputs})" if inputs else words
