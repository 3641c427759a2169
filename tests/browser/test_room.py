"""What alice and bob see in their browsers, at every step."""

import pytest
from playwright.async_api import expect

from tests.support.browser import ARTEFACTS, GONE, SCRIPT, visit
from tests.support.deadline import DEADLINE

# One event loop for all: the browser is started once.
pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]
expect.set_options(timeout=DEADLINE * 1000)


async def enter_by_address(*people):
    """Open room 1 by its address, as long as no link leads there."""
    for person in people:
        await person.page.goto(f"{person.url}/chat/room/1/")
        await expect(person.status).to_have_text("Connected")


async def enter_by_link(*people):
    """Go from the list of courses to the course, and from there to its room."""
    for person in people:
        await person.page.get_by_role("link", name="Django by Doing").click()
        await person.page.get_by_role("link", name="Chat").click()
        await person.page.wait_for_url("**/chat/room/1/")
        await expect(person.status).to_have_text("Connected")


async def fill(person):
    """Send eight messages, more than the log shows; the last one is in view."""
    for number in range(8):
        await person.say(f"message {number} " + "that is long " * 40)
    await expect(person.messages).to_have_count(8)
    await person.sends_nothing_any_more()
    assert await person.from_end() <= 1


async def resize(page, size):
    """Give the window another size; return when the page has been drawn with it.

    Its observers are called after that: they have run when the next frame begins.
    """
    await page.set_viewport_size(size)
    width, height = size["width"], size["height"]
    await page.wait_for_function(f"innerWidth === {width} && innerHeight === {height}")
    draw = "requestAnimationFrame(() => requestAnimationFrame(resolve))"
    await page.evaluate(f"new Promise((resolve) => {draw})")


async def keep_a_picture(step, **people):
    """Keep a screenshot of each person's page, outside git."""
    for name, person in people.items():
        await person.page.screenshot(path=f"{ARTEFACTS}/{step.name}-{name}.png")


@pytest.mark.holds(since="00", until="00")
async def test_alice_goes_from_the_list_to_her_course(alice, step):
    await alice.page.get_by_role("link", name="Django by Doing").click()
    await expect(alice.page.get_by_role("heading")).to_have_text("Django by Doing")
    await keep_a_picture(step, alice=alice)


@pytest.mark.holds(since="01", until="01")
async def test_at_01_each_person_sees_only_their_own_messages(alice, bob, step):
    await enter_by_address(alice, bob)
    await each_person_sees_only_their_own_messages(alice, bob, step)


@pytest.mark.holds(since="02", until="02")
async def test_at_02_each_person_sees_only_their_own_messages(alice, bob, step):
    await enter_by_link(alice, bob)
    await each_person_sees_only_their_own_messages(alice, bob, step)


async def each_person_sees_only_their_own_messages(alice, bob, step):
    await alice.say("Hello, it is alice")
    await expect(alice.messages).to_have_text(["Hello, it is alice"])
    await bob.say(SCRIPT)
    await expect(bob.messages).to_have_text([SCRIPT])
    await keep_a_picture(step, alice=alice, bob=bob)


@pytest.mark.holds(since="03", until="03")
async def test_both_people_see_every_message(alice, bob, step):
    await enter_by_link(alice, bob)
    await alice.say("Hello, it is alice")
    await expect(bob.messages).to_have_text(["Hello, it is alice"])
    await bob.say(SCRIPT)
    for person in (alice, bob):
        await expect(person.messages).to_have_text(["Hello, it is alice", SCRIPT])
    await keep_a_picture(step, alice=alice, bob=bob)


@pytest.mark.holds(since="04", can="You recognise your own messages at a glance")
async def test_both_people_see_who_wrote_each_message_and_which_are_their_own(
    alice, bob, step
):
    await enter_by_link(alice, bob)
    await alice.say("Hello, it is alice")
    await expect(bob.messages).to_contain_text(["Hello, it is alice"])
    await bob.say(SCRIPT)
    for person, authors in ((alice, ["me", "bob"]), (bob, ["alice", "me"])):
        texts = ["Hello, it is alice", SCRIPT]
        await expect(person.messages).to_contain_text(texts)
        await expect(person.messages).to_contain_text(authors)
        await person.sends_nothing_any_more()
        lefts = [(await m.bounding_box())["x"] for m in await person.messages.all()]
        own = authors.index("me")
        assert lefts[own] > lefts[1 - own]
        times = person.log.locator("time")
        await expect(times).to_have_count(2)
        for time in await times.all():
            local = "element => new Date(element.dateTime).toLocaleTimeString()"
            assert await time.inner_text() == await time.evaluate(local)
    await keep_a_picture(step, alice=alice, bob=bob)


