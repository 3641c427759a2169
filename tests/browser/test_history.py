"""What was said before, in a real browser: shown once, in order, day by day."""

import asyncio
import json
import re

import pytest
import pytest_asyncio
from playwright.async_api import expect

from tests.support.browser import ARTEFACTS, SCRIPT, visit
from tests.support.deadline import DEADLINE

from .played import history

# One event loop for all: the browser is started once.
pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]
expect.set_options(timeout=DEADLINE * 1000)

ROOM = "/chat/room/1/"


async def enter(*people):
    """Open the room's page with each of these people, and wait for the socket."""
    for person in people:
        await person.page.goto(person.url + ROOM)
        await expect(person.status).to_have_text("Connected")


def message(number, time="2026-11-25T12:00:00+00:00"):
    """Return what a server sends of bob's message with this number."""
    return {"number": number, "message": f"no. {number}", "user": "bob", "time": time}


async def shows(person, *numbers):
    """Wait until a page shows bob's messages with these numbers, and no others."""
    texts = [re.compile(rf"no\. {number}$") for number in numbers]
    await expect(person.messages).to_have_text(texts)


class Scripted:
    """A socket whose frames a test chooses, on somebody's page instead of the real one.

    `asked` are the frames that the page has sent, decoded. A page that asks what it has
    missed has missed nothing.
    """

    def __init__(self, person):
        self._person = person
        self.asked = []
        self._route = None

    async def open(self):
        """Open the room's page with this socket."""
        await self._person.page.route_web_socket("**/ws/**", self._take)
        await self._person.page.goto(self._person.url + ROOM)
        await expect(self._person.status).to_have_text("Connected")

    def _take(self, route):
        self._route = route
        route.on_message(self._hear)

    def _hear(self, text):
        self.asked.append(json.loads(text))
        # A page whose heartbeats bring nothing gives its socket up, from step 12 on.
        if "after" in self.asked[-1]:
            self.history()

    def send(self, frame):
        """Send the page a frame."""
        self._route.send(json.dumps(frame))

    def live(self, *messages):
        """Send messages as they come from the group."""
        for each in messages:
            self.send({"type": "chat.message", **each})

    def history(self, *messages):
        """Send messages as what was said before."""
        self.send(history(*messages))

    async def is_asked(self, frame):
        """Wait until the page has sent a frame, decoded."""
        async with asyncio.timeout(DEADLINE):
            while frame not in self.asked:
                # Meanwhile Playwright hears what the page has sent.
                await self._person.page.evaluate("null")

    async def close(self):
        """Close the socket, as a server does."""
        await self._route.close()


@pytest_asyncio.fixture(loop_scope="session")
async def scripted(browser, alice):
    """alice in one more window, and the Scripted socket of its page."""
    signed_in = await alice.page.context.storage_state()
    size = {"width": 800, "height": 640}
    async with visit(
        browser, alice.url, storage_state=signed_in, viewport=size
    ) as person:
        socket = Scripted(person)
        await socket.open()
        yield person, socket
        assert person.complaints == []


@pytest.mark.holds(since="09", can="A reload shows what was said")
async def test_a_reload_shows_what_was_said_before(alice, bob, step):
    await enter(alice, bob)
    await alice.say("Hello, it is alice")
    await expect(bob.messages).to_contain_text(["Hello, it is alice"])
    await bob.say(SCRIPT)
    await expect(alice.messages).to_have_count(2)
    await alice.page.reload()
    await expect(alice.messages).to_have_count(2)
    await expect(alice.messages).to_contain_text(["Hello, it is alice", SCRIPT])
    await expect(alice.messages).to_contain_text(["me", "bob"])
    await alice.page.screenshot(path=f"{ARTEFACTS}/{step.name}-reload.png")


@pytest.mark.holds(since="09")
async def test_a_message_that_arrives_twice_is_shown_once(scripted):
    person, socket = scripted
    socket.history(message(1), message(2))
    socket.live(message(2), message(3))
    await shows(person, 1, 2, 3)


@pytest.mark.holds(since="09", can="Everybody sees the messages in the same order")
@pytest.mark.parametrize("order", [(2, 1), (1, 3, 2), (4, 1, 3, 2)])
async def test_messages_are_shown_in_the_order_of_their_numbers(scripted, order):
    person, socket = scripted
    socket.history()
    socket.live(*map(message, order))
    await shows(person, *sorted(order))


