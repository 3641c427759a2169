"""Nothing on any page keeps people out: axe finds no violation.

What axe looks for: https://github.com/dequelabs/axe-core/blob/develop/doc/rule-descriptions.md
"""

import re

import pytest
from playwright.async_api import expect

from tests.support.browser import GONE, from_npm, visit
from tests.support.deadline import DEADLINE

from .played import history

# This is a fixture.
from .test_history import message, scripted, shows
from .test_outbox import answer, keys
from .test_room import resize

__all__ = ["scripted"]

# One event loop for all: the browser is started once.
pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]
expect.set_options(timeout=DEADLINE * 1000)
WIDTHS = (390, 1024)
COLOURS = ("light", "dark")
# Notes whether the log was busy whenever something was added to it.
NOTE = """log => {
    window.busy = [];
    const note = () => busy.push(log.ariaBusy);
    new MutationObserver(note).observe(log, { childList: true });
}"""

# Notes what a screen reader may read out.
READ = """log => {
    window.read = [];
    const isRead = node => log.ariaBusy !== "true" && node.ariaLive !== "off";
    const note = ({ addedNodes }) => read.push(...[...addedNodes].filter(isRead));
    new MutationObserver((changes) => changes.forEach(note))
        .observe(log, { childList: true });
}"""


async def violations(page):
    """Return (id, width, colours, elements) of all that axe finds, however it looks."""
    await page.add_script_tag(path=from_npm("axe.min.js"))
    found = []
    for width in WIDTHS:
        await resize(page, {"width": width, "height": 700})
        for colours in COLOURS:
            await page.emulate_media(color_scheme=colours)
            for violation in (await page.evaluate("axe.run()"))["violations"]:
                elements = [node["html"] for node in violation["nodes"]]
                found.append((violation["id"], width, colours, elements))
    return found


@pytest.mark.holds(since="00")
async def test_axe_finds_no_violation_on_the_pages_around_the_chat(
    server, browser, step
):
    async with visit(browser, server.url) as alice:
        assert await violations(alice.page) == []
        await alice.sign_in("alice")
        pages = ["/", "/courses/1/"]
        if step.number >= "06":
            pages.append("/chat/?room_name=tea+room")
        for path in pages:
            await alice.page.goto(server.url + path)
            assert await violations(alice.page) == []


@pytest.mark.holds(since="01", can="axe finds no accessibility problem on any page")
async def test_axe_finds_no_violation_in_the_room_whatever_it_shows(
    server, browser, alice, bob, step
):
    """Messages, who came and went, an error, and the line that says closed."""
    signed_in = await alice.page.context.storage_state()
    async with visit(browser, server.url, storage_state=signed_in) as alice:
        sockets = []

        def through(socket):
            sockets.append((socket, socket.connect_to_server()))

        # From step 11 on, the page would otherwise connect again while axe looks at it.
        await alice.page.add_init_script("Math.random = () => 99")
        await alice.page.route_web_socket("**/ws/**", through)
        for person in (alice, bob):
            await person.page.goto(f"{server.url}/chat/room/1/")
            await expect(person.status).to_have_text("Connected")
        await bob.say("Hello, it is bob")
        # Who says something at the same moment may be heard first.
        listener = alice if step.number >= "03" else bob
        await expect(listener.messages.last).to_contain_text("it is bob")
        await alice.say("Hello, it is alice")
        await expect(alice.messages.last).to_contain_text("it is alice")
        await alice.say("   ")
        await expect(alice.alert).not_to_be_empty()
        assert await violations(alice.page) == []
        await sockets[0][0].close()
        await expect(alice.status).to_contain_text(GONE)
        assert await violations(alice.page) == []


