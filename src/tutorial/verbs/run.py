"""Run a step: prepare its database, find or start Redis, start Django's server."""

import contextlib
import json
import os
import subprocess
import sys

from ..shared.messages import TutorialError, say
from ..shared.ports import HOST, port_number, refuse_taken_port, wait_until_it_answers
from ..shared.processes import process_group, stop_on_signal
from ..shared.steps import all_steps, find_step
from ..shared.valkey import redis_server


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


def prepare(step):
    """Run `tutorial.shared.prepare` for `step` and return the facts that it prints."""
    command = [sys.executable, "-m", "tutorial.shared.prepare"]
    done = subprocess.run(command, cwd=step.path, capture_output=True, text=True)
    if done.returncode:
        reason = done.stderr.strip().splitlines()[-1]
        raise TutorialError(
            f"{step.name} does not start: {reason} "
            f"(python manage.py check, in {step.path}, shows where.)"
        )
    return json.loads(done.stdout.splitlines()[-1])


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
