"""The stage's page: slides, sizes, a folder of one's own, and what it refuses."""

import contextlib
import http.client
import signal
import urllib.request
from types import SimpleNamespace

import pytest
import redis
from autobahn.exception import Disconnected
from playwright.async_api import expect
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from tests.support.browser import ARTEFACTS
from tests.support.deadline import DEADLINE
from tests.support.folders import contents, copy_folder
from tests.support.tool import answer_of, running
from tutorial.shared.ports import free_port
from tutorial.shared.steps import ROOT, all_steps, find_step
from tutorial.stage.stage import Stage

from .conftest import PROJECTOR, stage_page

pytestmark = pytest.mark.browser
# What does not fit in the window.
OUTSIDE = """
() => [...document.querySelectorAll("body > *, #lamps li, button")]
    .filter((element) => element.checkVisibility())
    .map((element) => [element.id, element.getBoundingClientRect()])
    .filter(([, box]) => box.right > innerWidth || box.bottom > innerHeight)
    .map(([id, box]) => [id, box.right, box.bottom])
"""
in_the_browser = pytest.mark.asyncio(loop_scope="session")


@in_the_browser
async def test_the_slides_show_what_the_chapter_changes_and_the_arrow_keys_turn_them(
    instructor,
):
    await instructor.go_to("05")
    place = instructor.page.locator("#place")
    await expect(place).to_contain_text("1 of 4chat/consumers.py")
    await instructor.press("ArrowRight")
    await expect(place).to_contain_text("2 of 4")
    added = instructor.code.locator(".plus", has_text="async def connect(self):")
    await expect(added).to_be_visible()
    await expect(added.locator("mark").first).to_have_text("async")
    await instructor.press("ArrowLeft")
    await expect(place).to_contain_text("1 of 4")


@pytest.mark.parametrize("size", [(1024, 768), (1280, 720), (1920, 1080)])
@in_the_browser
async def test_everything_has_its_place_at_the_size_of_a_projector(instructor, size):
    width, height = size
    await instructor.go_to("07")
    await instructor.say("alice", "A message that is long enough for a second line")
    await instructor.sees("down", "bob", "long enough")
    await instructor.page.set_viewport_size({"width": width, "height": height})
    outside = []
    for people, keys in (("two", ""), ("four", "ct"), ("keys", "?")):
        await instructor.press(*keys)
        file = f"{ARTEFACTS}/stage-{width}-{people}.png"
        await instructor.page.screenshot(path=file)
        outside += await instructor.page.evaluate(OUTSIDE)
    keys = instructor.page.locator("#help")
    cut = await keys.evaluate("keys => keys.scrollHeight - keys.clientHeight")
    await instructor.page.keyboard.press("Escape")
    await instructor.press("c", "t")
    await instructor.page.set_viewport_size(PROJECTOR)
    assert (outside, cut) == ([], 0)


@in_the_browser
async def test_a_title_without_enough_room_can_be_read_whole(instructor):
    await instructor.go_to("07")
    whole = await instructor.title.inner_text()
    await expect(instructor.title).to_have_attribute("title", whole)


@in_the_browser
async def test_w_and_d_enlarge_the_wire_and_the_change(instructor):
    wire, change = (instructor.page.locator(it) for it in ("#middle", "#change"))
    usual = await wire.bounding_box(), await change.bounding_box()
    await instructor.press("w")
    assert (await wire.bounding_box())["height"] > 1.5 * usual[0]["height"]
    await instructor.press("d")
    assert (await change.bounding_box())["height"] > 1.5 * usual[1]["height"]
    await instructor.press("d")
    assert (await wire.bounding_box(), await change.bounding_box()) == usual


@in_the_browser
async def test_the_keys_are_listed_and_every_key_has_a_button(instructor):
    await instructor.press("?")
    listed = await instructor.page.locator("#help dt").all_inner_texts()
    await instructor.page.keyboard.press("Escape")
    assert {"W", "D", "H", "Space", "R", "O", "K", "[", "]", "←"} <= set(listed)
    buttons = instructor.page.locator("#buttons button")
    await expect(buttons).to_have_count(len(listed) - 1)  # digits have the steps' own


@in_the_browser
async def test_space_presses_a_button_reached_by_tab_and_pauses_after_a_click(
    instructor,
):
    page = instructor.page
    panes, pause = page.locator(".pane"), page.locator("[data-key=Space]")
    await page.locator("[data-key=x]").focus()
    await page.keyboard.press("Tab")
    await page.keyboard.press("Space")
    await expect(panes).to_have_count(3)
    await expect(pause).to_have_text("Pause (Space)")
    await page.locator("[data-key=c]").click()
    await expect(panes).to_have_count(2)
    await page.keyboard.press("Space")
    await expect(pause).to_contain_text("Continue (Space)")
    await expect(panes).to_have_count(2)
    await instructor.press("Space")


