"""`tutorial check` leads to the mistake: what learners do wrong, and what it prints.

The mistakes are those of TROUBLESHOOTING.md that a test without a browser can find.
"""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests.support.folders import copy_folder
from tutorial.chapters.reading import anchor
from tutorial.shared.steps import find_step
from tutorial.verbs import check

pytestmark = pytest.mark.waiting

ASGI, CONSUMER, PRESENCE, ROOMS, ROUTING, SETTINGS = (
    "config/asgi.py",
    "chat/consumers.py",
    "chat/presence.py",
    "chat/rooms.py",
    "chat/routing.py",
    "config/settings.py",
)
# Seconds until the sentence is there; a twentieth of it where nothing else runs.
PATIENCE = 180


@dataclass
class Mistake:
    """In `file` of a step, `right` becomes `wrong`, and so in what `more` names.

    Both are texts, or functions that read them when the test runs.
    The first line that `tutorial check` prints about it is `expected`, the second
    `seen`, with … for what varies; the last one has `gap` and the link to `section`.
    """

    what: str
    step: str
    file: str
    right: str | Callable
    wrong: str | Callable
    expected: str
    seen: str
    section: str
    gap: str = "lacks"
    more: tuple = ()


def found(number, file, pattern="(?s:.*)"):
    """Return a function that returns what a pattern finds in a file of a step."""

    def find():
        text = (find_step(number).path / file).read_text()
        return re.search(pattern, text, re.MULTILINE)[0]

    return find


ACCEPTED = "Expected: a student on the course is accepted."
COMES_BACK = "Expected: a message comes back to its sender once."

