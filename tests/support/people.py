"""People in the rooms, in this process: cookies from Django, sockets from Channels."""

import asyncio
import contextlib
import json
import time
from collections import defaultdict, deque

from channels.testing import WebsocketCommunicator
from django.contrib.auth import get_user_model
from django.test import Client

from .deadline import DEADLINE

ORIGIN = "http://localhost:8000"


def room_path(room):
    """Return the socket's path of a room: of a course's by an int, or a named one's."""
    return f"/ws/chat/room/{room}/" if isinstance(room, int) else f"/ws/chat/{room}/"


def kind_of(frame):
    """Return what a frame, decoded, tells: who is in the room ("presence"), what was
    said before ("history"), or anything else ("said").
    """
    name = str(frame.get("type", ""))
    if name == "chat.history":
        return "history"
    return "presence" if name.startswith("presence.") else "said"


def signed_in(name):
    """Return a Django test client in which the demo user `name` is signed in."""
    client = Client()
    client.force_login(get_user_model().objects.get(username=name))
    return client


def cookie_of(client):
    """Return the Cookie header of a test client; empty if it has no cookies."""
    return "; ".join(f"{key}={morsel.value}" for key, morsel in client.cookies.items())


@contextlib.contextmanager
def saying(what):
    """Say `what` has happened when the block ends in a TimeoutError."""
    try:
        yield
    except TimeoutError:
        raise AssertionError(what)


@contextlib.contextmanager
def after(what):
    """Note after what it has happened when the block ends in an error."""
    try:
        yield
    except Exception as error:
        error.add_note(f"after: {what}")
        raise


class Socket:
    """One person's open socket: `send` a text or a frame, `hear` the next frame.

    From step 07 on frames tell who is in the room, too, and from 09 on what was said
    before. `hear` does not return them, only `see` and `read_history` do; each keeps
    what the others have come across.
    """

    def __init__(self, communicator, served):
        self._communicator = communicator
        self._served = served
        self._kept = defaultdict(deque)

    async def send(self, message, **more):
        """Send {"message": message}, and `more` keys beside it."""
        await self.send_frame(json.dumps({"message": message, **more}))

    async def send_frame(self, frame):
        """Send a raw frame: a str as text, bytes as binary."""
        kind = "text" if isinstance(frame, str) else "bytes"
        await self._communicator.send_input({"type": "websocket.receive", kind: frame})

    async def hear(self):
        """Return the next frame, decoded; fail if none comes before the deadline."""
        return json.loads(await self.hear_raw())

    async def hears(self, *messages):
        """Fail unless the next frames bring these messages, in this order."""
        for expected in messages:
            frame = await self.hear()
            assert frame.get("message") == expected, f"{frame}, not {expected!r}"

    async def hear_raw(self):
        """Return the next frame as it is."""
        return await self._next("said")

    async def see(self):
        """Return the next frame that says who is in the room, decoded."""
        return json.loads(await self._next("presence"))

    async def read_history(self):
        """Return the messages in the next frame that brings what was said before.

        From step 13 on it also says whose socket this is.
        """
        frame = json.loads(await self.read_history_raw())
        assert frame.keys() - {"user"} == {"type", "messages"}, frame
        return frame["messages"]

    async def sees(self, *frames):
        """Fail unless these are the next frames that say who is in the room."""
        for expected in frames:
            frame = await self.see()
            assert frame == expected, f"{frame}, not {expected}"

    async def read_history_raw(self):
        """Return the next frame that brings what was said before, in bytes."""
        return (await self._next("history")).encode()

    async def read_first(self):
        """Return the very first frame, of either kind, decoded; before all others."""
        return json.loads(await self._receive())

    async def is_served(self):
        """Wait until all that it asked for is done, unheard by the others."""
        await self.send_frame("")
        assert "error" in await self.hear()

    async def is_up_to_date(self):
        """Wait until all events that were sent to it before have been handled.

        A message of its own comes after them. What it hears until then is dropped, and
        everybody in the room hears the message.
        """
        message = f"up to date, {id(self)}"
        await self.send(message)
        while (await self.hear()).get("message") != message:
            pass

    async def _next(self, kind):
        while not self._kept[kind]:
            await self._keep_next()
        return self._kept[kind].popleft()

    async def _keep_next(self):
        frame = await self._receive()
        self._kept[kind_of(json.loads(frame))].append(frame)

    async def is_closed(self):
        """Return the code with which the server closes the socket; drop the frames."""
        while True:
            output = await self._receive_output(
                f"the socket is open after {DEADLINE} s"
            )
            if output["type"] == "websocket.close":
                return output["code"]

    def cancel(self):
        """Cancel what serves this socket, as daphne does when it stops."""
        self._communicator.future.cancel()

    async def is_cancelled(self):
        """Wait until nothing serves this socket; return whether it was by an error."""
        ended, _ = await asyncio.wait([self._communicator.future], timeout=DEADLINE)
        assert ended, f"the consumer is still running after {DEADLINE} s"
        return self._communicator.future.cancelled()

    async def _receive_output(self, otherwise):
        with saying(otherwise):
            return await self._communicator.receive_output(timeout=DEADLINE)

    async def _receive(self):
        """Return the next frame of any kind, as it is.

        Raises what the consumer has raised, or an AssertionError that says what came
        in place of a frame.
        """
        output = await self._receive_output(f"no frame arrived within {DEADLINE} s")
        if output["type"] == "websocket.close":
            raise self._served.error or AssertionError("the server closed the socket")
        assert "text" in output, "the server sent bytes instead of text"
        return output["text"]

    async def hear_nothing_for(self, seconds):
        """Return whether that many seconds pass in silence. Only where time matters."""
        return await self._stays_empty("said", seconds)

    async def see_nothing_for(self, seconds):
        """Return whether nobody is said to come or go for that many seconds."""
        return await self._stays_empty("presence", seconds)

    async def _stays_empty(self, kind, seconds):
        end = time.monotonic() + seconds
        while not self._kept[kind]:
            rest = end - time.monotonic()
            if await self._communicator.receive_nothing(timeout=max(rest, 0)):
                return True
            await self._keep_next()
        return False

    async def close(self, code=1000):
        """Leave with a close code, and wait until the consumer has seen it."""
        with saying(
            f"the consumer is still running {DEADLINE} s after the socket closed"
        ):
            await self._communicator.disconnect(code, timeout=DEADLINE)


