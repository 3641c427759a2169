"""Serve a project on a port for each person: `python -m tutorial.stage.served`.

It is run in the project's folder, with people as arguments, `alice=8101 bob=8102`, and
prints a JSON object a line: {"kind": "ready"} when it can be opened, each event of the
Recorder, and {"kind": "log", "text": …} for each warning or error that the app logs.
Anyone who opens a port is signed in as that person. A line of JSON on its standard
input, {"group": …, "event": …}, is sent to that group. With an argument like
`class=192.168.0.7:8103` a class can join at that address; {} sends it away.
"""

import asyncio
import importlib
import json
import logging
import os
import queue
import secrets
import sys
import threading

from ..shared import prepare
from ..shared.ports import HOST
from .classroom import Classroom
from .people import People, signed_in
from .recorder import Recorder


def teller():
    """Return a function that prints an event as JSON, from a thread of its own."""
    lines = queue.SimpleQueue()
    # What the project itself prints goes to the log.
    output = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def write():
        while True:
            print(json.dumps(lines.get(), default=str), file=output, flush=True)

    threading.Thread(target=write, daemon=True).start()
    return lines.put


def do_what_is_asked(loop, classroom):
    """Do what comes as JSON on the standard input, in the loop; at its end, stop."""
    from channels.layers import get_channel_layer

    for line in sys.stdin:
        asked = json.loads(line)
        if not asked:
            done = classroom.send_away()
        elif layer := get_channel_layer():
            done = layer.group_send(asked["group"], asked["event"])
        else:  # before step 03
            continue
        asyncio.run_coroutine_threadsafe(done, loop)
    os._exit(0)  # the stage has gone


class Log(logging.Handler):
    """Tells of each warning and error that is logged, and of its exception."""

    def __init__(self, tell):
        super().__init__(logging.WARNING)
        self.tell = tell

    def emit(self, record):
        text = record.getMessage()
        if record.exc_info:
            name, error, _ = record.exc_info
            text += f": {name.__name__}: {error}"
        self.tell({"kind": "log", "text": text})


def close_to_others(host):
    """Change what is meant for one's own machine, before others reach the project."""
    from django.conf import settings

    settings.SECRET_KEY = secrets.token_urlsafe(50)
    settings.DEBUG = False
    settings.ALLOWED_HOSTS.append(host)


def main():
    tell = teller()
    sys.path.insert(0, os.getcwd())
    prepare.main()
    arguments = dict(argument.split("=") for argument in sys.argv[1:])
    address = arguments.pop("class", "")
    host, _, class_port = address.partition(":")
    if address:
        close_to_others(host)
    sessions = {int(port): signed_in(name) for name, port in arguments.items()}
    endpoints = [f"tcp:port={port}:interface={HOST}" for port in sessions]
    # It makes an event loop when it is imported.
    from daphne.server import Server, twisted_loop
    from django.contrib.staticfiles.handlers import ASGIStaticFilesHandler
    from twisted.internet import reactor

    application = importlib.import_module("config.asgi").application
    # Not before the import, which configures the logging.
    logging.getLogger("chat").addHandler(Log(tell))
    application = ASGIStaticFilesHandler(Recorder(application, tell))
    doors = dict.fromkeys(sessions, People(application, sessions))
    classroom = None
    if address:
        endpoints.append(f"tcp:port={class_port}:interface={host}")
        classroom = doors[int(class_port)] = Classroom(application, address, tell)

    async def served(scope, receive, send):
        await doors[scope["server"][1]](scope, receive, send)

    args = [twisted_loop, classroom]
    threading.Thread(target=do_what_is_asked, args=args, daemon=True).start()
    reactor.callWhenRunning(lambda: tell({"kind": "ready"}))
    Server(served, endpoints).run()


if __name__ == "__main__":
    main()
