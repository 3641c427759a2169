"""Run a step: prepare its database, find or start Redis, start Django's server."""

import argparse
import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys

from .channel_redis import redis_server
from .errors import TutorialError
from .steps import all_steps, find_step

HOST = "127.0.0.1"


def add_parser(subparsers):
    """Add `tutorial run [STEP] [--port PORT]`."""
    parser = subparsers.add_parser(
        "run",
        help="run a step until Ctrl-C",
        description=__doc__,
        epilog="Example: tutorial run 03 --port 9000",
    )
    parser.add_argument("step", nargs="?", help="3, 03 or its name; else the last one")
    parser.add_argument(
        "--port",
        type=port_number,
        help="default: 8000 and the step's number, 8003 for 03",
    )
    parser.set_defaults(call=lambda args: run(args.step, args.port))


def port_number(text):
    """Return the port in `text`, from 1 to 65535; anything else is an error."""
    if re.fullmatch("[0-9]{1,5}", text) and 1 <= int(text) <= 65535:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is no port: take one like 8000")


def run(name, port):
    """Run the step called `name` on `port` until a signal; return the exit status.

    Without a port each step has its own: to a browser, one address is one site, and it
    would go on showing the scripts of the step that it has seen there before.
    Whatever was started has ended when this returns or raises TutorialError.
    """
    step = find_step(name) if name else all_steps()[-1]
    port = port or 8000 + int(step.number)
    refuse_taken_port(port)
    with stop_on_signal(), contextlib.ExitStack() as stack:
        facts = prepare(step)
        environment = dict(os.environ)
        if facts["channel_layer"]:
            environment["REDIS_URL"] = stack.enter_context(
                redis_server(say, avoid=port)
            )
        server = stack.enter_context(
            process_group(
                [sys.executable, "manage.py", "runserver", f"{HOST}:{port}"],
                cwd=step.path,
                env=environment,
            )
        )
        if wait_until_it_answers(server, port):
            say(welcome(step, port, facts["users"]))
        status = server.wait()
        raise TutorialError(f"the server of {step.name} has ended, status {status}.")
    say("\nStopped.")
    return 0


def say(text):
    print(text, flush=True)


def refuse_taken_port(port):
    """Raise TutorialError if something listens on `port` already."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except PermissionError:
            raise TutorialError(f"port {port} is not for everybody: take 8000 or more.")
        except OSError:
            raise TutorialError(
                f"port {port} is taken: stop what uses it, or take another one, "
                f"PORT={port + 1 if port < 65535 else 8000}."
            )


def prepare(step):
    """Run `tutorial.prepare` for `step` and return the facts that it prints."""
    command = [sys.executable, "-m", "tutorial.prepare"]
    done = subprocess.run(command, cwd=step.path, capture_output=True, text=True)
    if done.returncode:
        reason = done.stderr.strip().splitlines()[-1]
        raise TutorialError(
            f"{step.name} does not start: {reason} "
            f"(python manage.py check, in {step.path}, shows where.)"
        )
    return json.loads(done.stdout.splitlines()[-1])


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


def wait_until_it_answers(server, port):
    """Return True as soon as `port` answers, False if `server` ends before that."""
    while server.poll() is None:
        with contextlib.suppress(OSError):
            socket.create_connection((HOST, port), timeout=1).close()
            return True
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(timeout=0.05)
    return False


def welcome(step, port, users):
    """Return what to do now, in words for a beginner; `users` are the demo users."""
    who = (
        f"Sign in as {', '.join(users)}; the password is: demo"
        if users
        else "Sign in as a user of yours: the demo users are not in this database."
    )
    return "\n".join(
        [
            "",
            f"{step.name} is running: open http://{HOST}:{port}/ in a browser.",
            who,
            "A second person: open the same address in a private window.",
            "Stop with Ctrl-C.",
            "",
        ]
    )