@pytest.mark.holds(since="01", can="The page shows what is wrong, and keeps your text")
async def test_an_error_is_shown_to_its_author_and_the_text_is_kept(alice, bob):
    await enter_by_address(alice, bob)
    await expect(alice.field).to_be_focused()
    await alice.say("")
    await alice.say("x" * 2001)
    await expect(alice.alert).not_to_be_empty()
    await expect(alice.field).to_have_value("x" * 2001)
    await alice.say("   ")
    await expect(alice.alert).to_contain_text("empty")
    await alice.say("better")
    await expect(alice.messages).to_contain_text(["better"])
    await expect(alice.alert).to_be_empty()
    await expect(alice.field).to_have_value("")
    await expect(alice.field).to_be_focused()
    await alice.sends_nothing_any_more()
    await bob.say("mine")
    await expect(bob.messages.last).to_contain_text("mine")
    await bob.sends_nothing_any_more()
    await expect(bob.alert).to_be_empty()


@pytest.mark.holds(since="01", can="Hebrew and Arabic are shown in their own order")
async def test_a_text_that_begins_with_hebrew_is_shown_from_right_to_left(alice):
    await enter_by_address(alice)
    left = """item => {
      const range = new Range();
      return [0, item.lastChild.length - 1].map((place) => {
        range.setStart(item.lastChild, place);
        range.setEnd(item.lastChild, place + 1);
        return range.getBoundingClientRect().left;
      });
    }"""
    for text in ("shalom!", "שלום!"):
        await alice.say(text)
        await expect(alice.messages.last).to_contain_text(text)
        await alice.sends_nothing_any_more()
    latin, hebrew = [await m.evaluate(left) for m in await alice.messages.all()]
    assert latin[0] < latin[1]
    assert hebrew[0] > hebrew[1]


@pytest.mark.holds(since="01", can="What you send comes into view")
async def test_the_log_scrolls_to_its_end_when_one_sends(alice):
    await enter_by_address(alice)
    await fill(alice)
    # The line with the error leaves less room for the log.
    await alice.say("   ")
    await expect(alice.alert).not_to_be_empty()
    for number in (9, 10):
        await alice.say("one more")
        await expect(alice.messages).to_have_count(number)
        await alice.sends_nothing_any_more()
        assert await alice.from_end() <= 1
        await alice.log.evaluate("log => { log.scrollTop = 0; }")


@pytest.mark.holds(since="03")
async def test_the_log_scrolls_to_its_end_unless_one_reads_further_up(alice, bob):
    await enter_by_address(alice, bob)
    await fill(alice)
    await bob.say("one more")
    await expect(alice.messages).to_have_count(9)
    assert await alice.from_end() <= 1
    await alice.log.evaluate("log => { log.scrollTop = 0; }")
    await bob.say("one more")
    await expect(alice.messages).to_have_count(10)
    assert await alice.log.evaluate("log => log.scrollTop") == 0


@pytest.mark.holds(since="01", can="A lower window still shows the last message")
async def test_the_end_of_the_log_stays_in_view_unless_the_reader_has_scrolled_up(
    alice,
):
    await enter_by_address(alice)
    await fill(alice)
    high = alice.page.viewport_size
    # Lower, and so narrow that the lines break elsewhere.
    low = {"width": high["width"] - 300, "height": high["height"] - 200}
    at_end = "log.scrollHeight - log.scrollTop - log.clientHeight <= 1"
    try:
        for size in (low, high):
            await resize(alice.page, size)
            await alice.page.wait_for_function(at_end)
        # A browser tells the page of a scroll only when it draws the next frame.
        await alice.log.evaluate(
            """log => new Promise((resolve) => {
              log.addEventListener("scroll", resolve, { once: true });
              log.scrollTop = 0;
            })"""
        )
        await resize(alice.page, low)
        assert await alice.log.evaluate("log => log.scrollTop") == 0
    finally:
        await alice.page.set_viewport_size(high)


@pytest.mark.holds(
    since="01",
    until="12",
    can="A page that has lost its connection says so and sends nothing",
)
async def test_the_page_shows_closed_and_sends_nothing_when_the_server_has_stopped(
    site, browser, alice
):
    signed_in = await alice.page.context.storage_state()
    with site.runserver() as server:
        async with visit(browser, server.url, storage_state=signed_in) as alice:
            await enter_by_address(alice)
            await expect(alice.button).to_be_enabled()
            server.process.kill()
            await expect(alice.status).to_contain_text(GONE)
            await expect(alice.button).to_be_disabled()
            await alice.say("still typed")
            await expect(alice.field).to_have_value("still typed")


@pytest.mark.holds(since="01")
async def test_the_page_shows_connecting_until_its_script_runs(alice):
    await alice.page.route("**/*.js?*", lambda route: route.abort())
    await alice.page.goto(f"{alice.url}/chat/room/1/")
    await expect(alice.status).to_contain_text("Connecting")
    await expect(alice.button).to_be_disabled()
    await alice.page.unroute("**/*.js?*")
    # The browser has told of the script that it could not load.
    assert alice.complaints.pop().endswith("net::ERR_FAILED")