@pytest.mark.holds(since="07")
async def test_axe_finds_no_violation_in_a_room_with_more_people_than_fit(scripted):
    alice, socket = scripted
    socket.history()
    users = [f"pupil {number:02}" for number in range(60)]
    socket.send({"type": "presence.list", "users": users})
    here = alice.page.get_by_role("list", name="Here")
    await expect(here).to_contain_text(users[-1])
    assert await violations(alice.page) == []
    # A small window, or one that is enlarged by four.
    await resize(alice.page, {"width": 320, "height": 256})
    assert (await here.bounding_box())["height"] > 25


@pytest.mark.holds(
    since="10", can="The log is marked as busy while old messages are added"
)
async def test_the_log_is_busy_while_old_messages_are_added_and_not_for_new_ones(
    scripted,
):
    alice, socket = scripted
    await alice.log.evaluate(NOTE)
    socket.history(message(2), message(3))
    await shows(alice, 2, 3)
    assert await alice.page.evaluate("busy.at(-1)") == "true"
    await expect(alice.log).to_have_attribute("aria-busy", "false")
    socket.live(message(4))
    await shows(alice, 2, 3, 4)
    assert await alice.page.evaluate("busy.at(-1)") == "false"
    socket.history(message(1))
    await shows(alice, 1, 2, 3, 4)
    assert await alice.page.evaluate("busy.at(-1)") == "true"


@pytest.mark.holds(since="11")
async def test_what_a_page_has_missed_is_read_out(played):
    await played.send({"type": "chat.message", **message(1)})
    await played.passes(1)
    await played.person.log.evaluate(NOTE)
    await played.comes_back(message(2))
    await shows(played.person, 1, 2)
    assert await played.page.evaluate("busy.at(-1)") == "false"


@pytest.mark.holds(since="11")
async def test_the_first_message_of_a_room_is_read_out(opened):
    await opened.person.log.evaluate(NOTE)
    await opened.accept(history())
    await opened.passes(1)
    await opened.send(history())  # as an answer to a heartbeat, since 12
    await opened.send({"type": "chat.message", **message(1)})
    await shows(opened.person, 1)
    assert await opened.page.evaluate("busy.at(-1)") == "false"


@pytest.mark.holds(since="11")
async def test_the_history_is_not_read_out_when_a_new_message_came_before_it(opened):
    await opened.person.log.evaluate(NOTE)
    await opened.accept({"type": "chat.message", **message(3)})
    await opened.send(history(*map(message, (1, 2, 3))))
    await shows(opened.person, 1, 2, 3)
    assert await opened.page.evaluate("busy.at(-1)") == "true"


@pytest.mark.holds(since="13", can="Your own message is read out once")
async def test_a_message_of_ones_own_is_read_out_once_when_it_has_been_saved(played):
    await played.passes(1)
    await played.person.log.evaluate(READ)
    await played.person.say("hello")
    (key,) = await keys(played, "hello")
    texts = "read.filter(it => it.matches('p')).map(it => it.textContent)"
    assert await played.page.evaluate(texts) == []
    await answer(played, 1, "hello", key)
    (text,) = await played.page.evaluate(texts)
    assert re.fullmatch("me [^,]*hello", text)


@pytest.mark.holds(since="11")
async def test_the_button_that_counts_down_is_read_out_without_the_count(played):
    await played.close()
    again = played.page.get_by_role("button", name="Connect now", exact=True)
    await expect(again).to_have_text("Connect now (3)")
    await played.passes(1)
    await expect(again).to_have_text("Connect now (2)")


@pytest.mark.holds(since="01", until="01")
async def test_axe_finds_a_log_that_is_a_list_and_colours_that_are_too_pale(alice):
    await alice.page.goto(f"{alice.url}/chat/room/1/")
    await alice.page.evaluate(
        """log.outerHTML = '<ol role="log" aria-label="Messages"><li>Hello</li></ol>';
        document.getElementById("status").style.color = "#888";"""
    )
    found = {name for name, *_ in await violations(alice.page)}
    assert found == {"aria-allowed-role", "color-contrast", "listitem"}
