"""Record what goes through the sockets and the channel layer of any Channels project.

    from config.asgi import application
    application = Recorder(application, print)

`tell`, here print, is called with one dict for each event, in order, from the event
loop or from a thread. It should not wait, because the application waits for it. No line
of the project changes. Only WebSockets are recorded: no page, no cookie, no password.

Each event has "kind", "at" (seconds since the recorder was made), and "socket", the
number of the socket that caused it. The kinds, and what else they have:

open          a browser asks for a socket: "port" of the server, "path", "origin"
consumer      it has been made: "user" or "", "channel" or "", and "where" its methods
              run, in a "thread" or in the "event loop"
call          a method begins: "method", as in "chat_message()", and the "event" that
              has called it, None if it was the browser; "no chat_mesage()" if the
              consumer has no such method
accept        the consumer accepts the connection
refuse        it closes before that; the browser gets the HTTP status "code"
up, down      a frame from the browser, or to it: "frame", its text
add, discard  the "channel" is put into a "group", or taken out of it
get           an "event" came to a channel that no consumer has: "socket" is its name
send          an "event" goes to a "group" or to a "channel"
close         the consumer closes the socket with this "code"
gone          the browser has closed it, or has vanished: "code"
error         an exception has ended the consumer: "text", its last line
end           the socket is over
"""

import functools
import itertools
import time
from contextvars import ContextVar

from channels.consumer import AsyncConsumer, get_handler_name
from channels.layers import get_channel_layer

# (Recorder, number of the socket), in all that runs for it: threads and tasks, too.
current = ContextVar("socket", default=(None, None))
# Whether a method of the layer runs: the layer in memory sends to a group by send().
inside = ContextVar("inside", default=False)
# What a project calls the methods that its base class calls websocket_connect() etc.
METHODS = {
    "websocket.connect": "connect()",
    "websocket.receive": "receive()",
    "websocket.disconnect": "disconnect()",
}
# Those of a layer's methods that are recorded, and the names of their arguments.
WATCHED = {
    "group_add": ("add", "group", "channel"),
    "group_discard": ("discard", "group", "channel"),
    "group_send": ("send", "group", "event"),
    "send": ("send", "channel", "event"),
}


class Recorder:
    """An ASGI application that passes everything on to another, and records it."""

    def __init__(self, application, tell):
        self.application = application
        self._tell = tell
        self._start = time.monotonic()
        self._numbers = itertools.count(1)
        self._layer = None
        self._channels = set()  # of consumers

    def tell(self, kind, socket=None, **event):
        at = round(time.monotonic() - self._start, 4)
        socket = socket or current.get()[1]
        self._tell({"kind": kind, "at": at, "socket": socket, **event})

    async def __call__(self, scope, receive, send):
        """Called once for each connection."""
        if scope["type"] != "websocket":
            return await self.application(scope, receive, send)
        self._watch_layer()
        number = next(self._numbers)
        current.set((self, number))
        # Another socket may call this one's send(): one that reads a list for all.
        tell = functools.partial(self.tell, socket=number)
        origin = dict(scope["headers"]).get(b"origin", b"").decode("latin-1")
        tell("open", port=scope["server"][1], path=scope["path"], origin=origin)
        is_open = False

        async def recorded_receive():
            message = await receive()
            if message["type"] == "websocket.receive":
                tell("up", frame=frame_of(message))
            elif message["type"] == "websocket.disconnect":
                tell("gone", code=message.get("code"))
            return message

        async def recorded_send(message):
            nonlocal is_open
            if message["type"] == "websocket.accept":
                is_open = True
                tell("accept")
            elif message["type"] == "websocket.send":
                tell("down", frame=frame_of(message))
            elif message["type"] == "websocket.close":
                kind, code = ("close", 1000) if is_open else ("refuse", 403)
                tell(kind, code=(is_open and message.get("code")) or code)
            await send(message)

        try:
            await self.application(scope, recorded_receive, recorded_send)
        except Exception as error:
            tell("error", text=f"{type(error).__name__}: {error}")
            raise
        finally:
            tell("end")

    def _watch_layer(self):
        """Record the calls of the layer's methods; each project has its own layer."""
        layer = get_channel_layer()
        if layer is not self._layer:
            self._layer = layer
            for name, (kind, *names) in WATCHED.items():
                setattr(layer, name, self._recorded(getattr(layer, name), kind, names))
            layer.receive = self._received(layer.receive)

    def _recorded(self, method, kind, names):
        @functools.wraps(method)
        async def recorded(first, second):
            if inside.get():
                return await method(first, second)
            self.tell(kind, **dict(zip(names, (first, second), strict=True)))
            token = inside.set(True)
            try:
                return await method(first, second)
            finally:
                inside.reset(token)

        return recorded

    def _received(self, receive):
        @functools.wraps(receive)
        async def received(channel):
            event = await receive(channel)
            if channel not in self._channels:  # a consumer's method is called with it
                self.tell("get", channel, event=event)
            return event

        return received

    def watch(self, consumer):
        """Record the calls of the methods of one consumer."""
        dispatch, known = consumer.dispatch, False

        async def recorded(message):
            nonlocal known
            if not known:
                known = True
                user = getattr(consumer.scope.get("user"), "username", "")
                channel = getattr(consumer, "channel_name", "")
                self._channels.add(channel)
                where = "thread" if consumer._sync else "event loop"
                self.tell("consumer", user=user, channel=channel, where=where)
            if message["type"] in METHODS:
                self.tell("call", method=METHODS[message["type"]], event=None)
            else:
                name = get_handler_name(message)
                method = f"{name}()" if hasattr(consumer, name) else f"no {name}()"
                self.tell("call", method=method, event=message)
            await dispatch(message)

        consumer.dispatch = recorded


def frame_of(message):
    """Return the text of a frame; for one of bytes, how many there are."""
    text = message.get("text")
    return f"{len(message['bytes'])} bytes" if text is None else text


def watched(call):
    """Return AsyncConsumer's `call`, which tells the Recorder of the consumer first."""

    @functools.wraps(call)
    async def call_watched(consumer, scope, receive, send):
        recorder, _ = current.get()
        if recorder:
            recorder.watch(consumer)
        await call(consumer, scope, receive, send)

    return call_watched


# A project makes its consumers itself; so this class, the base of all, is changed once.
AsyncConsumer.__call__ = watched(AsyncConsumer.__call__)
