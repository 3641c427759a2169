"""A page that has lost its connection, in a real browser."""

import contextlib
import sqlite3

import pytest
from playwright.async_api import expect

from tests.support.browser import ARTEFACTS, REFUSED, visit
from tests.support.deadline import DEADLINE

from .played import history
from .test_history import enter, message, shows

# One event loop for all: the browser is started once.
pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]
expect.set_options(timeout=DEADLINE * 1000)


@contextlib.asynccontextmanager
async def in_a_room_whose_server_ends(site, browser):
    """Yield alice, signed in once more, and her server, which has been killed."""
    with site.runserver() as server:
        async with visit(browser, server.url) as person:
            await person.sign_in("alice")
            await enter(person)
            # When it hears itself, it has also received what was said before.
            await person.say("I am here")
            await expect(person.messages.last).to_contain_text("I am here")
            # Since step 13, a page shows a text before the server has it.
            await person.sends_nothing_any_more()
            await person.field.fill("half a sen")
            server.process.kill()
            await expect(person.status).to_have_text("The connection is lost.")
            yield person, server


@pytest.mark.holds(since="11", can="A page connects again, and shows what it missed")
async def test_a_page_connects_again_and_shows_once_what_it_has_missed(
    site, browser, bob, step
):
    await enter(bob)
    await bob.say("before")
    async with in_a_room_whose_server_ends(site, browser) as (away, server):
        await expect(away.messages).to_have_count(2)
        await bob.say("where are you?")
        await expect(bob.messages).to_have_count(3)
        await away.page.screenshot(path=f"{ARTEFACTS}/{step.name}-away.png")
        with site.runserver(server.port):
            await expect(away.status).to_have_text("Connected")
            await expect(away.messages).to_have_count(3)
            await expect(away.messages.last).to_contain_text("where are you?")
            await expect(away.field).to_have_value("half a sen")
            await expect(away.page.get_by_label("Here")).to_have_text("alicebob")
            await away.say("half a sentence")
            await expect(bob.messages.last).to_contain_text("half a sentence")


@contextlib.contextmanager
def opened_database(site):
    """Yield a connection to the site's database; what was changed is committed."""
    database = sqlite3.connect(site.folder / "db.sqlite3")
    with contextlib.closing(database), database:
        yield database


@contextlib.contextmanager
def all_enrolled_again(site):
    """Afterwards, the same students are on their courses as before."""
    with opened_database(site) as database:
        students = database.execute("SELECT * FROM courses_course_students").fetchall()
    try:
        yield
    finally:
        with opened_database(site) as database:
            database.execute("DELETE FROM courses_course_students")
            database.executemany(
                "INSERT INTO courses_course_students VALUES (?, ?, ?)", students
            )


@pytest.mark.holds(since="11", can="The page says so when you may no longer enter")
@pytest.mark.parametrize("reason", ["signed out", "off the course"])
async def test_a_page_stops_when_its_user_may_no_longer_enter(site, browser, reason):
    async with in_a_room_whose_server_ends(site, browser) as (away, server):
        with all_enrolled_again(site):
            if reason == "signed out":
                await away.page.context.clear_cookies()
            else:
                with opened_database(site) as database:
                    database.execute("DELETE FROM courses_course_students")
            with site.runserver(server.port):
                await expect(away.status).to_contain_text(REFUSED)
                again = away.page.get_by_role("button", name="Connect now")
                await expect(again).to_be_hidden()
                await expect(away.button).to_be_disabled()


@pytest.mark.holds(since="11")
async def test_nothing_makes_a_refused_page_try_again(played):
    await played.close()
    await played.again.click()
    played.answer = 403
    await played.fail()
    await expect(played.person.status).to_contain_text(REFUSED)
    await expect(played.again).to_be_hidden()
    await played.page.evaluate("window.dispatchEvent(new Event('online'))")
    await played.passes(120)
    assert await played.sockets() == 2


@pytest.mark.holds(since="11")
@pytest.mark.parametrize("status", [None, 200, 404, 429, 500, 502])
async def test_a_page_tries_again_when_the_server_is_down(played, status):
    await played.close()
    await played.again.click()
    played.answer = status
    await played.fail()
    await expect(played.again).to_be_visible()
    await played.passes(6)
    assert await played.sockets() == 3


@pytest.mark.holds(since="11", can="Pages do not all come back at the same moment")
@pytest.mark.parametrize("chance", [0.1, 0.5, 0.999])
async def test_a_page_waits_a_random_part_of_five_seconds(played, chance):
    await played.page.evaluate("value => { window.chance = value; }", chance)
    await played.close()
    await played.passes(5 * chance - 0.1)
    assert await played.sockets() == 1
    await played.passes(0.2)
    assert await played.sockets() == 2


@pytest.mark.holds(since="11")
async def test_each_failure_doubles_the_longest_wait_up_to_thirty_seconds(played):
    await played.page.evaluate("window.chance = 0.9999")
    await played.close()
    for count, longest in enumerate([5, 10, 20, 30, 30, 30], 1):
        await expect(played.again).to_have_text(f"Connect now ({longest})")
        await played.passes(longest - 0.5)
        assert await played.sockets() == count
        await played.passes(1)
        assert await played.sockets() == count + 1
        await expect(played.again).to_be_hidden()
        await played.fail()