@in_the_browser
async def test_a_folder_of_ones_own_is_shown_with_what_it_lacks_and_left_alone(
    browser, tmp_path
):
    mine = copy_folder(find_step("04").path, tmp_path / "mychat")
    consumers = mine / "chat/consumers.py"
    right = consumers.read_text()
    consumers.write_text(right.replace('"user": self.scope["user"].username,\n', ""))
    # What no chapter has asked for yet, and not in UTF-8.
    (mine / "chat/forms.py").write_bytes(b"# caf\xe9\n")
    before = contents(mine)
    async with stage_page(browser, str(mine)) as instructor:
        await expect(instructor.title).to_have_text("04 · mychat")
        lacking = instructor.code.locator(".plus", has_text='"user": self.scope')
        await expect(lacking).to_be_visible()
        handout = f"http://127.0.0.1:{instructor.port}/handout/04"
        text = await (await instructor.page.request.get(handout)).text()
        assert "What mychat lacks of step 04" in text
        assert "<span># caf?</span>" in text
        assert contents(mine) == before
        copy = instructor.copy_of("04")
        assert "chat/forms.py" in contents(copy)
        # A save restarts the server, which the wire says; the panes wait for a person.
        (mine / "chat/forms.py").unlink()
        consumers.write_text(right)
        await instructor.sees("saved", "")
        nothing = instructor.page.locator("#place", has_text="Nothing is left to do")
        await expect(nothing).to_be_visible()
        text = await (await instructor.page.request.get(handout)).text()
        assert "Nothing is left to do in this folder." in text
        closed = instructor.pane("alice").get_by_role("status")
        await expect(closed).to_contain_text("Closed")
        await expect(instructor.lamp("server")).to_be_visible()
        for name in ("alice", "bob"):
            pane = instructor.page.locator(f".pane[data-person={name}]")
            await pane.get_by_role("button", name="Reload").click()
        await instructor.both_are_connected()
        await instructor.say("alice", "Here I am")
        await expect(instructor.log("bob")).to_contain_text("alice")
        # What has gone from the folder has gone from its copy.
        assert "chat/forms.py" not in contents(copy)
        assert sorted(contents(mine)) == sorted(before.keys() - {"chat/forms.py"})


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_stage_and_nothing_is_left(tmp_path, number):
    port = free_port()
    with running(ROOT, "stage", "02", "--port", port, TMPDIR=str(tmp_path)) as tool:
        tool.wait_until_said("Stop with Ctrl-C.")
        urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=DEADLINE).close()
        assert list(tmp_path.iterdir())
        assert tool.stop(number) == (0, [])
    assert list(tmp_path.iterdir()) == []


def test_a_stage_that_is_killed_leaves_no_process_behind(tmp_path):
    options = {"TMPDIR": str(tmp_path)}
    with running(ROOT, "stage", "02", "--port", free_port(), **options) as tool:
        tool.wait_until_said("Stop with Ctrl-C.")
        assert any("valkey" in name for name in tool.names())
        assert tool.stop(signal.SIGKILL) == (-signal.SIGKILL, [])


def test_what_is_neither_a_step_nor_a_project_is_reported_in_one_line(tmp_path):
    status, [line] = answer_of(ROOT, "stage", str(tmp_path))
    assert status == 2
    assert line.startswith(f"tutorial: {tmp_path} has no manage.py: name the folder ")


async def test_a_page_that_has_closed_is_forgotten_and_the_others_are_told():
    heard = []

    async def closed(message):
        raise Disconnected

    async def still_open(message):
        heard.append(message)

    stage = SimpleNamespace(pages={closed, still_open})
    await Stage.tell(stage, "hello")
    assert (heard, stage.pages) == (["hello"], {still_open})


def test_each_step_has_a_database_of_its_own(tmp_path):
    stage = Stage(find_step("05"), None, tmp_path)
    with contextlib.closing(stage):
        urls = {play.redis_url for play in stage.plays.values()}
        for url in urls:
            with redis.Redis.from_url(url) as client:
                assert client.ping()
    assert len(urls) == len(all_steps())


async def test_nothing_is_told_of_a_step_that_is_no_longer_shown():
    heard = []

    async def tell(message):
        heard.append(message)

    stage = SimpleNamespace(shown="21", tell=tell)
    await Stage._tell_of(stage, "05", "late")
    await Stage._tell_of(stage, "21", "news")
    assert heard == ["news"]


@in_the_browser
async def test_a_request_by_another_name_and_a_socket_from_another_site_are_refused(
    instructor,
):
    for host, status in (("evil.example", 403), (f"127.0.0.1:{instructor.port}", 200)):
        connection = http.client.HTTPConnection(
            "127.0.0.1", instructor.port, timeout=DEADLINE
        )
        connection.request("GET", "/", headers={"Host": host})
        assert connection.getresponse().status == status
        connection.close()
    url = f"ws://127.0.0.1:{instructor.port}/wire"
    with pytest.raises(InvalidStatus):
        await connect(url, origin="http://evil.example", open_timeout=DEADLINE)
    origin = f"http://127.0.0.1:{instructor.port}"
    async with connect(url, origin=origin, open_timeout=DEADLINE) as socket:
        assert '"kind": "program"' in await socket.recv()
