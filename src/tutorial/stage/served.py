"""Serve a project on a port for each person: `python -m tutorial.stage.served`.

It is run in the project's folder, with people as arguments, `alice=8101 bob=8102`, and
prints a JSON object a line: {"kind": "ready"} when it can be opened, each event of the
Recorder, and {"kind": "log", "text": …} for each warning or error that the app logs.
Anyone who opens a port is signed in as that person. A line of JSON on its standard
input, {"group": …, "event": …}, is sent to that group. {"switch": 8102} takes a port
off the network or puts it back, which {"kind": "network", "port": 8102, "on": false} or
true tells. With an argument like `class=192.168.0.7:8103` a class can join at that
address; {} sends it away.
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


class Network:
    """The ports of a daphne's Server, each of which can be taken off the network."""

    def __init__(self, server, tell):
        self.server, self.tell = server, tell
        self.cut = set()
        self.changing = asyncio.Lock()

    async def switch(self, port):
        """Take a port off the network, or put it back.

        Its connections end without a close frame.
        """
        async with self.changing:
            if port in self.cut:
                self._connect(port)
            else:
                await self._cut(port)

    async def _cut(self, port):
        from twisted.internet import reactor, tcp

        self.cut.add(port)
        self.tell({"kind": "network", "port": port, "on": False})
        watched = {*reactor.getReaders(), *reactor.getWriters()}
        for each in watched:
            if isinstance(each, tcp.Server) and each.getHost().port == port:
                each.abortConnection()
        for each in watched:
            if isinstance(each, tcp.Port) and each.getHost().port == port:
                await each.stopListening().asFuture(asyncio.get_running_loop())

    def _connect(self, port):
        from twisted.internet import error, reactor

        try:
            reactor.listenTCP(port, self.server.http_factory, interface=HOST)
        except error.CannotListenError as reason:
            return self.tell({"kind": "log", "text": str(reason)})
        self.cut.discard(port)
        self.tell({"kind": "network", "port": port, "on": True})


def do_what_is_asked(loop, network, classroom):
    """Do what comes as JSON on the standard input, in the loop; at its end, stop."""
    from channels.layers import get_channel_layer

    for line in sys.stdin:
        asked = json.loads(line)
        if not asked:
            done = classroom.send_away()
        elif "switch" in asked:
            done = network.switch(asked["switch"])
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

    server = Server(served, endpoints)
    args = [twisted_loop, Network(server, tell), classroom]
    threading.Thread(target=do_what_is_asked, args=args, daemon=True).start()
    reactor.callWhenRunning(lambda: tell({"kind": "ready"}))
    server.run()


if __name__ == "__main__":
    main()