class Served:
    """An ASGI application as a server runs it: an exception closes the socket.

    Called with scope, receive and send, it runs `application`; an exception that comes
    out of it is kept in `error`, and the socket hears a close instead of silence.
    `connected` is set when the consumer's `connect` has ended: a consumer asks for the
    next message only when it has dealt with the last one.
    """

    def __init__(self, application):
        self._application = application
        self.error = None
        self.connected = asyncio.Event()

    async def __call__(self, scope, receive, send):
        asked = 0

        async def receive_and_note():
            nonlocal asked
            asked += 1
            if asked > 1:
                self.connected.set()
            return await receive()

        try:
            await self._application(scope, receive_and_note, send)
        except Exception as error:
            self.error = error
            await send({"type": "websocket.close", "code": 1011})
        finally:
            self.connected.set()


class People:
    """Opens sockets for demo users on an ASGI application, and closes them all.

    At the end of the block no consumer may have failed, neither before nor in closing.
    """

    def __init__(self, application, cookies):
        self._application = application
        self._cookies = cookies
        self._opened = []

    async def __aenter__(self):
        return self

    async def __aexit__(self, kind, *_):
        for _, socket in self._opened:
            await socket.close()
        for served, _ in self._opened:
            if kind is None and served.error:
                raise served.error

    async def _ask(self, path, origin, cookie):
        """Ask for a socket; return it, what serves it, and whether it was accepted."""
        headers = [] if origin is None else [(b"origin", origin.encode("latin1"))]
        if cookie:
            headers.append((b"cookie", cookie.encode("latin1")))
        served = Served(self._application)
        communicator = WebsocketCommunicator(served, path, headers=headers)
        with saying(f"no answer to the handshake within {DEADLINE} s"):
            accepted, _ = await communicator.connect(timeout=DEADLINE)
        socket = Socket(communicator, served)
        self._opened.append((served, socket))
        return socket, served, accepted

    def introduce(self, clients):
        """Let more people enter: a signed-in test client by each one's name."""
        self._cookies |= {name: cookie_of(client) for name, client in clients.items()}

    async def enter(self, name, room=1):
        """Open a socket of the user `name` to a room; fail if it is refused.

        It returns when the consumer has done all that it does on connecting.
        """
        path = room_path(room)
        socket, served, accepted = await self._ask(path, ORIGIN, self._cookies[name])
        if served.error:
            raise served.error
        assert accepted, f"{name} is refused at {path}"
        with saying(f"connect() of {name} has not ended after {DEADLINE} s"):
            await asyncio.wait_for(served.connected.wait(), DEADLINE)
        return socket

    async def knock(self, path, origin=ORIGIN, cookie=""):
        """Ask for a socket; return "accepted", "refused", or "no route".

        "no route" is Channels' ValueError for a path that it has no consumer for,
        which daphne answers with HTTP 500. Any other error fails the test.
        """
        _, served, accepted = await self._ask(path, origin, cookie)
        if str(served.error).startswith("No route found"):
            served.error = None
            return "no route"
        if served.error:
            raise served.error
        return "accepted" if accepted else "refused"
