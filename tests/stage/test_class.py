"""`tutorial stage --lan`: twenty people join the room, from elsewhere, and only it.

The other machines are another address of the loopback network: 127.0.0.2.
"""

import asyncio
import contextlib
import http.client
import json
import re
import sqlite3
import urllib.parse

import pytest
import pytest_asyncio
from django.core import signing
from playwright.async_api import expect
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from tests.support.browser import ARTEFACTS
from tests.support.deadline import DEADLINE
from tests.support.tool import answer_of
from tutorial.shared.steps import ROOT

from .conftest import PROJECTOR, stage_page

pytestmark = pytest.mark.browser
in_the_browser = pytest.mark.asyncio(loop_scope="session")
ELSEWHERE = "127.0.0.2"
ROOM = "/chat/room/1/"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def teaching(browser):
    """An Instructor at step 04, with a class."""
    async with stage_page(browser, "04", "--lan", ELSEWHERE) as instructor:
        yield instructor


class Student:
    """Somebody in the class: sends requests to the address on the board."""

    def __init__(self, instructor):
        self.host = f"{ELSEWHERE}:{instructor.port + 1}"
        self.cookie = ""

    def ask(self, method, path, body="", **headers):
        """Return the status, the headers and the text of a response."""
        connection = http.client.HTTPConnection(self.host, timeout=DEADLINE)
        headers = {"Host": self.host, "Cookie": self.cookie} | headers
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        text = response.read().decode()
        connection.close()
        return response.status, response.headers, text

    def join(self, name):
        """Join under a name; return the status and the text."""
        form = urllib.parse.urlencode({"name": name})
        status, headers, text = self.ask("POST", "/", form)
        self.cookie = (headers["set-cookie"] or "").partition(";")[0]
        return status, text

    def socket(self, host=None):
        headers = {"Cookie": self.cookie}
        return connect(
            f"ws://{self.host}/ws{ROOM}",
            origin=f"http://{host or self.host}",
            additional_headers=headers,
            open_timeout=DEADLINE,
        )


@in_the_browser
async def test_twenty_join_by_name_and_the_wire_shows_one_in_and_many_out(teaching):
    address = teaching.page.locator("#address")
    student = Student(teaching)
    await expect(address.get_by_role("heading")).to_have_text(f"http://{student.host}/")
    await expect(address.locator("svg")).to_be_visible()
    students = [Student(teaching) for _ in range(20)]
    for number, student in enumerate(students):
        assert student.join(f"student{number}")[0] == 303
        status, _, page = student.ask("GET", ROOM)
        assert status == 200
        assert f"Signed in as student{number}" in page
    joined = re.compile("20 have joined: .*student19")
    await expect(address.locator("p")).to_contain_text(joined)
    sockets = await asyncio.gather(*(student.socket() for student in students))
    await teaching.page.keyboard.press("Escape")
    await teaching.say("alice", "Good morning, class")
    for socket in sockets:
        frame = json.loads(await asyncio.wait_for(socket.recv(), DEADLINE))
        assert (frame["message"], frame["user"]) == ("Good morning, class", "alice")
    await teaching.sees("down", "class", "20 in the class: ")
    await teaching.sees("call", "class", "20 in the class: chat.message")
    await sockets[3].send(json.dumps({"message": "Good morning"}))
    await expect(teaching.log("bob")).to_contain_text("student3")
    await teaching.sees("up", "class", "student3: frame")
    await expect(teaching.groups).to_contain_text("student19")
    await teaching.page.screenshot(path=f"{ARTEFACTS}/stage-class.png")

    # R sends everybody out.
    await teaching.press("r")
    for socket in sockets:
        await asyncio.wait_for(socket.wait_closed(), DEADLINE)
    await expect(teaching.page.locator("[data-key=l]")).to_have_text("Class: 0 (L)")
    await teaching.both_are_connected()
    await expect(teaching.groups).not_to_contain_text("student")
    assert students[0].ask("GET", ROOM)[0] == 302  # to the log-in, which is closed
    assert students[0].join("student0")[0] == 303


@pytest.mark.parametrize("size", [(1280, 720), (1920, 1080)])
@in_the_browser
async def test_the_code_to_scan_fills_its_box(teaching, size):
    width, height = size
    await teaching.page.set_viewport_size({"width": width, "height": height})
    await teaching.press("l")
    code = teaching.page.locator("#address svg")
    box, drawn = [await it.bounding_box() for it in (code, code.locator("path"))]
    await teaching.page.screenshot(path=f"{ARTEFACTS}/stage-code-{width}.png")
    await teaching.page.keyboard.press("Escape")
    await teaching.page.set_viewport_size(PROJECTOR)
    assert box["width"] == box["height"] > 0.4 * height
    # Around it is a margin of four squares, beside at least 21.
    for side in ("width", "height"):
        assert drawn[side] > 0.7 * box[side]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("", "Type a name."),
        ("x" * 200, "The name is longer than 30 characters."),
        ("alice", "A user with that username already exists."),
        ("<b>", "Enter a valid username."),
        ("lena\0", "Enter a valid username."),
    ],
)
@in_the_browser
async def test_a_name_that_is_not_available_gets_a_sentence(teaching, name, reason):
    status, page = Student(teaching).join(name)
    assert status == 200
    assert re.search(f'role="alert">[^<]*{re.escape(reason)}', page)
    assert "<b>" not in page


