"""What the wire shows of a message, at every step: real pages, server and Valkey."""

import json
import re

import pytest
from playwright.async_api import expect

from tutorial.shared.steps import all_steps

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]
ECHO = {"alice": ["up", "call", "down"], "bob": []}
BOTH = {"alice": ["up", "call", "send", "call", "down"], "bob": ["call", "down"]}
# A message with a key is answered before it is sent to the group.
ANSWERED = BOTH | {"alice": ["up", "call", "down", "send", "call", "down"]}
# A room handles the event for all; the wire shows what consumers handle.
BY_ROOM = {"alice": ["up", "call", "down", "send", "down"], "bob": ["down"]}
ROOMS = [step.number for step in all_steps() if step.number > "00"]


@pytest.mark.parametrize("number", ROOMS)
async def test_a_message_is_drawn_arrow_by_arrow(instructor, number):
    await instructor.go_to(number)
    hello = f"Hello at {number}"
    # Presence has settled when each of the two has been told of the other.
    if number >= "07":
        presence = re.compile("presence chat_1: alice.*bob")
        await expect(instructor.groups).to_contain_text(presence)
    if number >= "09":
        for name in ("alice", "bob"):
            await instructor.sees("down", name, "chat.history")
    await instructor.say("alice", hello)
    by_number = {"01": ECHO, "03": BOTH, "13": ANSWERED, "21": BY_ROOM}
    expected = by_number[max(it for it in by_number if it <= number)]
    for name, kinds in expected.items():
        if "down" in kinds:
            await expect(instructor.log(name)).to_contain_text(hello)
        times = kinds.count("down")
        await expect(instructor.drawn("down", name, hello)).to_have_count(times)
    arrows = await instructor.arrows()
    start = arrows.index(next(arrow for arrow in arrows if arrow[1] == "up"))
    # Frames that bob receives because he has entered may come only now.
    others = ("presence", "chat.history")
    about = [
        arrow for arrow in arrows[start:] if not any(it in arrow[2] for it in others)
    ]
    for name, kinds in expected.items():
        assert [kind for person, kind, _ in about if person == name] == kinds
    if number >= "21":
        await instructor.sees("get", "", "chat.message → the server")
    where = "event loop" if number >= "05" else "thread"
    receive = next(text for _, kind, text in about if kind == "call")
    assert receive == f"alice: receive() ({where})"
    if number >= "03":
        before_bob = expected["alice"][: expected["alice"].index("send") + 1]
        assert [kind for _, kind, _ in about[: len(before_bob)]] == before_bob
        handled = f"chat.message → chat_message() ({where})"
        times = [text for *_, text in about].count(f"bob: {handled}")
        assert times == expected["bob"].count("call")


@pytest.mark.parametrize(("number", "news"), [("03", []), ("04", ["user", "time"])])
async def test_what_the_consumer_adds_to_a_message_is_marked(instructor, number, news):
    await instructor.go_to(number)
    await instructor.say("alice", "Who am I?")
    send = await instructor.sees("send", "alice", "Who am I?")
    marks = await send.locator("mark").all_inner_texts()
    assert [mark.partition(":")[0] for mark in marks] == news


async def test_a_handshake_is_drawn_from_the_question_to_the_answer(instructor):
    await instructor.go_to("05")
    kinds = [kind for person, kind, _ in await instructor.arrows() if person == "bob"]
    assert kinds == ["open", "consumer", "call", "add", "accept"]
    opened = await instructor.sees(
        "open", "bob", "connects to /ws/chat/room/1/ Origin: http"
    )
    await opened.click()
    whole = json.loads(await instructor.page.locator("#whole pre").inner_text())
    assert whole["path"] == "/ws/chat/room/1/"
    await instructor.page.keyboard.press("Escape")


