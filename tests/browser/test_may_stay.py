"""Who may no longer stay in a room, in a real browser."""

import asyncio
import contextlib

import pytest
from playwright.async_api import expect

from tests.support.browser import ARTEFACTS, visit
from tests.support.deadline import DEADLINE

from .played import history
from .test_history import ROOM, enter
from .test_reconnect import all_enrolled_again, opened_database

# One event loop for all: the browser is started once.
pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]
expect.set_options(timeout=DEADLINE * 1000)


@contextlib.asynccontextmanager
async def another(browser, server, name):
    """Yield this demo user, signed in once more; a session of its own."""
    async with visit(browser, server.url) as person:
        await person.sign_in(name)
        yield person


@contextlib.contextmanager
def all_active_again(site):
    """Afterwards, all users are active."""
    try:
        yield
    finally:
        with opened_database(site) as database:
            database.execute("UPDATE auth_user SET is_active = 1")


@pytest.mark.holds(since="14", can="The page says why it is closed, and leads back")
async def test_who_signs_out_in_one_tab_is_out_of_the_room_in_the_other(
    browser, server, bob, step
):
    await enter(bob)
    async with another(browser, server, "alice") as alice:
        await enter(alice)
        await expect(bob.page.get_by_label("Here")).to_have_text("alicebob")
        tab = await alice.page.context.new_page()
        await tab.goto(server.url)
        await tab.get_by_role("button", name="Sign out").click()
        await expect(alice.status).to_have_text("You are no longer signed in. Sign in")
        await expect(alice.button).to_be_disabled()
        await expect(alice.page.get_by_label("Here")).to_be_empty()
        await expect(bob.page.get_by_label("Here")).to_have_text("bob")
        await alice.page.screenshot(path=f"{ARTEFACTS}/{step.name}-out.png")
        await alice.page.get_by_role("link", name="Sign in").click()
        await alice.page.get_by_label("Username").fill("alice")
        await alice.page.get_by_label("Password").fill("demo")
        await alice.page.get_by_role("button", name="Sign in").click()
        await expect(alice.page).to_have_url(server.url + ROOM)
        await expect(alice.status).to_have_text("Connected")


@pytest.mark.holds(since="14", can="An open room keeps nobody from signing in")
async def test_who_signs_in_in_another_tab_is_signed_in_and_the_room_says_so(
    browser, server
):
    """The page must not ask with the old cookie before the new one has arrived."""
    async with another(browser, server, "alice") as alice:
        await alice.page.clock.install(time=0)
        await enter(alice)
        await alice.page.clock.pause_at(3600)
        tab = await alice.page.context.new_page()
        await tab.goto(f"{server.url}/accounts/login/")
        await tab.get_by_label("Username").fill("bob")
        await tab.get_by_label("Password").fill("demo")
        await tab.get_by_role("button", name="Sign in").click()
        await tab.wait_for_url(server.url + "/")
        await expect(alice.status).to_have_text("The connection is lost.")
        await alice.page.clock.run_for(1000)
        again = alice.page.get_by_role("button", name="Connect now")
        await expect(again).to_be_visible()
        await alice.page.clock.run_for(5000)
        await expect(alice.status).to_have_text("Somebody else has signed in. Reload")
        await tab.goto(f"{server.url}{ROOM}")
        await expect(tab.get_by_role("status")).to_have_text("Connected")
        await expect(tab.get_by_label("Here")).to_have_text("bob")


@pytest.mark.holds(since="14")
async def test_a_page_asks_only_when_the_cookie_of_a_new_session_has_arrived(played):
    played.answer = 200
    await played.happens("close", 3, None, 4401)
    await played.passes(0.9)
    # This request would come after one of the page's own.
    await played.page.evaluate("fetch(location, { method: 'HEAD' })")
    assert played.asked == 1
    async with played.page.expect_event("response"):
        await played.passes(0.2)
    assert played.asked == 2


@pytest.mark.holds(since="14")
async def test_the_link_leads_back_also_if_the_address_has_a_fragment(played):
    await played.page.evaluate("location.hash = 'below'")
    played.answer = 403
    await played.fail(4403)
    played.answer = None
    async with played.page.expect_navigation(url="**/chat/room/1/"):
        await played.page.get_by_role("link", name="Reload").click()