@pytest.mark.holds(since="11")
async def test_only_a_frame_shows_that_a_server_works_again(played):
    await played.page.evaluate("window.chance = 0.9999")
    await played.close()
    await played.again.click()
    await played.accept()
    await played.close()
    await expect(played.again).to_have_text("Connect now (10)")
    await played.again.click()
    await played.accept(history())
    await played.close()
    await expect(played.again).to_have_text("Connect now (5)")


@pytest.mark.holds(
    since="11", can="The page counts down, and a click connects immediately"
)
async def test_the_button_counts_the_seconds_down(played):
    await played.close()
    for seconds in (3, 2, 1):
        await expect(played.again).to_have_text(f"Connect now ({seconds})")
        assert await played.sockets() == 1
        await played.passes(1)
    await expect(played.again).to_be_hidden()
    assert await played.sockets() == 2


@pytest.mark.holds(since="11")
async def test_a_click_connects_immediately_and_leads_back_to_the_field(played):
    await played.close()
    await played.again.click()
    assert await played.sockets() == 2
    await expect(played.person.status).to_have_text("Connecting …")
    await expect(played.again).to_be_hidden()
    await expect(played.person.field).to_be_focused()
    await played.passes(14)
    assert await played.sockets() == 2


@pytest.mark.holds(since="11")
@pytest.mark.parametrize(
    "event",
    [
        "window.dispatchEvent(new Event('online'))",
        "document.dispatchEvent(new Event('visibilitychange'))",
    ],
    ids=["the network is back", "the tab is shown"],
)
async def test_a_page_connects_immediately_when(played, event):
    await played.page.evaluate(event)
    assert await played.sockets() == 1
    await played.close()
    await played.page.evaluate(event)
    assert await played.sockets() == 2
    await played.page.evaluate(event)
    assert await played.sockets() == 2


@pytest.mark.holds(since="11")
async def test_a_person_at_the_button_goes_on_in_the_field_when_the_wait_is_over(
    played,
):
    await played.close()
    await played.again.focus()
    await played.passes(3)
    await expect(played.person.field).to_be_focused()


@pytest.mark.holds(since="11")
async def test_an_attempt_takes_nobody_away_from_where_they_are(played):
    await played.person.log.focus()
    await played.close()
    await played.passes(3)
    assert await played.sockets() == 2
    await expect(played.person.log).to_be_focused()


@pytest.mark.holds(since="11")
async def test_a_hidden_tab_does_not_hurry(played):
    await played.close()
    hide = "Object.defineProperty(document, 'hidden', { value: true })"
    await played.page.evaluate(hide)
    await played.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    assert await played.sockets() == 1
    await played.passes(5)
    assert await played.sockets() == 2


@pytest.mark.holds(since="11")
async def test_a_page_that_has_missed_little_keeps_what_it_has(played):
    await played.send(history(*map(message, range(3, 6))))
    await played.comes_back(*map(message, range(4, 9)))
    await shows(played.person, *range(3, 9))
    await played.comes_back(*map(message, range(9, 12)))
    await shows(played.person, *range(3, 12))
    await played.comes_back(*map(message, range(9, 12)))
    await shows(played.person, *range(3, 12))


@pytest.mark.holds(since="11", until="11")
async def test_a_page_with_a_hole_begins_again(played):
    await played.send(history(*map(message, range(1, 6))))
    await expect(played.page.get_by_role("button", name="Earlier")).to_be_hidden()
    await played.comes_back(*map(message, range(7, 10)))
    await shows(played.person, 7, 8, 9)
    await expect(played.log_headings).to_have_count(1)
    button = played.page.get_by_role("button", name="Earlier messages")
    await button.click()
    assert await played.sent() == [{"before": 7}]
    await played.send(history(*map(message, range(1, 7))))
    await shows(played.person, *range(1, 10))
    await expect(button).to_be_hidden()


@pytest.mark.holds(since="11", can="Missed messages keep the place where you read")
async def test_missed_messages_are_added_below_the_place_where_one_reads(played):
    person = played.person
    # Some browsers keep the place by themselves, but not all.
    await person.log.evaluate("log => { log.style.overflowAnchor = 'none'; }")
    await played.send(history(*map(message, range(51, 101))))
    await person.log.evaluate("log => { log.scrollTop = 300; }")
    top = "item => Math.round(item.getBoundingClientRect().top)"
    before = await person.messages.nth(10).evaluate(top)
    await played.close()
    # The line with the button may be higher than the one without.
    await played.again.click()
    await played.accept(history(*map(message, range(60, 110))))
    await expect(person.messages).to_have_count(59)
    assert await person.log.evaluate("log => log.scrollTop") == 300
    assert abs(await person.messages.nth(10).evaluate(top) - before) <= 1


@pytest.mark.holds(since="11")
async def test_a_reader_at_the_end_sees_the_last_of_the_missed_messages(played):
    person = played.person
    await played.send(history(*map(message, range(51, 101))))
    await played.comes_back(*map(message, range(60, 110)))
    await expect(person.messages).to_have_count(59)
    assert await person.from_end() <= 1


@pytest.mark.holds(since="11")
async def test_earlier_messages_can_be_asked_for_only_while_connected(played):
    button = played.page.get_by_role("button", name="Earlier messages")
    await played.send(history(message(2)))
    await expect(button).to_be_enabled()
    await played.close()
    await expect(button).to_be_visible()
    await expect(button).to_be_disabled()
    await played.again.click()
    await played.accept()
    # What it would ask for might not fit the history that is still to come.
    await expect(played.person.button).to_be_enabled()
    await expect(button).to_be_disabled()
    await played.send(history(message(2)))
    await expect(button).to_be_enabled()
