"""Keep a Redis running for your own project: start a Valkey at REDIS_URL."""

import os
from pathlib import Path
from urllib.parse import urlsplit

from ..shared.messages import TutorialError, say
from ..shared.ports import refuse_taken_port
from ..shared.processes import stop_on_signal
from ..shared.valkey import (
    DEFAULT_URL,
    answers,
    program,
    redis_url,
    valkey,
    without_password,
)


def add_parser(subparsers):
    """Add `tutorial redis`."""
    parser = subparsers.add_parser(
        "redis", help="keep a Redis running", epilog="Example: tutorial redis"
    )
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help="start a Valkey with the settings in this file, and show its log",
    )
    parser.set_defaults(call=call)


def call(args):
    return become_valkey(args.config) if args.config else keep_running()


def become_valkey(config):
    """Replace this process by a Valkey with a configuration file, on REDIS_URL's port.

    As redis-server does, it reads the files that it includes from the current folder.
    """
    if not os.path.isfile(config):
        raise TutorialError(f"there is no file {config}.")
    path = program()
    try:
        port = urlsplit(redis_url()).port or 6379
    except ValueError as error:
        raise TutorialError(f"REDIS_URL is not a valid address: {error}")
    refuse_taken_port(port, example="REDIS_URL=redis://127.0.0.1:{}/0")
    os.execv(path, [path, str(config), "--port", str(port)])


def keep_running():
    """Run a Valkey at REDIS_URL until a signal, unless a Redis answers; return 0."""
    url = redis_url()
    if answers(url):
        say(f"A Redis already answers at {without_password(url)}: use that one.")
        return 0
    address = urlsplit(url)
    server = f"{address.scheme}://{address.hostname}"
    if server not in ("redis://127.0.0.1", "redis://localhost") or address.password:
        raise TutorialError(
            f"no Redis answers at {without_password(url)}: start it there, or set "
            f"REDIS_URL to an address like {DEFAULT_URL}, and this command starts one."
        )
    port = address.port or 6379
    refuse_taken_port(port, example="REDIS_URL=redis://127.0.0.1:{}/0")
    with stop_on_signal(), valkey(port):
        answers(url)  # refused if REDIS_URL ends in a number that is too high
        say("Stop with Ctrl-C.")
        os.waitpid(0, 0)  # for the Valkey: its guard is in another group
        raise TutorialError("Valkey has ended: run tutorial redis again.")
    say("\nStopped.")
    return 0
