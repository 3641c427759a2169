"""Start processes, and end them after a signal."""

import contextlib
import os
import signal
import subprocess
import time

INTERRUPTED = 128 + signal.SIGINT  # the exit status that a shell gives
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# The patience that supervisord needs, in seconds: after 10 it kills what it has started
# and does not end (its stopwaitsecs).
SUPERVISED = 15
# Reads a process's number, or with a minus a group's, and waits for the end of its
# input. Then it asks what has that number to end, and kills it after so many tenths of
# a second. It does nothing to a number that has become free.
GUARD = """
read number
read _
kill -s TERM -- "$number"
for _ in $(seq "$1"); do
    kill -s 0 -- "$number" || exit
    sleep 0.1
done
kill -s KILL -- "$number"
"""

# Prints what it reads, line by line, as long as there is a terminal, and reads on.
PRINTER = r"""
trap "" HUP INT TERM
while IFS= read -r line; do printf "%s\n" "$line"; done
"""


@contextlib.contextmanager
def stop_on_signal(call=signal.default_int_handler):
    """Leave the block quietly after Ctrl-C, SIGTERM or the end of the terminal.

    Another `call` is called with the signal's number and frame instead. Later signals
    are ignored, so that the block can clean up. A command that was started with nohup
    goes on when the terminal ends.
    """
    handlers = {number: signal.getsignal(number) for number in SIGNALS}
    if handlers[signal.SIGHUP] == signal.SIG_IGN:
        del handlers[signal.SIGHUP]

    def first(*details):
        for number in handlers:
            signal.signal(number, signal.SIG_IGN)
        call(*details)

    for number in handlers:
        signal.signal(number, first)
    try:
        with contextlib.suppress(KeyboardInterrupt):
            yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def process_group(command, patience=2, **options):
    """Start `command` in its own process group; at the end, end the whole group.

    runserver starts a second process, which a signal to the first could leave behind.
    """
    with guard(patience) as watch:
        process = subprocess.Popen(command, start_new_session=True, **options)
        watch(-process.pid)
        try:
            yield process
        finally:
            end_group(process, patience)


@contextlib.contextmanager
def printer():
    """Yield a file: what is written into it is printed, while there is a terminal.

    A supervisor that cannot print ends, and leaves behind what it has started.
    """
    command = ["sh", "-c", PRINTER]
    shell = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)
    try:
        yield shell.stdin
    finally:
        shell.stdin.close()
        # It reads on if something that writes is left.
        with contextlib.suppress(subprocess.TimeoutExpired):
            shell.wait(2)


@contextlib.contextmanager
def guard(patience=2):
    """Yield a function: the process whose number it gets ends if this one is killed.

    With a minus, it is the number of a group. A process cannot clean up after SIGKILL.
    So a shell waits at a pipe, which the system closes when this process has ended.
    """
    command = ["sh", "-c", GUARD, "guard", str(10 * patience)]
    quiet = dict.fromkeys(("stdout", "stderr"), subprocess.DEVNULL)
    # In a session of its own, which neither Ctrl-C nor the end of the terminal ends.
    options = {"stdin": subprocess.PIPE, "bufsize": 0, "start_new_session": True}
    with subprocess.Popen(command, **options, **quiet) as shell:
        try:
            yield lambda number: shell.stdin.write(b"%d\n" % number)
        finally:
            shell.kill()


def end_group(process, patience=2):
    """Ask the group of `process` to end; after `patience` seconds kill what is left.

    A daphne never ends by itself while a synchronous consumer uses the layer. A
    supervisor has to be given time: killed, it leaves behind what it has started.
    """
    # macOS reports a group that has ended with a PermissionError.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        for number in (signal.SIGTERM, signal.SIGKILL):
            os.killpg(process.pid, number)
            deadline = time.monotonic() + patience
            while time.monotonic() < deadline:
                process.poll()
                os.killpg(process.pid, 0)  # raises as soon as the group is empty
                time.sleep(0.01)
    process.wait()
