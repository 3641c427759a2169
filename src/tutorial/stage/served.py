"""Serve a project on a port for each person: `python -m tutorial.stage.served`.

It is run in the project's folder, with people as arguments, `alice=8101 bob=8102`, and
prints a JSON object a line: {"kind": "ready"} when it can be opened, and each event of
the Recorder. Anyone who opens a port is signed in as that person. A line of JSON on its
standard input, {"group": …, "event": …}, is sent to that group. With an argument like
`class=192.168.0.7:8103` a class can join at that address; {} sends it away.
"""

import asyncio
import importlib
import json
import os
import queue
import secrets
import sys
import threading

from ..shared import prepare
from ..shared.ports import HOST
from .classroom import Classroom
from .recorder import Recorder

COOKIE = b"sessionid="


class People:
    """An ASGI application that adds each person's session to what their port gets.

    Signing in or out goes on as usual: the session is kept here instead of in the
    browser, for which all ports are one site. Without X-Frame-Options the pages can be
    shown in frames.
    """

    def __init__(self, application, sessions):
        self.application = application
        self.sessions = sessions  # {port: session key}

    async def __call__(self, scope, receive, send):
        port = scope["server"][1]

        async def send_without_session(message):
            if message["type"] == "http.response.start":
                message = {**message, "headers": list(self._kept(port, message))}
            await send(message)

        headers = []
        for name, value in scope["headers"]:
            if name == b"cookie":
                cookies = [c.strip() for c in value.split(b";")]
                value = b"; ".join(c for c in cookies if not c.startswith(COOKIE))
            headers.append((name, value))
        cookies = dict(headers).get(b"cookie", b"")
        own = COOKIE + self.sessions[port].encode()
        headers = [(name, value) for name, value in headers if name != b"cookie"]
        headers.append((b"cookie", b"; ".join(filter(None, [cookies, own]))))
        scope = {**scope, "headers": headers}
        await self.application(scope, receive, send_without_session)

    def _kept(self, port, message):
        """Yield the headers of a response without those that are kept from the page."""
        for name, value in message["headers"]:
            if name.lower() == b"set-cookie" and value.startswith(COOKIE):
                key = value.removeprefix(COOKIE).partition(b";")[0].strip(b'"')
                self.sessions[port] = key.decode()
            elif name.lower() != b"x-frame-options":
                yield name, value


def signed_in(name):
    """Return the key of a new session in which the user `name` is signed in."""
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.auth.models import User
    from django.contrib.sessions.backends.db import SessionStore

    user, session = User.objects.get(username=name), SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.save()
    return session.session_key


def teller():
    """Return a function that prints an event as JSON, from a thread of its own."""
    lines = queue.SimpleQueue()
    # What the project prints goes to the terminal.
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
        if asked:
            done = get_channel_layer().group_send(asked["group"], asked["event"])
        else:
            done = classroom.send_away()
        asyncio.run_coroutine_threadsafe(done, loop)
    os._exit(0)  # the stage has gone


def close_to_others(host):
    """Change what is meant for one's own machine, before others reach the project."""
    from django.conf import settings

    settings.SECRET_KEY = secrets.token_urlsafe(50)
    settings.DEBUG = False
    settings.ALLOWED_HOSTS.append(host)


class Doors:
    """An ASGI application that leads the class to its Classroom, others to theirs."""

    def __init__(self, people, classroom, port):
        self.people, self.classroom, self.port = people, classroom, port

    async def __call__(self, scope, receive, send):
        is_class = scope["server"][1] == self.port
        await (self.classroom if is_class else self.people)(scope, receive, send)


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
    application = ASGIStaticFilesHandler(Recorder(application, tell))
    served, classroom = People(application, sessions), None
    if address:
        endpoints.append(f"tcp:port={class_port}:interface={host}")
        classroom = Classroom(application, address, tell)
        served = Doors(served, classroom, int(class_port))
    args = [twisted_loop, classroom]
    threading.Thread(target=do_what_is_asked, args=args, daemon=True).start()
    reactor.callWhenRunning(lambda: tell({"kind": "ready"}))
    Server(served, endpoints).run()


if __name__ == "__main__":
    main()
