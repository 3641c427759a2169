"""A page whose user has reached a limit, in a real browser."""

import pytest
from playwright.async_api import expect

from tests.support.deadline import DEADLINE

from .played import history
from .test_outbox import answer, keys, shows

# One event loop for all: the browser is started once.
pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]
expect.set_options(timeout=DEADLINE * 1000)
TOO_FAST = {"error": "This is too fast.", "wait": 2.5}


@pytest.mark.holds(
    since="15", can="A page that is too fast waits, and sends again by itself"
)
async def test_a_page_that_is_too_fast_waits_and_sends_the_same_again(played):
    for text in ("one", "two"):
        await played.person.say(text)
    (key,) = await keys(played, "one")
    await played.send(TOO_FAST)
    await shows(played, "sending …one$", "sending …two$")
    await expect(played.person.field).to_have_value("")
    await played.passes(2.4)
    await keys(played, "one")
    await played.passes(0.1)
    assert await keys(played, "one", "one") == [key, key]
    await answer(played, 1, "one", key)
    await keys(played, "one", "one", "two")


@pytest.mark.holds(since="15")
async def test_a_page_that_is_told_twice_to_wait_sends_once(played):
    await played.person.say("one")
    await keys(played, "one")
    for wait in (1, 2.5):
        await played.send({**TOO_FAST, "wait": wait})
    await played.passes(2.4)
    await keys(played, "one")
    await played.passes(0.1)
    await keys(played, "one", "one")


@pytest.mark.holds(since="15")
async def test_a_page_that_was_too_fast_without_a_message_sends_none(played):
    await played.send(TOO_FAST)
    await played.passes(4)
    assert await played.sent() == []
    await expect(played.person.status).to_have_text("Connected")


async def write_too_fast_and_connect_again(played):
    await played.person.say("one")
    await played.send(TOO_FAST)
    await played.close()
    await played.again.click()
    await played.accept()


@pytest.mark.holds(since="15")
async def test_a_page_that_has_lost_its_connection_meanwhile_waits_for_the_next(played):
    await write_too_fast_and_connect_again(played)
    await played.passes(3)
    assert await played.sent() == []
    await played.send(history())
    await keys(played, "one")


@pytest.mark.holds(since="15")
async def test_a_page_that_has_connected_again_does_not_send_for_an_old_wait(played):
    await write_too_fast_and_connect_again(played)
    await played.send(history())
    await keys(played, "one")
    await played.passes(3)
    await keys(played, "one")


@pytest.mark.holds(since="15", can="The page says so when you have reached a limit")
async def test_a_page_that_is_one_too_many_says_so_and_tries_again(played):
    await played.close(4429)
    await expect(played.person.status).to_have_text("You have opened or sent too much.")
    await expect(played.again).to_be_visible()
    await played.passes(5)
    assert await played.sockets() == 2
    await played.accept()
    await played.close(4429)
    await expect(played.again).to_have_text("Connect now (5)")
