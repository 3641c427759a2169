"""Processes that the tool starts, and signals that end them."""

import contextlib
import os
import signal
import subprocess

INTERRUPTED = 128 + signal.SIGINT  # as a shell has it


@contextlib.contextmanager
def on_signal(call):
    """Inside the block, call `call` at Ctrl-C, SIGTERM or a closed terminal.

    That is done once: while the block cleans up, further signals are ignored, so that
    it cleans up whole.
    """

    def first(*_):
        for number in numbers:
            signal.signal(number, signal.SIG_IGN)
        call()

    numbers = [signal.SIGINT, signal.SIGTERM]
    if hasattr(signal, "SIGHUP"):
        numbers.append(signal.SIGHUP)
    before = [signal.signal(number, first) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


@contextlib.contextmanager
def stop_on_signal():
    """Leave the block quietly on a signal of `on_signal`."""

    class Stop(BaseException):
        pass

    def stop():
        raise Stop

    with contextlib.suppress(Stop), on_signal(stop):
        yield


@contextlib.contextmanager
def process_group(command, **options):
    """Start `command` in a group of its own; at the end, end the whole group.

    runserver starts a second process, which does the work and is restarted on a saved
    edit: a signal to the first alone could leave the second one behind.
    """
    process = subprocess.Popen(command, start_new_session=True, **options)
    try:
        yield process
    finally:
        if os.name == "nt":  # Windows has no groups to signal
            subprocess.run(["taskkill", "/T", "/F", "/PID", str(process.pid)])
        else:
            end_group(process)


def end_group(process):
    """Ask the group of `process` to end; kill what is left of it after 2 seconds.

    A daphne that is asked while a synchronous consumer uses the layer never ends.
    """
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=2)