@pytest.mark.holds(since="09")
async def test_a_message_comes_below_the_notices_that_came_before_it(alice, bob):
    await enter(alice)
    await alice.say("Is anybody here?")
    await expect(alice.messages).to_have_count(1)
    await alice.sends_nothing_any_more()
    # Before bob has left the room of the test before, he cannot join.
    await expect(alice.page.get_by_label("Here")).to_have_text("alice")
    await enter(bob)
    await expect(alice.log).to_contain_text("bob joined")
    await bob.say("Now I am")
    await expect(alice.log.locator("p").last).to_contain_text("Now I am")


@pytest.mark.holds(since="10", can="Earlier messages keep the place where you read")
async def test_earlier_messages_are_added_above_the_place_where_one_reads(scripted):
    person, socket = scripted
    button = person.page.get_by_role("button", name="Earlier messages")
    # Some browsers keep the place by themselves, but not all.
    await person.log.evaluate("log => { log.style.overflowAnchor = 'none'; }")
    await expect(button).to_be_hidden()
    socket.history(*map(message, range(51, 101)))
    await expect(button).to_be_visible()
    assert await person.from_end() <= 1
    await person.log.evaluate("log => { log.scrollTop = 0; }")
    top = "item => Math.round(item.getBoundingClientRect().top)"
    before = await person.messages.first.evaluate(top)
    await button.click()
    await socket.is_asked({"before": 51})
    # From step 12 on, the page also asks for what comes after its messages.
    assert [each for each in socket.asked if "after" not in each] == [{"before": 51}]
    socket.history(*map(message, range(1, 51)))
    await expect(person.messages).to_have_count(100)
    await expect(button).to_be_hidden()
    # Although the button above it has gone, and the heading has moved up.
    assert abs(await person.messages.nth(50).evaluate(top) - before) <= 1
    texts = await person.messages.all_inner_texts()
    assert [text.split("no. ")[1] for text in texts] == [*map(str, range(1, 101))]


@pytest.mark.holds(since="10")
async def test_the_keyboard_focus_is_in_the_log_when_the_button_goes(scripted):
    person, socket = scripted
    button = person.page.get_by_role("button", name="Earlier messages")
    socket.history(message(2), message(3))
    await button.focus()
    await person.page.keyboard.press("Enter")
    socket.history(message(1))
    await expect(button).to_be_hidden()
    await expect(person.log).to_be_focused()


@pytest.mark.holds(since="13", can="A message that comes late leaves no gap")
async def test_an_old_message_that_is_sent_again_hides_none_of_those_after_it(scripted):
    person, socket = scripted
    button = person.page.get_by_role("button", name="Earlier messages")
    socket.history(*map(message, range(51, 101)))
    socket.live(message(1), message(10), message(101))
    await shows(person, *range(51, 102))
    await button.click()
    await socket.is_asked({"before": 51})
    socket.history(*map(message, range(1, 51)))
    await shows(person, *range(1, 102))
    assert [each for each in socket.asked if "before" in each] == [{"before": 51}]
    await expect(button).to_be_hidden()


@pytest.mark.holds(since="10", until="11")
async def test_there_are_no_earlier_messages_when_none_come(scripted):
    person, socket = scripted
    button = person.page.get_by_role("button", name="Earlier messages")
    socket.history(message(2))
    await expect(button).to_be_visible()
    socket.history()
    await expect(button).to_be_hidden()


@pytest.mark.holds(since="10", can="Every day has its heading")
async def test_each_day_has_one_heading_above_its_first_message(scripted):
    person, socket = scripted
    monday, tuesday = "2026-11-23T12:00:00+00:00", "2026-11-24T12:00:00+00:00"
    socket.history(message(3, monday), message(5, tuesday))
    socket.live(message(6, tuesday), message(4, monday))
    socket.history(message(1, monday), message(2, monday))
    await expect(person.messages).to_have_count(6)
    lines = await person.log.locator("h2, p").all_inner_texts()
    assert [line.split("no. ")[-1] for line in lines] == [
        "Monday, November 23, 2026",
        *"1234",
        "Tuesday, November 24, 2026",
        *"56",
    ]


@pytest.mark.holds(since="10", until="10")
async def test_nobody_can_ask_for_earlier_messages_when_the_socket_has_closed(
    scripted,
):
    person, socket = scripted
    button = person.page.get_by_role("button", name="Earlier messages")
    socket.history(message(2))
    await expect(button).to_be_visible()
    await socket.close()
    await expect(person.status).to_contain_text("Closed")
    await expect(button).to_be_hidden()