@pytest.mark.parametrize(
    "path",
    [
        "/admin/",
        "/accounts/login/",
        "/chat/room/2/",
        "/static/../db.sqlite3",
        "/wire",
        "/handout/04",
    ],
)
@in_the_browser
async def test_nothing_but_the_room_is_open_to_the_class(teaching, path):
    student = Student(teaching)
    student.join(f"curious{len(path)}")
    status, _, text = student.ask("GET", path)
    assert status in (403, 404)
    assert "Traceback" not in text
    assert student.ask("GET", "/courses/1/")[0] == 200


@in_the_browser
async def test_who_follows_a_link_that_is_not_open_finds_the_way_back(
    teaching, browser
):
    student = Student(teaching)
    student.join("lost")
    key = student.cookie.removeprefix("sessionid=")
    cookie = {"name": "sessionid", "value": key, "url": f"http://{student.host}/"}
    async with await browser.new_context() as context:
        await context.add_cookies([cookie])
        page = await context.new_page()
        await page.goto(f"http://{student.host}/admin/")
        await page.get_by_role("link", name="Back to the room").click()
        await expect(page.get_by_text("Signed in as lost")).to_be_visible()
        await page.goto(f"http://{student.host}/admin/")
        await page.get_by_role("link", name="join it").click()
        await expect(page.get_by_role("button", name="Join")).to_be_visible()


@in_the_browser
async def test_another_host_another_origin_and_nobody_are_refused(teaching):
    student = Student(teaching)
    student.join("honest")
    assert student.ask("GET", ROOM, Host="evil.example")[0] == 403
    with pytest.raises(InvalidStatus):
        await student.socket("evil.example")
    async with student.socket():
        pass
    with pytest.raises(InvalidStatus):
        await Student(teaching).socket()
    # The pages of alice and bob, who have no password here, are for this machine only.
    for pane in await teaching.page.locator("iframe").all():
        port = urllib.parse.urlsplit(await pane.get_attribute("src")).port
        connection = http.client.HTTPConnection(ELSEWHERE, port, timeout=DEADLINE)
        with pytest.raises(ConnectionRefusedError):
            connection.request("GET", "/")


@in_the_browser
async def test_the_hand_outs_are_for_this_machine_only(teaching):
    here, there = (
        http.client.HTTPConnection(host, teaching.port, timeout=DEADLINE)
        for host in ("127.0.0.1", ELSEWHERE)
    )
    here.request("GET", "/handout/04")
    assert here.getresponse().status == 200
    here.close()
    with pytest.raises(ConnectionRefusedError):
        there.request("GET", "/handout/04")


@in_the_browser
async def test_a_page_that_is_not_there_shows_no_settings(teaching):
    status, _, text = Student(teaching).ask("GET", "/static/nowhere.css")
    assert status == 404
    assert "DEBUG" not in text


@in_the_browser
async def test_the_key_that_everybody_can_read_is_not_used_with_a_class(
    teaching, instructor
):
    assert not uses_the_public_key(teaching.copy_of("04"))
    assert uses_the_public_key(instructor.copy_of("03"))


def uses_the_public_key(folder):
    """Return whether sessions are signed with the key in the settings of a project.

    A person with that key could sign in as anybody.
    """
    key = re.search('SECRET_KEY = "(.+)"', (folder / "config/settings.py").read_text())
    with contextlib.closing(sqlite3.connect(folder / "db.sqlite3")) as database:
        [(data,)] = database.execute("SELECT session_data FROM django_session LIMIT 1")
    signer = signing.TimestampSigner(
        key=key[1], salt="django.contrib.sessions.SessionStore", fallback_keys=[]
    )
    try:
        return bool(signer.unsign(data))
    except signing.BadSignature:
        return False


def test_step_00_has_no_room_for_a_class():
    status, [line] = answer_of(ROOT, "stage", "00", "--lan", ELSEWHERE)
    assert (status, line) == (
        2,
        "tutorial: step 00 has no room to join: choose a later step.",
    )


def test_an_address_of_another_machine_is_refused_in_one_line():
    status, [line] = answer_of(ROOT, "stage", "03", "--lan", "192.0.2.7")
    assert status == 2
    said = (
        "192.0.2.7 is not an address of this machine (Cannot assign requested address)"
    )
    assert said in line
