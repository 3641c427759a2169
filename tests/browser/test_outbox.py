"""What is written while the connection is lost, in a real browser."""

import contextlib
import json
import re

import pytest
from playwright.async_api import expect

from tests.support.browser import ARTEFACTS, REFUSED, visit
from tests.support.deadline import DEADLINE

from .played import history
from .test_catch_up import live
from .test_history import ROOM, enter, message
from .test_reconnect import in_a_room_whose_server_ends

# One event loop for all: the browser is started once.
pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]
expect.set_options(timeout=DEADLINE * 1000)


async def keys(played, *texts):
    """Return the keys of the frames that the last socket was given; these texts."""
    sent = [frame for frame in await played.sent() if "after" not in frame]
    assert [frame["message"] for frame in sent] == [*texts]
    return [frame["key"] for frame in sent]


async def answer(played, number, text, key):
    """Send what the server answers to alice's message."""
    author = {"user": "alice", "message": text, "key": key}
    await played.send({**live(number), **author})


async def shows(played, *texts):
    """Wait until a page shows these messages; a draft ends its caption with …"""
    await expect(played.person.messages).to_have_text([re.compile(t) for t in texts])


@pytest.mark.holds(since="13", can="A message that is not saved yet is marked")
async def test_a_message_is_sending_until_the_answer_comes(played):
    await played.person.say("hello")
    (key,) = await keys(played, "hello")
    await shows(played, "^me .*, sending …hello$")
    await played.send(live(1))
    await shows(played, "no. 1$", "sending …hello$")
    await answer(played, 2, "hello", key)
    await shows(played, "no. 1$", "^me [^,]*hello$")
    await played.passes(9)
    await keys(played, "hello")


@pytest.mark.holds(since="15")
async def test_the_field_takes_no_more_than_the_server_takes_in_a_frame(played):
    field = played.person.field
    most = int(await field.get_attribute("maxlength"))
    await field.focus()
    await played.page.keyboard.insert_text("x" * (most + 1))
    assert len(await field.input_value()) == most
    # What takes the most space in JSON, and no line break, which would be removed.
    await field.fill("\x01" * most)
    await field.press("Enter")
    await expect(field).to_have_value("")
    (frame,) = await played.sent()
    assert 2**19 < len(json.dumps(frame)) < 2**20


@pytest.mark.holds(since="13", can="Messages are saved in the order you wrote them")
async def test_messages_are_sent_one_after_the_other(played):
    for text in ("one", "two", "three"):
        await played.person.say(text)
    for number, text in enumerate(["one", "two", "three"], 1):
        *_, key = await keys(played, *["one", "two", "three"][:number])
        await answer(played, number, text, key)
    await keys(played, "one", "two", "three")
    await shows(played, "one$", "two$", "three$")
    await played.person.sends_nothing_any_more()


@pytest.mark.holds(since="13", can="You can write while the connection is lost")
async def test_what_is_written_without_a_connection_is_sent_when_it_is_back(played):
    await played.send(history(message(1)))
    await played.close()
    await played.person.say("one")
    await played.person.say("two")
    await expect(played.person.field).to_have_value("")
    await shows(played, "no. 1$", "sending …one$", "sending …two$")
    await played.again.click()
    await played.accept()
    assert await played.sent() == []
    await played.send(history(message(1), message(2)))
    await shows(played, "no. 1$", "no. 2$", "sending …one$", "sending …two$")
    (key,) = await keys(played, "one")
    await answer(played, 3, "one", key)
    await keys(played, "one", "two")


@pytest.mark.holds(since="13")
async def test_a_message_without_an_answer_is_sent_again_under_its_key(played):
    await played.person.say("one")
    await played.person.say("two")
    first = await keys(played, "one")
    await played.comes_back()
    assert await keys(played, "one") == first
    await answer(played, 1, "one", *first)
    assert len({*await keys(played, "one", "two")}) == 2


@pytest.mark.holds(since="13")
async def test_each_message_has_a_key_of_its_own_also_if_the_text_is_the_same(played):
    for number in range(1, 4):
        await played.person.say("same")
        *_, key = await keys(played, *["same"] * number)
        assert re.fullmatch(r"[0-9-]{10,50}", key)
        await answer(played, number, "same", key)
    assert len({*await keys(played, *["same"] * 3)}) == 3


@pytest.mark.holds(since="13", can="A reload loses nothing that you have written")
async def test_a_reload_keeps_what_has_not_been_sent(played):
    await played.close()
    for text in ("one", "two"):
        await played.person.say(text)
    await played.page.reload()
    await shows(played, "sending …one$", "sending …two$")
    await played.accept(history(message(1)))
    await shows(played, "no. 1$", "sending …one$", "sending …two$")
    (key,) = await keys(played, "one")
    await answer(played, 2, "one", key)
    await played.page.reload()
    await shows(played, "sending …two$")
    await played.accept(history())
    await keys(played, "two")


