"""What a class in the same network can open: one room, under a name of one's own."""

import html
import re
from urllib.parse import parse_qs

from .people import signed_in
from .responses import refuse, respond

COURSE = 1
ROOM = f"/chat/room/{COURSE}/"
# Everything else of the site is closed, the admin and the log-in form with it.
STATIC = r"/static/(?:[\w-]+/)*[\w-]+(?:\.[\w-]+)*"
OPEN = re.compile(rf"{ROOM}|/courses/{COURSE}/|{STATIC}|/ws{ROOM}")
LONGEST = 1000  # bytes of a form with a name in it
PAGE = """<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>{title}</title>
    <link rel="stylesheet" href="/static/courses/site.css">
  </head>
  <body>
    <main>
      <h1>{title}</h1>
      {content}
    </main>
  </body>
</html>
"""
JOIN = """<form method="post" action="/" class="stack">
        <p class="errorlist" role="alert">{reason}</p>
        <label for="name">Your name</label>
        <input id="name" name="name" value="{name}" autocomplete="off" autofocus>
        <button>Join</button>
      </form>"""
WAYS_BACK = f'<p><a href="{ROOM}">Back to the room</a>, or <a href="/">join it</a>.</p>'
CLOSED = PAGE.format(title="Only the room is open here", content=WAYS_BACK)


class Classroom:
    """An ASGI application around a step's: its room, and a page that asks for a name.

    `host` is its address with its port, the only one by which it can be reached; `tell`
    is called with {"kind": "joined", "user": name}.
    """

    def __init__(self, application, host, tell):
        self.application = application
        self.host = host.encode()
        self.tell = tell
        self.sockets = set()  # the send functions of the open ones

    async def __call__(self, scope, receive, send):
        path, headers = scope["path"], dict(scope["headers"])
        is_here = headers.get(b"host") == self.host
        if is_here and scope["type"] == "http" and path == "/":
            await self.join(scope, receive, send)
        elif not is_here:
            await refuse(scope, send)
        elif not OPEN.fullmatch(path):
            await refuse(scope, send, CLOSED.encode(), "text/html")
        elif scope["type"] == "http":
            await self.application(scope, receive, send)
        else:
            self.sockets.add(send)
            try:
                await self.application(scope, receive, send)
            finally:
                self.sockets.discard(send)

    async def join(self, scope, receive, send):
        """Ask for a name; take it, and lead to the room."""
        name = reason = ""
        if scope["method"] == "POST":
            name = await name_in(receive)
            reason, key = await enrol(name)
            if key:
                self.tell({"kind": "joined", "user": name})
                cookie = f"sessionid={key}; Path=/; HttpOnly; SameSite=Lax"
                headers = [(b"location", ROOM.encode())]
                headers.append((b"set-cookie", cookie.encode()))
                return await respond(send, 303, b"", headers=headers)
        form = JOIN.format(name=html.escape(name), reason=html.escape(reason))
        page = PAGE.format(title="Join the room", content=form)
        await respond(send, 200, page.encode(), "text/html")

    async def send_away(self):
        """Remove the users of the class, and close its sockets."""
        await remove()
        for send in list(self.sockets):
            await send({"type": "websocket.close", "code": 4001})


async def name_in(receive):
    """Return the name in a posted form; of one that is too long, its beginning."""
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body") or len(body) > LONGEST:
            form = parse_qs(body[:LONGEST].decode(errors="replace"))
            return form.get("name", [""])[0].strip()


async def enrol(name):
    """Make a user of this name who is on the course; return ("", session key).

    For a name that cannot be had, return (the reason, "").
    """
    from asgiref.sync import sync_to_async

    return await sync_to_async(_enrol)(name)


def _enrol(name):
    from django.contrib.auth.models import User
    from django.core.exceptions import ValidationError

    from courses.models import Course

    user = User(username=name)
    user.set_unusable_password()
    if not name:
        return "Type a name.", ""
    if len(name) > 30:
        return "The name is longer than 30 characters.", ""
    try:
        user.full_clean(exclude=["password"])
    except ValidationError as error:
        return " ".join(error.messages), ""
    user.save()
    Course.objects.get(id=COURSE).students.add(user)
    return "", signed_in(name)


async def remove():
    """Remove the users without a password: the class, not the step's own."""
    from asgiref.sync import sync_to_async
    from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
    from django.contrib.auth.models import User

    guests = User.objects.filter(password__startswith=UNUSABLE_PASSWORD_PREFIX)
    await sync_to_async(guests.delete)()
