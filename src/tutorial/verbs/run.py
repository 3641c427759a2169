"""Run a step: prepare its database, find or start Redis, start Django's server."""

import contextlib
import sys

from ..shared.database import prepare
from ..shared.messages import TutorialError, say
from ..shared.ports import HOST, port_number, refuse_taken_port, wait_until_it_answers
from ..shared.processes import process_group, stop_on_signal
from ..shared.steps import all_steps, find_step, plain_environment
from ..shared.valkey import redis_server

WELCOME = """
{step.name} is running: open http://{host}:{port}/ in a browser.
Sign in as alice, bob, carol or teacher; the password is: demo
For a second person, open the same address in a private window.
Stop with Ctrl-C.
"""


def add_parser(subparsers):
    """Add `tutorial run [STEP] [--port PORT]`."""
    parser = subparsers.add_parser(
        "run", help="run a step until Ctrl-C", epilog="Example: tutorial run 03"
    )
    parser.add_argument("step", nargs="?", help="3, 03 or its name; default: the last")
    parser.add_argument("--port", type=port_number, help="default for 03: 8003")
    parser.set_defaults(call=lambda args: run(args.step, args.port))


def run(name, port):
    """Run the step called `name` on `port` until a signal; return 0.

    Without a port each step has its own port, because a browser takes one address for
    one site, and would keep the scripts of another step that it has loaded from there.
    Everything that was started has ended when this returns or raises TutorialError.
    """
    step = find_step(name) if name else all_steps()[-1]
    port = port or 8000 + int(step.number)
    refuse_taken_port(port)
    with stop_on_signal(), contextlib.ExitStack() as stack:
        prepare(step)
        env = plain_environment()
        settings = step.path / "config/settings.py"
        if "CHANNEL_LAYERS" in settings.read_text(encoding="utf-8"):
            env["REDIS_URL"] = stack.enter_context(redis_server())
        command = [sys.executable, "manage.py", "runserver", f"{HOST}:{port}"]
        server = stack.enter_context(process_group(command, cwd=step.path, env=env))
        if wait_until_it_answers(server, port):
            say(WELCOME.format(step=step, host=HOST, port=port))
        raise TutorialError(f"{step.name} ended with status {server.wait()}.")
    say("\nStopped.")
    return 0
