"""The stage while a folder changes: what counts as a save, and what a mistake shows."""

import asyncio
import contextlib
import json
import socket

import pytest
from playwright.async_api import expect
from websockets.asyncio.client import connect

from tests.support.deadline import DEADLINE
from tests.support.folders import copy_folder
from tutorial.shared.steps import find_step

from .conftest import stage_page

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]
MISTAKE = "oops(\n"
STOPPED = "The server has stopped: SyntaxError"


@pytest.fixture
def mine(tmp_path):
    """A folder of somebody's own, as step 04 leaves it."""
    return copy_folder(find_step("04").path, tmp_path / "mychat")


@contextlib.asynccontextmanager
async def second_page(instructor):
    """Yield a socket to the stage, as another open page has it."""
    address = f"127.0.0.1:{instructor.port}"
    options = {"origin": f"http://{address}", "open_timeout": DEADLINE}
    # The answer to a ping would wait behind what a test doesn't read yet.
    async with connect(f"ws://{address}/wire", ping_interval=None, **options) as page:
        yield page


async def ask(page, what, **more):
    await page.send(json.dumps({"do": what, **more}))


async def kinds_until(page, kind):
    """Return the kinds of all messages that a page gets until one of this kind."""
    kinds = []
    async with asyncio.timeout(DEADLINE):
        while kind not in kinds:
            kinds.append(json.loads(await page.recv())["kind"])
    return kinds


def make_socket(folder, name):
    """Make the file of a Unix socket: its whole path would be too long for one."""
    with contextlib.chdir(folder), socket.socket(socket.AF_UNIX) as sock:
        sock.bind(name)


async def test_what_a_deployed_folder_has_made_is_neither_copied_nor_a_save(
    browser, mine
):
    for name, file in (("run", "access.log"), ("static", "site.css")):
        (mine / name).mkdir()
        (mine / name / file).touch()
    make_socket(mine / "run", "daphne0.sock")
    async with stage_page(browser, str(mine)) as instructor:
        copy = instructor.copy_of("04")
        assert not (copy / "run").exists()
        assert not (copy / "static").exists()
        async with second_page(instructor) as page:
            await kinds_until(page, "redis")
            (mine / "run/access.log").write_text("GET /")
            (mine / "static/site.css").write_text("p {}")
            # The stage looks at the files, and then at Redis.
            for _ in range(2):
                assert "saved" not in await kinds_until(page, "redis")
            (mine / "chat/static/chat/new.css").write_text("p {}")
            await kinds_until(page, "saved")


async def test_a_file_that_cannot_be_copied_is_left_out_and_later_saves_count(
    browser, mine
):
    make_socket(mine, "editor.sock")
    async with stage_page(browser, str(mine)) as instructor:
        (mine / "editor.sock").unlink()
        await instructor.sees("saved", "")
        await expect(instructor.lamp("server")).to_be_visible()
        (mine / "chat/new.py").touch()
        await expect(instructor.drawn("saved", "")).to_have_count(2)
        await expect(instructor.lamp("server")).to_be_visible()


async def test_why_a_server_does_not_start_is_shown_and_the_panes_load_once_it_does(
    browser, mine
):
    consumers = mine / "chat/consumers.py"
    right = consumers.read_text()
    consumers.write_text(right + MISTAKE)
    async with stage_page(browser, str(mine), ready=False) as instructor:
        await expect(instructor.title).to_contain_text(STOPPED)
        # Another step in between: its pages in the panes are not those of the folder.
        await instructor.go_to("05")
        await instructor.press("0", "4")
        await expect(instructor.title).to_contain_text(STOPPED)
        consumers.write_text(right)
        await instructor.both_are_connected()
        await expect(instructor.title).to_have_text("04 · mychat")


async def test_a_mistake_that_is_saved_is_shown_until_it_is_corrected(browser, mine):
    consumers = mine / "chat/consumers.py"
    right = consumers.read_text()
    async with stage_page(browser, str(mine)) as instructor:
        consumers.write_text(right + MISTAKE)
        await expect(instructor.title).to_contain_text(STOPPED)
        place = f"(chat/consumers.py, line {len(right.splitlines()) + 1})"
        await instructor.sees("stopped", "", place)
        await expect(instructor.lamp("server")).to_have_count(0)
        # An event for a server that has stopped is lost, and nothing else.
        await instructor.press("m")
        consumers.write_text(right)
        await expect(instructor.lamp("server")).to_be_visible()
        await expect(instructor.title).to_have_text("04 · mychat")


async def test_a_folder_that_is_away_for_a_moment_is_followed_when_it_is_back(
    browser, mine
):
    async with stage_page(browser, str(mine)) as instructor:
        away = mine.rename(mine.with_name("away"))
        reason = f"The server has stopped: {mine} cannot be read"
        await expect(instructor.title).to_contain_text(reason)
        async with second_page(instructor) as page:
            await kinds_until(page, "program")
        hand_out = f"http://127.0.0.1:{instructor.port}/handout/04"
        response = await instructor.page.request.get(hand_out)
        assert (response.status, await response.text()) == (
            503,
            f"{mine} cannot be read: No such file or directory.",
        )
        away.rename(mine)
        await expect(instructor.lamp("server")).to_be_visible()
        await expect(instructor.title).to_have_text("04 · mychat")
        # Each look restarts the server only if a file has changed.
        async with second_page(instructor) as page:
            for _ in range(2):
                assert "saved" not in await kinds_until(page, "redis")


async def test_a_page_that_sends_an_event_to_a_server_that_is_not_there_stays_open(
    browser, mine
):
    event = {"group": "chat_1", "event": {"type": "chat.mesage"}}
    async with (
        stage_page(browser, str(mine), ready=False) as instructor,
        second_page(instructor) as page,
    ):
        await kinds_until(page, "program")
        # The step that is started last.
        await ask(page, "show", number="21")
        await ask(page, "send", **event)
        await ask(page, "show", number="04")
        await kinds_until(page, "program")
        await kinds_until(page, "program")
        await instructor.both_are_connected()
        (mine / "chat/new.py").touch()
        await kinds_until(page, "saved")
        await ask(page, "send", **event)
        assert "stopped" not in await kinds_until(page, "ready")


async def test_the_channel_of_a_room_is_a_ghost_when_its_server_has_ended(
    browser, tmp_path
):
    mine = copy_folder(find_step("21").path, tmp_path / "mychat")
    async with stage_page(browser, str(mine)) as instructor:
        room = instructor.groups.locator("p", has_text="group chat_1: ")
        await expect(room).to_have_text("group chat_1: the server")
        await expect(room.locator(".ghost")).to_have_count(0)
        (mine / "chat/new.py").touch()
        await expect(room.locator(".ghost")).to_have_text("the server")
        await instructor.sees("saved", "")


async def test_r_clears_the_wire_on_every_open_page(browser, instructor):
    await instructor.go_to("05")
    other = await browser.new_page()
    try:
        await other.goto(instructor.page.url)
        await expect(other.locator("#lamps .lit", has_text="alice")).to_be_visible()
        await instructor.say("alice", "before the end")
        frames = other.locator("#wire li", has_text="before the end")
        await expect(frames.first).to_be_attached()
        await instructor.press("r")
        await expect(frames).to_have_count(0)
        await expect(other.locator("#lamps .lit", has_text="alice")).to_be_visible()
    finally:
        await other.close()