async def test_carol_is_drawn_as_refused_from_02_on_and_accepted_before(instructor):
    for number, kind in (("02", "refuse"), ("01", "accept")):
        await instructor.go_to(number)
        await instructor.press("x")
        await instructor.sees("open", "carol")
        arrow = await instructor.sees(kind, "carol")
        assert ("refused: 403" in await arrow.inner_text()) == (kind == "refuse")
        await instructor.press("c")
        await expect(instructor.page.locator(".pane")).to_have_count(2)
        # With her columns her arrows have gone; those of the others are still there.
        assert {person for person, *_ in await instructor.arrows()} == {"alice", "bob"}


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("m", "ValueError: No handler for message type chat.mesage"),
        ("e", "KeyError: 'message'"),
    ],
)
async def test_a_mistake_is_drawn_as_the_end_of_both_sockets(instructor, key, text):
    await instructor.go_to("03")
    await expect(instructor.groups).to_contain_text("chat_1: ")
    await instructor.press(key)
    for name in ("alice", "bob"):
        await instructor.sees("error", name, text)
        await expect(instructor.lamp(name)).to_have_count(0)
        await expect(instructor.pane(name).get_by_role("status")).to_contain_text(
            "Closed"
        )
    # Nobody has left the group: two ghosts.
    await expect(instructor.groups.locator(".ghost")).to_have_count(2)
    await instructor.press("r")
    await instructor.both_are_connected()
    await expect(instructor.groups.locator(".ghost")).to_have_count(0)
    await expect(instructor.groups).to_contain_text(re.compile("chat_1: .*bob"))


async def test_an_error_is_drawn_where_chat_message_passes_any_event_on(instructor):
    await instructor.go_to("10")
    await expect(instructor.groups).to_contain_text("group chat_1: ")
    await instructor.press("e")
    for name in ("alice", "bob"):
        await instructor.sees("error", name, "KeyError: 'time'")


async def test_an_error_that_a_room_only_logs_is_drawn(instructor):
    await instructor.go_to("21")
    await expect(instructor.groups).to_contain_text("group chat_1: ")
    await instructor.press("e")
    logged = "the server's log: An event of chat_1 has failed: KeyError: 'time'"
    await instructor.sees("log", "", logged)


async def test_a_paused_wire_stands_still_and_can_be_stepped_through_and_opened(
    instructor,
):
    await instructor.go_to("05")
    before = await instructor.wire.count()
    await instructor.press("Space")
    await instructor.say("alice", "while it is paused")
    await expect(instructor.log("bob")).to_contain_text("while it is paused")
    pause = instructor.page.locator("[data-key=Space]")
    await expect(pause).to_contain_text("7 waiting")
    assert await instructor.wire.count() == before
    now = instructor.page.locator("#wire .now")
    await instructor.press("ArrowRight")
    await expect(now).to_contain_text("while it is paused")
    assert await instructor.wire.count() == before + 1
    await instructor.press("ArrowLeft")
    await expect(now).to_contain_text("accepted")
    await instructor.press("Enter")
    whole = instructor.page.locator("#whole")
    await expect(whole).to_contain_text('"kind": "accept"')
    await whole.get_by_role("button", name="Close").press("Enter")
    await expect(whole).to_be_hidden()
    await instructor.press("Space")
    await expect(instructor.wire).to_have_count(before + 7)


async def test_who_has_joined_and_left_is_drawn_at_the_page_that_gets_the_frame(
    instructor,
):
    await instructor.go_to("07")
    await expect(instructor.groups).to_contain_text("presence chat_1: alice, bob")
    await instructor.press("t")
    for name in ("alice", "bob"):
        joined = 'type: "presence.joined", user: "teacher"'
        await instructor.sees("down", name, joined)
    await instructor.sees("down", "teacher", 'users: ["alice","bob","teacher"]')
    # A frame about herself would have come before this one.
    await instructor.say("alice", "Welcome")
    await instructor.sees("down", "teacher", "Welcome")
    told = [text for who, kind, text in await instructor.arrows() if who == "teacher"]
    assert any("Welcome" in text for text in told)
    assert not any("presence.joined" in text for text in told if "frame" in text)
    await instructor.press("t")
    for name in ("alice", "bob"):
        await instructor.sees("down", name, 'type: "presence.left", user: "teacher"')


async def test_presence_shows_how_long_each_entry_lives(instructor):
    await instructor.go_to("08")
    await expect(instructor.groups).to_contain_text(
        re.compile(r"presence chat_1: alice [3-6]\.\d s, bob [3-6]\.\d s")
    )


# Last, because at the steps before 08 the next handshake meets a dead connection.
async def test_redis_can_be_stopped_and_started_again(instructor):
    await instructor.go_to("08")
    await expect(instructor.lamp("Redis")).to_be_visible()
    await instructor.press("k")
    await expect(instructor.lamp("Redis")).to_have_count(0)
    await expect(instructor.lamp("alice")).to_have_count(0)
    await instructor.press("k")
    await expect(instructor.lamp("Redis")).to_be_visible()
    await instructor.page.get_by_role("button", name="Reload").first.click()
    await expect(instructor.lamp("alice")).to_be_visible()
    await instructor.press("r")
    await instructor.both_are_connected()
