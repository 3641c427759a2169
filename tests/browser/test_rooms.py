"""What people see of the rooms by name, and of who is in them."""

import pytest
from playwright.async_api import expect

from tests.support.browser import ARTEFACTS, GONE, SCRIPT, visit
from tests.support.deadline import DEADLINE

# This is a fixture.
from .test_history import scripted

__all__ = ["scripted"]

# One event loop for all: the browser is started once.
pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]
expect.set_options(timeout=DEADLINE * 1000)


async def open_room(person, name):
    """Open a named room by its address."""
    await person.page.goto(f"{person.url}/chat/{name}/")
    await expect(person.status).to_have_text("Connected")


def people_of(person):
    """Return the lines of the list of who is here."""
    return person.page.locator("#people li")


def notices_of(person):
    """Return the lines in the log that say who has come and gone."""
    return person.log.locator("p.notice")


@pytest.mark.holds(since="06")
async def test_carol_types_the_name_of_a_room_and_talks_there(
    server, browser, alice, step
):
    await open_room(alice, "kitchen")
    async with visit(browser, server.url) as carol:
        await carol.sign_in("carol")
        await carol.page.get_by_role("link", name="Rooms").click()
        field = carol.page.locator("[name=room_name]")
        await field.fill("<b>tea room</b>")
        await field.press("Enter")
        await expect(carol.page.locator(".errorlist")).not_to_be_empty()
        await expect(field).to_have_value("<b>tea room</b>")
        await carol.page.screenshot(path=f"{ARTEFACTS}/{step.name}-rooms.png")
        await field.fill("kitchen")
        await field.press("Enter")
        await carol.page.wait_for_url("**/chat/kitchen/")
        await expect(carol.status).to_have_text("Connected")
        await carol.say("Is there tea?")
        await expect(alice.messages).to_contain_text(["Is there tea?"])
        await alice.say("There is.")
        await expect(carol.messages).to_contain_text(["Is there tea?", "There is."])
        assert carol.complaints == []


@pytest.mark.holds(since="07", can="The page lists who is here")
async def test_alice_sees_bob_join_and_leave(alice, bob, step):
    await open_room(alice, "kitchen")
    await expect(people_of(alice)).to_have_text(["alice"])
    await open_room(bob, "kitchen")
    await expect(people_of(alice)).to_have_text(["alice", "bob"])
    await expect(people_of(bob)).to_have_text(["alice", "bob"])
    await expect(notices_of(alice)).to_contain_text(["bob joined"])
    await bob.say("Hello, it is bob")
    await expect(alice.messages).to_contain_text(["Hello, it is bob"])
    for name, person in (("alice", alice), ("bob", bob)):
        await person.page.screenshot(path=f"{ARTEFACTS}/{step.name}-here-{name}.png")
    await expect(notices_of(bob)).to_have_count(0)
    await bob.page.goto(bob.url)
    await expect(people_of(alice)).to_have_text(["alice"])
    await expect(notices_of(alice)).to_contain_text(["bob joined", "bob left"])


@pytest.mark.holds(since="07")
async def test_a_name_is_shown_as_text_and_a_closed_page_lists_nobody(scripted):
    """Here the frames come from the test, so that it can choose the names."""
    alice, socket = scripted
    socket.history()

    def tell(kind, **content):
        socket.send({"type": f"presence.{kind}", **content})

    tell("list", users=["zoe", f"1 {SCRIPT}", "alice"])
    names = [f"1 {SCRIPT}", "alice", "zoe"]
    await expect(people_of(alice)).to_have_text(names)
    tell("joined", user=f"2 {SCRIPT}")
    names.insert(1, f"2 {SCRIPT}")
    await expect(people_of(alice)).to_have_text(names)
    tell("left", user=f"1 {SCRIPT}")
    await expect(people_of(alice)).to_have_text(names[1:])
    told = [f"2 {SCRIPT} joined", f"1 {SCRIPT} left"]
    await expect(notices_of(alice)).to_contain_text(told)
    # From step 11 on, the page would otherwise soon connect again.
    await alice.page.evaluate("() => { Math.random = () => 99; }")
    await socket.close()
    await expect(alice.status).to_contain_text(GONE)
    await expect(people_of(alice)).to_have_count(0)
