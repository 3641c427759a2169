"""Keep a Redis running for your own project: start a Valkey if none answers."""

import os
import threading

from ..shared.messages import say
from ..shared.processes import stop_on_signal
from ..shared.valkey import DEFAULT_URL, redis_server


def add_parser(subparsers):
    """Add `tutorial redis`."""
    parser = subparsers.add_parser(
        "redis",
        help="keep a Redis running until Ctrl-C",
        description=__doc__,
        epilog="Example: tutorial redis",
    )
    parser.set_defaults(call=lambda args: keep_running())


def keep_running():
    """Keep the Redis at REDIS_URL, or a Valkey in its place, until a signal."""
    with stop_on_signal(), redis_server(say, avoid=None) as url:
        if url != os.environ.get("REDIS_URL", DEFAULT_URL):
            say(f"In every other terminal, type first: export REDIS_URL={url}")
        say("Stop with Ctrl-C.")
        threading.Event().wait()
    say("\nStopped.")
    return 0
