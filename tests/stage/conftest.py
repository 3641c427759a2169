"""A stage that runs, and its page in a browser."""

import asyncio
import contextlib
import json
import re
import socket
import sys
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import expect

from tests.support import warm
from tests.support.deadline import DEADLINE
from tests.support.tool import running
from tutorial.shared.ports import free_port
from tutorial.shared.steps import ROOT

expect.set_options(timeout=DEADLINE * 1000)
# `tutorial`, but the Python with which it serves each step has been started already.
TUTORIAL = """
import os, sys
from tutorial.__main__ import main
sys.executable = os.environ["EXECUTABLE"]
sys.exit(main())
"""
PROJECTOR = {"width": 1280, "height": 720}
# What repeats every five seconds; the countdown of a page does so every second.
NO_HEARTBEAT = """
const repeat = window.setInterval;
window.setInterval = (call, pause) => pause === 5000 ? 0 : repeat(call, pause);
"""


class Instructor:
    """Somebody with the stage's page in front of a class.

    `complaints` are the errors of the page's scripts.
    """

    def __init__(self, page):
        self.page = page
        self.complaints = []
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.title = page.get_by_role("heading", level=1)
        self.wire = page.locator("#wire li")
        self.groups = page.locator("#groups")
        self.code = page.locator("#code")

    def copy_of(self, number):
        """Return the folder from which the stage serves a step."""
        folders = self.tool.folders()
        [folder] = (folder for folder in folders if folder.endswith(f"/{number}"))
        return Path(folder)

    def lamp(self, name):
        return self.page.locator("#lamps .lit", has_text=name)

    def pane(self, name):
        """Return what is in a person's frame."""
        return self.page.frame_locator(f"[data-person={name}] iframe")

    def log(self, name):
        return self.pane(name).get_by_role("log")

    async def say(self, name, text):
        """Type a message into somebody's page and press Enter."""
        field = self.pane(name).get_by_label("Message", exact=True)
        await field.fill(text)
        await field.press("Enter")

    async def press(self, *keys):
        """Press keys while the stage itself, not a pane, has the focus."""
        await self.title.click()
        for key in keys:
            await self.page.keyboard.press(key)

    async def go_to(self, number):
        """Press a step's button, and wait until it is there with two open sockets."""
        current = self.page.locator("[aria-current]")
        buttons = self.page.locator("#steps button")
        if await current.inner_text() == number:
            await buttons.filter(has_text="00").click()
            await expect(current).to_have_text("00")
        await buttons.filter(has_text=number).click()
        await expect(current).to_have_text(number)
        if number > "00":
            await self.both_are_connected()

    async def both_are_connected(self):
        for name in ("alice", "bob"):
            await expect(self.lamp(name)).to_be_visible()
            # The stage hears of it before the page does.
            status = self.pane(name).get_by_role("status")
            await expect(status).to_have_text("Connected")

    async def arrows(self):
        """Return (person, kind, text) of all that the wire shows."""
        script = "all => all.map(i => [i.dataset.person, i.dataset.kind, i.innerText])"
        rows = await self.wire.evaluate_all(script)
        return [(person, kind, text.strip()) for person, kind, text in rows]

    def drawn(self, kind, person, text=""):
        """Return the locator of all arrows of a kind and a person, with a text."""
        chosen = f"#wire li[data-kind={kind}][data-person='{person}']"
        return self.page.locator(chosen, has_text=text)

    async def sees(self, kind, person, text=""):
        """Wait for an arrow; return its locator."""
        arrow = self.drawn(kind, person, text).first
        await expect(arrow).to_be_attached()
        return arrow


def first_of_two_free_ports():
    """Return a free port after which the next one is free, too: a class joins there."""
    while True:
        port = free_port()
        with contextlib.suppress(OSError), socket.create_server(("", port + 1)):
            return port


@contextlib.asynccontextmanager
async def stage_page(browser, *arguments, ready=True):
    """Yield an Instructor whose stage, with these arguments, is open and ready.

    Without `ready`, it is only open.
    """
    port = first_of_two_free_ports()
    options = {
        "command": (sys.executable, "-u", "-c", TUTORIAL),
        "EXECUTABLE": warm.executable(),
    }
    with running(ROOT, "stage", *arguments, "--port", port, **options) as tool:
        tool.wait_until_said("Stop with Ctrl-C.")
        page = await browser.new_page(viewport=PROJECTOR)
        # From step 12 on a heartbeat could come between the arrows of a message.
        await page.add_init_script(NO_HEARTBEAT)
        instructor = Instructor(page)
        instructor.tool, instructor.port = tool, port
        await page.goto(f"http://127.0.0.1:{port}/")
        if ready:
            await instructor.both_are_connected()
        yield instructor
        await page.close()
        assert instructor.complaints == []


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def opened(browser):
    """A stage for all tests that leave it as it is."""
    async with stage_page(browser, "03") as instructor:
        yield instructor


@pytest.fixture
def instructor(opened):
    return opened


class Prompter(Instructor):
    """An Instructor whose page hears from the test what happens, not from a stage.

    The page asks the test, too: `asked` is a queue of that.
    """

    def __init__(self, page):
        super().__init__(page)
        self.asked = asyncio.Queue()
        self.socket = asyncio.get_running_loop().create_future()

    def connect(self, socket):
        socket.on_message(lambda text: self.asked.put_nowait(json.loads(text)))
        self.socket.set_result(socket)

    async def tell(self, kind, **message):
        message = {"kind": kind, "at": 0, "socket": 1} | message
        (await self.socket).send(json.dumps(message))

    async def program(self, kind="program", **changes):
        """Put a step on the stage, with alice, bob, and no slides."""
        people = {"alice": 8101, "bob": 8102, "teacher": 8103}
        program = {
            "steps": ["00", "03", "21"],
            "number": "03",
            "title": "The step",
            "folder": None,
            "people": {n: f"http://{n}.test:{p}/" for n, p in people.items()},
            "state": "ready",
            "reason": "",
            "slides": [],
            "nothing": "There are no slides.",
            "lan": None,
            "code": "",
            "joined": [],
            "offline": [],
        }
        await self.tell(kind, **program | changes)

    async def alice_connects(self, channel="specific.one"):
        await self.tell("open", port=8101, path="/ws/", origin="")
        await self.tell("consumer", user="alice", channel=channel, where="thread")
        await self.tell("accept")

    async def is_asked(self):
        return await asyncio.wait_for(self.asked.get(), DEADLINE)


@pytest_asyncio.fixture(loop_scope="session")
async def prompter(browser, opened):
    page = await browser.new_page(viewport=PROJECTOR)
    prompter = Prompter(page)
    await page.route(re.compile(r"\.test:"), lambda route: route.fulfill(body=""))
    await page.route_web_socket("**/wire", prompter.connect)
    await page.goto(opened.page.url)
    await prompter.program()
    yield prompter
    await page.close()
    assert prompter.complaints == []
