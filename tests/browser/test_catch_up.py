"""A page that misses nothing, in a real browser, on sockets that a test plays."""

import pytest
from playwright.async_api import expect

from tests.support.browser import REFUSED
from tests.support.deadline import DEADLINE

from .played import history
from .test_history import message, shows

# One event loop for all: the browser is started once.
pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]
expect.set_options(timeout=DEADLINE * 1000)


def live(number):
    """Return the frame with bob's message of this number."""
    return {"type": "chat.message", **message(number)}


@pytest.mark.holds(
    since="12", can="A message whose event is lost is shown all the same"
)
async def test_a_page_asks_immediately_and_once_for_a_message_that_is_missing(played):
    await played.send(history(message(1)))
    await played.passes(6)  # a heartbeat has asked after the same number
    for number in (3, 4, 5):
        await played.send(live(number))
    assert await played.sent() == [{"after": 1}, {"after": 1}]
    await played.send(history(*map(message, range(2, 6))))
    await shows(played.person, 1, 2, 3, 4, 5)
    await played.send(live(7))
    assert (await played.sent())[2:] == [{"after": 5}]


@pytest.mark.holds(since="12")
async def test_a_page_asks_for_nothing_as_long_as_nothing_is_missing(opened):
    await opened.accept(history(*map(message, range(71, 121))))
    await opened.send(live(121))
    await opened.send(live(122))
    assert await opened.sent() == []


@pytest.mark.holds(since="12")
async def test_the_first_message_of_a_room_is_not_missed_either(played):
    await played.send(live(2))
    await played.passes(5)
    await played.send(history(message(1), message(2)))
    assert {"after": 0} in await played.sent()
    await shows(played.person, 1, 2)


@pytest.mark.holds(since="12")
async def test_a_page_that_comes_back_asks_until_nothing_is_missing(played):
    await played.send(history(*map(message, range(1, 11))))
    await played.comes_back(*map(message, range(162, 212)))
    for after in (10, 60, 110):
        assert (await played.sent())[-1] == {"after": after}
        await played.send(history(*map(message, range(after + 1, after + 51))))
    assert (await played.sent())[-1] == {"after": 160}
    await played.send(history(*map(message, range(161, 211))))
    assert len(await played.sent()) == 4
    await shows(played.person, *range(1, 212))


@pytest.mark.holds(
    since="12", can="A page that has missed very much begins with the last fifty"
)
async def test_a_page_that_has_missed_more_than_two_hundred_begins_again(played):
    button = played.page.get_by_role("button", name="Earlier messages")
    await played.send(history(*map(message, range(1, 11))))
    await expect(button).to_be_hidden()
    await played.comes_back(*map(message, range(212, 222)))
    await shows(played.person, *range(212, 222))
    assert await played.sent() == []
    await expect(played.log_headings).to_have_count(1)
    await button.click()
    assert await played.sent() == [{"before": 212}]


@pytest.mark.holds(since="12")
async def test_a_message_that_comes_while_a_page_catches_up_removes_nothing(played):
    await played.send(history(*map(message, range(1, 6))))
    await played.comes_back(*map(message, range(196, 246)))
    await played.send(live(246))
    for after in (5, 55, 105, 155):
        assert (await played.sent())[-1] == {"after": after}
        await played.send(history(*map(message, range(after + 1, after + 51))))
    await shows(played.person, *range(1, 247))


@pytest.mark.holds(since="12")
async def test_a_page_fills_a_gap_of_more_than_two_hundred_among_live_messages(played):
    await played.send(history(*map(message, range(1, 6))))
    await played.send(live(300))
    assert await played.sent() == [{"after": 5}]
    await played.send(history(*map(message, range(6, 56))))
    assert (await played.sent())[-1] == {"after": 55}
    await shows(played.person, *range(1, 56), 300)


@pytest.mark.holds(since="12")
async def test_a_page_that_has_missed_two_hundred_keeps_what_it_has(played):
    await played.send(history(*map(message, range(1, 11))))
    await played.comes_back(*map(message, range(211, 221)))
    assert await played.sent() == [{"after": 10}]
    await shows(played.person, *range(1, 11), *range(211, 221))


@pytest.mark.holds(since="12")
async def test_a_page_asks_again_when_it_has_come_back_before_the_answer(played):
    await played.send(history(message(1)))
    await played.send(live(3))
    assert await played.sent() == [{"after": 1}]
    await played.comes_back(message(3))
    assert await played.sent() == [{"after": 1}]


@pytest.mark.holds(since="12")
async def test_a_page_does_not_repeat_a_question_that_brought_nothing(played):
    await played.send(history(message(1)))
    await played.send(live(3))
    await played.send(history(message(3)))
    await played.send(history(message(3)))
    assert await played.sent() == [{"after": 1}]
    await shows(played.person, 1, 3)