@pytest.mark.holds(since="14")
async def test_a_teacher_takes_somebody_off_the_course_in_the_admin(
    site, browser, server, alice, bob
):
    await enter(alice, bob)
    with all_enrolled_again(site):
        async with another(browser, server, "teacher") as teacher:
            page = teacher.page
            await page.goto(f"{server.url}/admin/courses/course/1/change/")
            students = page.locator("#id_students_to")
            await students.select_option(label="alice")
            await page.locator("#id_students_remove").click()
            await page.get_by_role("button", name="Save", exact=True).click()
            await expect(page.locator(".success")).to_be_visible()
        await expect(alice.status).to_contain_text("You are no longer on this course.")
        await expect(alice.page.get_by_role("alert")).to_be_empty()
        await expect(bob.log).to_contain_text("alice left")
        await bob.say("I am still here")
        await expect(bob.messages.last).to_contain_text("I am still here")
        await bob.sends_nothing_any_more()
        await alice.page.get_by_role("link", name="Reload").click()
        await expect(alice.page.locator("body")).to_contain_text("403 Forbidden")
        alice.complaints.clear()  # a browser complains of each request that fails


@pytest.mark.holds(since="14")
async def test_who_is_deactivated_in_the_admin_is_out_of_the_room(
    site, browser, server, alice
):
    await enter(alice)
    with all_active_again(site):
        async with another(browser, server, "teacher") as teacher:
            page = teacher.page
            await page.goto(f"{server.url}/admin/auth/user/1/change/")
            await page.get_by_label("Active").uncheck()
            await page.get_by_role("button", name="Save", exact=True).click()
            await expect(page.locator(".success")).to_be_visible()
        await expect(alice.status).to_contain_text("You are no longer signed in.")


@pytest.mark.holds(since="14")
@pytest.mark.parametrize("code", [4401, 4403])
async def test_a_page_whose_user_may_not_come_back_stops(played, code):
    played.answer = 403
    await played.fail(code)
    await expect(played.person.status).to_have_text(
        "You are no longer on this course. Reload"
    )
    await expect(played.person.button).to_be_disabled()
    await expect(played.again).to_be_hidden()
    await played.passes(120)
    assert await played.sockets() == 1


@pytest.mark.holds(since="14", can="A page whose user may come back does so")
@pytest.mark.parametrize("answer", [None, 200, 502])
async def test_a_page_connects_again_when_its_user_may_come_back(played, answer):
    played.answer = answer
    await played.person.field.fill("half a sen")
    await played.fail(4401)
    await expect(played.again).to_be_visible()
    await played.passes(6)
    assert await played.sockets() == 2
    await played.accept(history())
    await expect(played.person.field).to_have_value("half a sen")
    await expect(played.person.button).to_be_enabled()


@pytest.mark.holds(since="14")
@pytest.mark.parametrize("code", [1000, 1001, 1006, 1011, 1012, 4400])
async def test_other_codes_say_nothing_about_the_user(played, code):
    played.answer = 403
    await played.close(code)
    await expect(played.person.status).to_have_text("The connection is lost.")
    await expect(played.again).to_be_visible()


@pytest.mark.holds(since="14")
async def test_a_page_sends_nothing_while_it_asks_whether_it_may_come_back(played):
    await played.page.route("**/chat/room/1/", lambda route: None)
    await played.happens("close", 3, None, 4401)
    await expect(played.person.status).to_have_text("The connection is lost.")
    await played.person.say("into the outbox")
    await played.passes(5)
    assert await played.sent() == []
    await expect(played.person.messages).to_contain_text(["into the outbox"])


@pytest.mark.holds(since="14", can="A reload keeps what is still in the field")
async def test_what_is_in_the_field_is_there_again_until_it_is_sent(alice):
    await enter(alice)
    await alice.field.fill("half a sen")
    await alice.page.reload()
    await expect(alice.field).to_have_value("half a sen")
    await alice.page.goto(f"{alice.url}/chat/kitchen/")
    await expect(alice.status).to_have_text("Connected")
    await expect(alice.field).to_have_value("")
    await enter(alice)
    await expect(alice.field).to_have_value("half a sen")
    await alice.say("half a sentence")
    await alice.sends_nothing_any_more()
    # Nor does it come back if the tab ends without a farewell.
    assert "half a" not in await alice.page.evaluate("JSON.stringify(sessionStorage)")
    await enter(alice)
    await expect(alice.field).to_have_value("")


@pytest.mark.holds(since="14")
async def test_what_somebody_types_before_the_script_is_loaded_stays(alice):
    await enter(alice)
    await alice.field.fill("stored")
    typed = asyncio.Event()

    async def serve(route):
        await typed.wait()
        await route.continue_()

    await alice.page.route("**/room*.js*", serve)
    try:
        await alice.page.goto(alice.url + ROOM, wait_until="commit")
        await alice.field.fill("early")
        typed.set()
        await expect(alice.status).to_have_text("Connected")
        await expect(alice.field).to_have_value("early")
    finally:
        typed.set()
        await alice.page.unroute("**/room*.js*", serve)