MISTAKES = [
    Mistake(
        "no daphne in INSTALLED_APPS",
        "01",
        SETTINGS,
        '    "daphne",\n',
        "",
        "ERROR: config/settings.py has no 'daphne' in INSTALLED_APPS: "
        "chapter 01 puts it first.",
        "",
        "01 A consumer",
    ),
    Mistake(
        "daphne below the static files",
        "01",
        SETTINGS,
        '    "daphne",\n',
        "",
        "Expected: Django finds no error in the project.",
        "Seen: ?: (daphne.E001) Daphne must be listed before "
        "django.contrib.staticfiles in INSTALLED_APPS.",
        "01 A consumer",
        gap="has in the wrong place",
        more=(
            (
                SETTINGS,
                '    "django.contrib.staticfiles",\n',
                '    "django.contrib.staticfiles",\n    "daphne",\n',
            ),
        ),
    ),
    Mistake(
        "ASGI_APPLICATION is misspelled",
        "01",
        SETTINGS,
        "ASGI_APPLICATION =",
        "ASGI_APPLICATON =",
        "Expected: the server finds the application.",
        "Seen: ImproperlyConfigured: Cannot find ASGI_APPLICATION setting.",
        "01 A consumer",
    ),
    Mistake(
        "asgi.py passes everything to Django",
        "01",
        ASGI,
        found("01", ASGI, "(?<=^application = )(?s:.*)"),
        "django_asgi_app\n",
        ACCEPTED,
        "Seen: ValueError: Django can only handle ASGI/HTTP connections, "
        "not websocket.",
        "01 A consumer",
    ),
    Mistake(
        "the class instead of the application",
        "01",
        ASGI,
        "ChatConsumer.as_asgi()",
        "ChatConsumer",
        ACCEPTED,
        "Seen: TypeError: …ChatConsumer… can't be …await….",
        "01 A consumer",
    ),
    Mistake(
        "the consumer does not accept",
        "01",
        CONSUMER,
        "self.accept()",
        "pass",
        ACCEPTED,
        "Seen: no answer to the handshake within 3 s.",
        "01 A consumer",
    ),
    Mistake(
        "the consumer does not validate what it receives",
        "01",
        CONSUMER,
        "message = clean_message(text_data)",
        'message = json.loads(text_data)["message"]',
        "Expected: bad input returns an error only to its sender.",
        "Seen: chat/consumers.py, line 20: JSONDecodeError: Expecting value: "
        "line 1 column 1 (char 0) (after: empty frame).",
        "01 What a browser may send",
    ),
    Mistake(
        "the route does not end in a slash",
        "02",
        ROUTING,
        "<int:course_id>/",
        "<int:course_id>",
        ACCEPTED,
        "Seen: no route.",
        "02 From a path to a consumer",
    ),
    Mistake(
        "the route is a pattern without an end",
        "02",
        ROUTING,
        'path("ws/chat/room/<int:course_id>/"',
        r're_path(r"ws/chat/room/(?P<course_id>\d+)/"',
        "Expected: an unknown path is never accepted.",
        "Seen: /ws/chat/room/1/more/ is accepted.",
        "02 From a path to a consumer",
        more=((ROUTING, "import path", "import re_path"),),
    ),
    Mistake(
        "the routing is imported too early",
        "02",
        ASGI,
        "from chat.routing import websocket_urlpatterns\n",
        "",
        "ERROR: config/asgi.py, line 6: AppRegistryNotReady: Apps aren't loaded yet.",
        "",
        "02 From a path to a consumer",
        gap="has in the wrong place",
        more=(
            (
                ASGI,
                "from django.core.asgi",
                "from chat.routing import websocket_urlpatterns\nfrom django.core.asgi",
            ),
            (
                CONSUMER,
                "import json\n",
                "import json\nfrom courses.models import Course\n",
            ),
        ),
    ),
    Mistake(
        "AuthMiddlewareStack is missing",
        "02",
        ASGI,
        "AuthMiddlewareStack(URL",
        "(URL",
        ACCEPTED,
        "Seen: chat/consumers.py, line 12: KeyError: 'user'.",
        "02 Check the user",
        more=((ASGI, "from channels.auth import AuthMiddlewareStack\n", ""),),
    ),
    Mistake(
        "AllowedHostsOriginValidator is missing",
        "02",
        ASGI,
        "AllowedHostsOriginValidator(\n",
        "(\n",
        "Expected: a connection from another site is refused.",
        "Seen: 'https://elsewhere.example' is accepted.",
        "02 Check the origin",
    ),
    Mistake(
        "redis-py may give up after five seconds",
        "03",
        SETTINGS,
        '                    "socket_timeout": None,\n',
        "",
        "Expected: a socket stays open when nothing is sent.",
        "Seen: TimeoutError: Timeout reading from 127.0.0.1:….",
        "03 A layer in Redis",
    ),
    Mistake(
        "CHANNEL_LAYERS is misspelled",
        "03",
        SETTINGS,
        "CHANNEL_LAYERS",
        "CHANNEL_LAYER",
        "ERROR: config/settings.py has no CHANNEL_LAYERS: chapter 03 adds them.",
        "",
        "03 A layer in Redis",
    ),
    Mistake(
        "the layer is one for each process",
        "03",
        SETTINGS,
        found("03", SETTINGS, r"CHANNEL_LAYERS = (?s:.*?)\n}\n"),
        'CHANNEL_LAYERS = {"default": '
        '{"BACKEND": "channels.layers.InMemoryChannelLayer"}}\n',
        "Expected: a message reaches people on another server.",
        "Seen: no frame arrived within 3 s.",
        "03 A layer in Redis",
    ),
    Mistake(
        "one consumer serves all sockets",
        "03",
        ROUTING,
        "ChatConsumer.as_asgi()",
        "ChatConsumer()",
        "Expected: a message reaches everybody in the room (bob).",
        "Seen: no frame arrived within 3 s.",
        "02 From a path to a consumer",
    ),
    Mistake(
        "the type of the event is misspelled",
        "03",
        CONSUMER,
        '"chat.message"',
        '"chat.mesage"',
        COMES_BACK,
        "Seen: ValueError: No handler for message type chat.mesage.",
        "03 Join, send, leave",
    ),
    Mistake(
        "a channel keeps only 100 messages",
        "03",
        SETTINGS,
        '            "capacity": 2000,\n',
        "",
        "Expected: no message is lost when a whole class writes at the same time.",
        "Seen: no frame arrived within 3 s.",
        "03 What gets lost",
    ),
    Mistake(
        "a colon is missing",
        "03",
        CONSUMER,
        "def connect(self):",
        "def connect(self)",
        "ERROR: chat/consumers.py, line 13: SyntaxError: expected ':'",
        "",
        "01 A consumer",
    ),
    Mistake(
        "the time in the event is no text",
        "04",
        CONSUMER,
        "timezone.now().isoformat()",
        "timezone.now()",
        COMES_BACK,
        "Seen: chat/consumers.py, line 41: TypeError: "
        "can not serialize 'datetime.datetime' object.",
        "04 Add the author and the time",
    ),
    Mistake(
        "the await before group_send() is missing",
        "05",
        CONSUMER,
        "await self.channel_layer.group_send(",
        "self.channel_layer.group_send(",
        COMES_BACK,
        "Seen: RuntimeWarning: coroutine 'RedisChannelLayer.group_send' "
        "was never awaited.",
        "05 From def to async def",
    ),
    Mistake(
        "the await before accept() is missing",
        "05",
        CONSUMER,
        "await self.accept()",
        "self.accept()",
        ACCEPTED,
        "Seen: RuntimeWarning: coroutine 'AsyncWebsocketConsumer.accept' "
        "was never awaited.",
        "05 From def to async def",
    ),
    Mistake(
        "the database is queried synchronously",
        "05",
        CONSUMER,
        "await user.courses.filter(id=course_id).aexists()",
        "user.courses.filter(id=course_id).exists()",
        ACCEPTED,
        "Seen: chat/consumers.py, line 17: SynchronousOnlyOperation: You cannot call "
        "this from an async context - use a thread or sync_to_async.",
        "05 From def to async def",
    ),
    Mistake(
        "async_to_sync in a coroutine",
        "05",
        CONSUMER,
        "await self.channel_layer.group_send(",
        "async_to_sync(self.channel_layer.group_send)(",
        COMES_BACK,
        "Seen: chat/consumers.py, line 39: RuntimeError: You cannot use AsyncToSync in "
        "the same thread as an async event loop - just await the async function "
        "directly.",
        "05 From def to async def",
        more=(
            (CONSUMER, "import json\n", "import json\nfrom asgiref.sync import *\n"),
        ),
    ),
    Mistake(
        "the consumer is still synchronous",
        "05",
        CONSUMER,
        found("05", CONSUMER),
        found("04", CONSUMER),
        "Expected: a message does not wait for another one to be sent.",
        "Seen: the second message was sent only after the first.",
        "05 From def to async def",
    ),
    Mistake(
        "the room named 1 is the group of course 1",
        "06",
        ROOMS,
        'f"room_{room_name}"',
        'f"chat_{room_name}"',
        "Expected: a message stays in its room.",
        "Seen: {'message': …}, not ….",
        "06 Add a socket for each name",
    ),
    Mistake(
        "a person who closes one of their tabs has left",
        "07",
        PRESENCE,
        'f"{self.channel_name} {self',
        'f"tab {self',
        "Expected: a person joins with the first tab and leaves with the last (1).",
        "Seen: the list is ['alice', 'teacher'], not ['alice', 'bob', 'teacher'].",
        "07 A list that all servers share",
    ),
]