@pytest.mark.holds(since="12")
async def test_earlier_messages_stay_available_when_nothing_was_missed(opened):
    button = opened.page.get_by_role("button", name="Earlier messages")
    await opened.accept(history(message(2)))
    await opened.send(history())
    await expect(button).to_be_visible()
    await button.click()
    await opened.send(history(message(1)))
    await expect(button).to_be_hidden()


@pytest.mark.holds(since="12", can="The last message is not missed either")
async def test_a_heartbeat_asks_for_what_was_missed_every_five_seconds(played):
    await played.send(history(message(1)))
    for count in range(1, 5):
        await played.passes(5)
        assert await played.sent() == [{"after": 1}] * count
        await played.send(history())
    await played.send(history(message(2)))
    await shows(played.person, 1, 2)
    await played.passes(5)
    assert (await played.sent())[-1] == {"after": 2}


@pytest.mark.holds(since="12")
async def test_a_heartbeat_asks_for_nothing_before_the_history_has_come(opened):
    await opened.accept()
    await opened.passes(5)
    assert await opened.sent() == []
    await opened.send(history(*map(message, range(111, 161))))
    await shows(opened.person, *range(111, 161))
    await opened.passes(5)
    assert await opened.sent() == [{"after": 160}]


@pytest.mark.holds(since="12", can="A dead connection is noticed within 15 seconds")
async def test_a_page_gives_a_silent_socket_up_within_fifteen_seconds(played):
    await played.passes(14)
    await expect(played.person.status).to_have_text("Connected")
    await played.passes(1)
    await expect(played.person.status).to_have_text("The connection is lost.")
    assert await played.page.evaluate("played.at(-1).readyState") == 3
    await played.again.click()
    assert await played.sockets() == 2


@pytest.mark.holds(since="12")
async def test_any_frame_shows_that_a_socket_is_alive(played):
    for number in range(1, 10):
        await played.passes(9)
        await played.send(live(number))
    await expect(played.person.status).to_have_text("Connected")
    assert await played.sockets() == 1


@pytest.mark.holds(since="12")
async def test_a_page_gives_up_a_socket_that_does_not_open(played):
    await played.close()
    await played.again.click()
    await expect(played.again).to_be_hidden()
    await played.passes(14)
    await expect(played.again).to_be_hidden()
    await played.passes(1)
    await expect(played.again).to_be_visible()
    assert await played.sent() == []


@pytest.mark.holds(since="12")
async def test_a_page_has_one_heartbeat_however_often_it_comes_back(played):
    for _ in range(3):
        await played.send(history(message(1)))
        await played.comes_back(message(1))
    await played.passes(5)
    assert await played.sent() == [{"after": 1}]


@pytest.mark.holds(since="12")
async def test_a_page_that_waits_or_was_refused_has_no_heartbeat(played):
    await played.close()
    await played.again.click()
    played.answer = 403
    await played.fail()
    await expect(played.person.status).to_contain_text(REFUSED)
    await played.passes(60)
    await expect(played.person.status).to_contain_text(REFUSED)
    assert await played.sockets() == 2


async def look(played, away):
    """Look at another tab than the page's, or come back to it."""
    await played.page.evaluate(
        """away => {
            const hidden = { value: away, configurable: true };
            Object.defineProperty(document, "hidden", hidden);
            document.dispatchEvent(new Event("visibilitychange"));
        }""",
        away,
    )


@pytest.mark.holds(since="12", can="The tab's title counts what you have not seen")
async def test_the_title_counts_each_message_that_came_to_a_hidden_tab_once(played):
    title = await played.page.title()
    await played.send(live(1))
    await expect(played.page).to_have_title(title)
    await look(played, away=True)
    await expect(played.page).to_have_title(title)
    for number, count in ((3, 2), (2, 2), (3, 2), (4, 3)):
        await played.send(live(number))
        # A frame is dealt with before the page does anything else.
        assert await played.page.title() == f"({count}) {title}"
    await look(played, away=False)
    await expect(played.page).to_have_title(title)
    await played.send(live(5))
    assert await played.page.title() == title
    await look(played, away=True)
    await played.send(live(6))
    await expect(played.page).to_have_title(f"(1) {title}")


@pytest.mark.holds(since="12")
async def test_a_tab_that_was_opened_in_the_background_counts_what_comes_later(opened):
    title = await opened.page.title()
    await look(opened, away=True)
    await opened.accept(history(message(1), message(2)))
    await shows(opened.person, 1, 2)
    await expect(opened.page).to_have_title(title)
    await opened.send(live(3))
    await expect(opened.page).to_have_title(f"(1) {title}")
