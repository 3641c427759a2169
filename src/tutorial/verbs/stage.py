"""Show two people's pages, what travels between them, and what a chapter changes."""

import asyncio
import contextlib
import tempfile
from pathlib import Path

from ..shared.git import compare
from ..shared.messages import TutorialError, say
from ..shared.ports import HOST, port_number, refuse_taken_port
from ..shared.processes import stop_on_signal
from ..shared.steps import all_steps, find_step

WELCOME = """
The stage is set: open http://{host}:{port}/ in a browser. Press ? there for the keys.
Stop with Ctrl-C.
"""


def add_parser(subparsers):
    """Add `tutorial stage [STEP | DIR] [--port PORT]`."""
    parser = subparsers.add_parser(
        "stage",
        help="show two people, the wire and the change on one page",
        epilog="Example: tutorial stage 03",
    )
    parser.add_argument(
        "step",
        nargs="?",
        metavar="STEP|DIR",
        help="3, 03 or its name; default: the last; or a folder of your own",
    )
    parser.add_argument("--port", type=port_number, default=9000, help="default: 9000")
    parser.set_defaults(call=lambda args: stage(args.step, args.port))


def stage(name, port):
    """Serve the stage on `port` until a signal; return 0.

    Everything works on copies in a temporary folder, which is removed at the end.
    """
    step, folder = what_to_show(name)
    refuse_taken_port(port)
    # Not above: Twisted takes its time, and makes an event loop.
    from daphne.server import Server
    from twisted.internet import reactor

    from ..stage.server import Page
    from ..stage.stage import Stage

    def end(*_):
        reactor.callFromThread(reactor.stop)

    with (
        stop_on_signal(end),
        tempfile.TemporaryDirectory(prefix="stage-") as copies,
        contextlib.closing(Stage(step, folder, Path(copies))) as shown,
    ):
        server = Server(
            Page(shown, port),
            [f"tcp:port={port}:interface={HOST}"],
            signal_handlers=False,
            ready_callable=lambda: say(WELCOME.format(host=HOST, port=port)),
        )
        reactor.callWhenRunning(lambda: asyncio.ensure_future(shown.run()))
        server.run()
    say("\nStopped.")
    return 0


def what_to_show(name):
    """Return a step, and None or the folder that is shown in its place."""
    if name is None:
        return all_steps()[-1], None
    try:
        return find_step(name), None
    except TutorialError:
        folder = Path(name).expanduser().resolve()
        if not (folder / "manage.py").is_file():
            raise
    return min(all_steps(), key=lambda step: distance(folder, step)), folder


def distance(folder, step):
    """Return how many lines differ between a folder and a step."""
    counts = compare(folder, step.path, "--numstat").split()
    return sum(int(count) for count in counts if count.isdecimal())