def shape(text):
    """Return a pattern that matches `text`, with … for anything."""
    return ".*".join(map(re.escape, text.split("…")))


@pytest.mark.parametrize(
    "mistake",
    [
        pytest.param(
            mistake,
            id=f"{mistake.step}: {mistake.what}",
            marks=pytest.mark.holds(since=mistake.step, until=mistake.step),
        )
        for mistake in MISTAKES
    ],
)
def test_a_mistake_is_named_and_its_section(
    mistake, tmp_path, warm_runs, monkeypatch, capsys
):
    folder = copy_folder(find_step(mistake.step).path, tmp_path / "mychat")
    first = mistake.file, mistake.right, mistake.wrong
    for file, *texts in (first, *mistake.more):
        right, wrong = (it() if callable(it) else it for it in texts)
        text = (folder / file).read_text()
        assert text.count(right) == 1
        (folder / file).write_text(text.replace(right, wrong))

    if "within 3 s" not in mistake.seen:
        # A mistake that nothing has to wait for is found on a busy machine, too.
        monkeypatch.setattr(check, "DEADLINE", "15")
    begin = time.monotonic()
    assert check.check(mistake.step, str(folder)) == 1
    said = capsys.readouterr().out
    lines = [
        line for line in said.splitlines() if line[:5] in ("Expec", "Seen:", "ERROR")
    ]
    assert re.fullmatch(shape(mistake.expected), lines[0]), said
    assert re.fullmatch(shape(mistake.seen), "".join(lines[1:])), said
    number, _, section = mistake.section.partition(" ")
    adds = f'{mistake.file} {mistake.gap} a line that the section "{section}" adds: '
    link = f"{adds}steps/{find_step(number).name}/README.md#{anchor(section)}"
    assert said.splitlines()[-1] == link, said
    assert time.monotonic() - begin < PATIENCE
