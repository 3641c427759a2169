"""Show two people's pages, what travels between them, and what a chapter changes."""

import asyncio
import contextlib
import socket
import tempfile
from pathlib import Path

from ..shared.git import compare
from ..shared.messages import TutorialError, say
from ..shared.ports import HOST, port_number, refuse_taken_port
from ..shared.processes import stop_on_signal
from ..shared.steps import all_steps, step_or_folder

WELCOME = """
The stage is set: open http://{host}:{port}/ in a browser. Press ? there for the keys.
Stop with Ctrl-C.
"""
OPENED = """
Anyone in your network who opens http://{lan}/ can join the room of course 1 under any
free name, without a password. Apart from that room and the page of its course, nothing
of the site can be opened from there.
"""


def add_parser(subparsers):
    """Add `tutorial stage [STEP | DIR] [--port PORT] [--lan [ADDRESS]]`."""
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
    parser.add_argument(
        "--lan",
        nargs="?",
        const="",
        metavar="ADDRESS",
        help="let a class join the room from its own machines, at your address",
    )
    parser.set_defaults(call=lambda args: stage(args.step, args.port, args.lan))


def stage(name, port, address=None):
    """Serve the stage on `port` until a signal; return 0.

    With an `address` of this machine, or "" or "0.0.0.0" for the one that others reach
    it by, a class can join at the port above `port`.

    Everything works on copies in a temporary folder, which is removed at the end.
    """
    step, folder = what_to_show(name)
    refuse_taken_port(port)
    lan = None
    if address is not None:
        if step.number == "00":
            raise TutorialError("step 00 has no room to join: choose a later step.")
        if port == 65535:
            raise TutorialError(
                "the class gets the port above: choose a --port below 65535."
            )
        if address in (HOST, "localhost"):
            raise TutorialError(
                f"{address} can be reached from this machine only: leave out the "
                "address."
            )
        address = own_address() if address in ("", "0.0.0.0") else address
        advice = "give one, as in tutorial stage 03 --lan 10.0.0.7."
        refuse_taken_port(port + 1, host=address, advice=advice)
        lan = f"{address}:{port + 1}"
        say(OPENED.format(lan=lan))
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
        contextlib.closing(Stage(step, folder, Path(copies), lan)) as shown,
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
    step, folder = step_or_folder(name)
    if folder:
        folder = folder.resolve()
        step = min(all_steps(), key=lambda step: distance(folder, step))
    return step, folder


def own_address():
    """Return the address of this machine in its network; nothing is sent to find it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            # For documentation only, so nobody is there (RFC 5737); it names the way.
            probe.connect(("192.0.2.1", 9))
        except OSError:
            raise TutorialError(
                "this machine is in no network: give its address, as in --lan 10.0.0.7."
            )
        return probe.getsockname()[0]


def distance(folder, step):
    """Return how many lines differ between a folder and a step."""
    counts = compare(folder, step.path, "--numstat").split()
    return sum(int(count) for count in counts if count.isdecimal())
