"""The tool, run from outside as its user does."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time

import psutil

from tests.support.deadline import DEADLINE

TUTORIAL = (sys.executable, "-u", "-m", "tutorial")


class Tool:
    """A running command, `tutorial` if no other is named, in the folder `house`.

    If the house has a copy of the tool, it is that one.
    """

    def __init__(self, house, *arguments, command=TUTORIAL, **environment):
        self.process = subprocess.Popen(
            [*command, *map(str, arguments)],
            cwd=house,
            env=os.environ | {"PYTHONPATH": f"{house}/src"} | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._said, self._times, self._news = "", [], threading.Condition()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self):
        while character := self.process.stdout.read(1):
            with self._news:
                self._said += character
                self._times.append(time.monotonic())
                self._news.notify_all()
        self.process.stdout.close()

    def has_said(self, text, times=1, timeout=DEADLINE):
        """Return whether it says `text`, so many times, before `timeout` seconds."""
        with self._news:
            return self._news.wait_for(lambda: self._said.count(text) >= times, timeout)

    def wait_until_said(self, text):
        """Return all that was said as soon as it holds `text`."""
        assert self.has_said(text), self._said
        return self._said

    def when_said(self, text):
        """Return when the first `text` began, by time.monotonic()."""
        return self._times[self._said.index(text)]

    def ended(self, within=DEADLINE):
        """Wait for the end; return the exit status and all that was said."""
        status = self.process.wait(within)
        self._reader.join(within)
        return status, self._said

    def family(self):
        """Return the processes that the tool has started, with theirs."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def names(self):
        """Return the names of these processes."""
        return set(self._ask_family(psutil.Process.name))

    def folders(self):
        """Return the folders in which these processes work."""
        return set(self._ask_family(psutil.Process.cwd))

    def _ask_family(self, question):
        for process in self.family():
            with contextlib.suppress(psutil.Error):  # it has ended in the meantime
                yield question(process)

    def stop(self, number, patience=DEADLINE, within=DEADLINE):
        """Send a signal, wait for the end; return the exit status and what is left.

        That is a list of the processes which the tool has started and which have not
        ended `within` seconds after it. They are killed, as is the tool itself if it
        goes on beyond `patience` seconds.
        """
        family = self.family()
        self.process.send_signal(number)
        try:
            status = self.process.wait(patience)
        except subprocess.TimeoutExpired:
            self.process.kill()
            status = self.process.wait()
        _, alive = psutil.wait_procs(family, timeout=within)
        for process in alive:
            process.kill()
        return status, alive

    def end(self):
        """Stop the tool if it still runs, and close its pipes; fail if some is left."""
        alive = []
        if self.process.poll() is None:
            _, alive = self.stop(signal.SIGTERM)
        self._reader.join(DEADLINE)
        self.process.stderr.close()
        assert alive == []


@contextlib.contextmanager
def running(*arguments, **options):
    """Yield a Tool, and end it and what it started when the block is left."""
    tool = Tool(*arguments, **options)
    try:
        yield tool
    finally:
        tool.end()


def answer_of(house, *arguments, **options):
    """Return the exit status and the lines of a command that is expected to fail."""
    with running(house, *arguments, **options) as tool:
        status = tool.process.wait(DEADLINE)
        return status, tool.process.stderr.read().splitlines()