@pytest.mark.holds(since="13", can="A refused message is not lost either")
@pytest.mark.parametrize("typed", ["", "half a sen"])
async def test_a_refused_message_is_given_back_or_marked_and_the_next_is_sent(
    played, typed
):
    await played.person.say("bad")
    await played.person.say("good")
    await played.person.field.fill(typed)
    await played.send({"error": "It is bad."})
    await expect(played.person.alert).to_have_text("It is bad.")
    await expect(played.person.field).to_have_value(typed or "bad")
    failed = ["failed: It is bad.bad$"] if typed else []
    await shows(played, *failed, "sending …good$")
    await keys(played, "bad", "good")
    await played.comes_back()
    await keys(played, "good")
    # Too much was missed, so the page begins again; what was not saved stays.
    await played.comes_back(message(900))
    await shows(played, *failed, "no. 900$", "sending …good$")


@pytest.mark.holds(since="15")
async def test_messages_are_sent_also_if_the_tab_can_store_no_more(played):
    await played.page.evaluate(
        "() => { Storage.prototype.setItem = () => { throw new Error('full'); }; }"
    )
    await played.person.say("one")
    await played.person.say("two")
    await expect(played.person.field).to_have_value("")
    (key,) = await keys(played, "one")
    await answer(played, 1, "one", key)
    await keys(played, "one", "two")
    await shows(played, "one$", "sending …two$")


@pytest.mark.holds(since="13")
async def test_a_reader_at_the_end_sees_what_she_has_written(played):
    person = played.person
    await played.send(history(*map(message, range(51, 101))))
    await played.close()
    await person.say("long " * 200)
    assert await person.from_end() <= 1
    await played.again.click()
    await played.accept(history(*map(message, range(90, 110))))
    await expect(person.messages).to_have_count(60)
    assert await person.from_end() <= 1


@pytest.mark.holds(since="13", can="Nobody sends anything in somebody else's name")
async def test_a_page_of_somebody_who_has_signed_out_sends_nothing(played):
    await played.close()
    await played.person.say("I am alice")
    await played.again.click()
    await played.accept({**history(message(1)), "user": "bob"})
    await expect(played.person.status).to_contain_text("Somebody else has signed in")
    await expect(played.person.button).to_be_disabled()
    await expect(played.again).to_be_hidden()
    await shows(played, "sending …I am alice$")
    await played.passes(60)
    assert await played.sent() == []
    assert await played.sockets() == 2


@contextlib.asynccontextmanager
async def away(site, browser, text):
    """Yield alice, who has written a text after her server ended, and the server."""
    async with in_a_room_whose_server_ends(site, browser) as (person, server):
        await person.say(text)
        await expect(person.messages.last).to_have_text(re.compile("sending …" + text))
        yield person, server


@pytest.mark.holds(since="13")
async def test_everybody_sees_once_what_was_written_while_a_server_was_away(
    site, browser, bob, step
):
    await enter(bob)
    async with away(site, browser, "I am back") as (person, server):
        await bob.say("where are you?")
        await expect(bob.messages).to_have_count(2)
        await person.page.screenshot(path=f"{ARTEFACTS}/{step.name}-sending.png")
        with site.runserver(server.port):
            texts = ["I am here", "where are you?", "I am back"]
            for each in (person, bob):
                await expect(each.messages).to_contain_text(texts)
                await expect(each.messages).to_have_count(3)
            await person.sends_nothing_any_more()


@pytest.mark.holds(since="13", can="Signing out removes what you have not sent")
@pytest.mark.parametrize("name", ["alice", "bob"])
async def test_what_was_not_sent_is_removed_when_its_author_signs_out(
    site, browser, name
):
    async with away(site, browser, "secret") as (person, server):
        # Otherwise the page could still send it, when its server is back.
        await person.page.goto("about:blank")
        with site.runserver(server.port):
            await person.page.route("**/static/**/room.js*", lambda it: it.abort())
            await person.page.goto(f"{server.url}/")
            await person.page.get_by_role("button", name="Sign out").click()
            await expect(person.page).to_have_url(f"{server.url}/accounts/login/")
            await person.page.unroute("**/static/**/room.js*")
            person.url = server.url
            await person.sign_in(name)
            await enter(person)
            await person.say("the end")
            await expect(person.messages.last).to_contain_text("the end")
            await expect(person.log).not_to_contain_text("secret")


@pytest.mark.holds(since="13")
async def test_what_was_not_sent_outlives_a_session(site, browser):
    async with away(site, browser, "patient") as (person, server):
        await person.page.context.clear_cookies()
        with site.runserver(server.port):
            await expect(person.status).to_contain_text(REFUSED)
            await person.page.reload()
            await person.page.get_by_label("Username").fill("alice")
            await person.page.get_by_label("Password").fill("demo")
            await person.page.get_by_role("button", name="Sign in").click()
            await expect(person.page).to_have_url(f"{server.url}{ROOM}")
            await expect(person.messages.last).to_contain_text("patient")
            await person.sends_nothing_any_more()


@pytest.mark.holds(since="13")
async def test_a_message_that_is_written_offline_arrives_once(browser, alice, bob):
    await enter(bob)
    signed_in = await alice.page.context.storage_state()
    async with visit(browser, alice.url, storage_state=signed_in) as person:
        await enter(person)
        await person.say("on the train")
        await expect(bob.messages).to_have_count(1)
        await person.page.context.set_offline(True)
        await person.say("in the tunnel")
        await person.page.context.set_offline(False)
        await person.say("in the open")
        texts = ["on the train", "in the tunnel", "in the open"]
        await expect(bob.messages).to_contain_text(texts)
        await expect(bob.messages).to_have_count(3)
