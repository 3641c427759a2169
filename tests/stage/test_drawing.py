"""What the stage's page draws, and asks for, when the test tells it what happens."""

import json

import pytest
from playwright.async_api import expect

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


async def tell_frames(prompter, count):
    """Tell of so many frames that alice sends, the first with the number 0."""
    await prompter.alice_connects()
    for number in range(count):
        await prompter.tell("up", frame=json.dumps({"number": number}))
    await prompter.sees("up", "alice", f"number: {count - 1}")


async def test_the_wire_keeps_its_newest_lines_when_people_come_and_after_a_pause(
    prompter,
):
    await tell_frames(prompter, 600)
    await expect(prompter.wire).to_have_count(500)
    await expect(prompter.wire.first).to_contain_text("number: 100")
    await prompter.press("t")
    await expect(prompter.page.locator("#columns")).to_contain_text("teacher's page")
    await expect(prompter.wire).to_have_count(500)
    await expect(prompter.wire.last).to_contain_text("number: 599")
    await prompter.press("Space", "ArrowRight")
    await tell_frames_while_paused(prompter, 600)
    await prompter.press("ArrowRight", "ArrowLeft")
    now = prompter.page.locator("#wire .now")
    await expect(now).to_contain_text("number: 599")
    await expect(prompter.wire).to_have_count(500)
    await prompter.press("Space")
    await expect(now).to_have_count(0)
    await expect(prompter.wire).to_have_count(500)
    await expect(prompter.wire.first).to_contain_text("later: 100")


async def tell_frames_while_paused(prompter, count):
    for number in range(count):
        await prompter.tell("up", frame=json.dumps({"later": number}))
    pause = prompter.page.locator("[data-key=Space]")
    await expect(pause).to_contain_text(f"{count} waiting")


async def tell_heartbeat(prompter, *missed):
    """Tell that alice's page asks what it has missed, and is told."""
    await prompter.tell("up", frame='{"after": 7}')
    await prompter.tell("call", method="receive()", event=None)
    answer = {"type": "chat.history", "user": "alice", "messages": missed}
    await prompter.tell("down", frame=json.dumps(answer))


async def test_heartbeats_are_hidden_unless_they_bring_something_or_b_is_pressed(
    prompter,
):
    shown = prompter.page.locator("#wire li:visible")
    await prompter.alice_connects()
    await tell_heartbeat(prompter)
    await expect(prompter.wire).to_have_count(6)
    await expect(shown).to_have_count(3)
    await prompter.press("b")
    await expect(shown).to_have_count(6)
    await prompter.press("b")
    await tell_heartbeat(prompter, "something")
    await expect(shown).to_have_count(6)
    await expect(shown.last).to_contain_text("something")
    # What a page sends itself is no heartbeat.
    await prompter.tell("up", frame='{"message": "hello"}')
    await prompter.tell("call", method="receive()", event=None)
    await expect(shown).to_have_count(8)
    # People who come change nothing.
    await prompter.press("t")
    await expect(shown).to_have_count(8)


async def test_heartbeats_are_stepped_over_and_push_nothing_out(prompter):
    await tell_frames(prompter, 1)
    await prompter.press("Space")
    for _ in range(300):
        await tell_heartbeat(prompter)
    await prompter.tell("up", frame='{"message": "the end"}')
    pause = prompter.page.locator("[data-key=Space]")
    await expect(pause).to_contain_text("901 waiting")
    now = prompter.page.locator("#wire .now")
    await prompter.press("ArrowRight")
    await expect(now).to_contain_text("the end")
    await prompter.press("ArrowLeft")
    await expect(now).to_contain_text("number: 0")
    await prompter.press("ArrowRight", "Space")
    await expect(prompter.page.locator("#wire li:visible")).to_have_count(5)
    await expect(prompter.wire).to_have_count(505)


async def test_what_a_class_gets_is_kept_as_long_as_its_line(prompter):
    await prompter.program(lan="http://127.0.0.2/", joined=["anna"])
    await prompter.tell("open", port=9000, path="/ws/", origin="")
    for _ in range(600):
        await prompter.tell("down", frame="hello")
    whole = prompter.drawn("down", "class", "600 in the class: frame")
    await expect(whole).to_have_count(1)
    await prompter.press("t")
    await expect(prompter.page.locator("#columns")).to_contain_text("teacher's page")
    await expect(whole).to_have_count(1)


async def test_the_newest_line_stays_in_view_when_the_groups_appear(prompter):
    await tell_frames(prompter, 60)
    await expect(prompter.wire.last).to_be_in_viewport(ratio=0.99)
    groups = {f"chat_{number}": ["specific.one"] for number in range(4)}
    await prompter.tell("redis", lit=True, groups=groups, presence={})
    await expect(prompter.groups).to_contain_text("chat_3")
    await expect(prompter.wire.last).to_be_in_viewport(ratio=0.99)


async def test_who_looks_back_in_the_wire_is_not_disturbed_by_an_event(prompter):
    await tell_frames(prompter, 60)
    early = prompter.wire.nth(20)
    await early.scroll_into_view_if_needed()
    top = (await early.bounding_box())["y"]
    await prompter.tell("up", frame="one more")
    await prompter.sees("up", "alice", "one more")
    await expect(early).to_be_in_viewport(ratio=0.99)
    assert abs((await early.bounding_box())["y"] - top) < 1  # pixel
    await expect(prompter.wire.last).not_to_be_in_viewport()
    # At the end again, the wire is followed again.
    await prompter.wire.last.scroll_into_view_if_needed()
    await prompter.tell("up", frame="the last")
    await expect(prompter.wire.last).to_contain_text("the last")
    await expect(prompter.wire.last).to_be_in_viewport(ratio=0.99)


async def test_why_a_server_has_stopped_is_a_line_that_can_be_read_to_its_end(prompter):
    await prompter.alice_connects()
    await expect(prompter.lamp("alice")).to_be_visible()
    reason = "NameError: " + "a long reason " * 20
    await prompter.tell("stopped", text=reason)
    stopped = await prompter.sees("stopped", "", f"the server has stopped: {reason}")
    label = stopped.locator(".label")
    cut = await label.evaluate("label => label.scrollHeight - label.clientHeight")
    assert cut <= 0
    # Its sockets have ended with it.
    await expect(prompter.lamp("alice")).to_have_count(0)
    # So does a page that is opened later.
    await prompter.program(state="stopped", reason="another reason")
    await prompter.sees("stopped", "", "another reason")


async def test_the_groups_of_a_step_go_with_it(prompter):
    found = {"chat_1": ["specific.one"]}
    await prompter.tell("redis", lit=True, groups=found, presence={})
    await expect(prompter.groups).to_contain_text("group chat_1: ")
    await prompter.program(number="21")
    await expect(prompter.groups).to_be_empty()
    await expect(prompter.lamp("Redis")).to_be_visible()


@pytest.mark.parametrize(
    ("number", "key", "kind"),
    [
        ("03", "m", "chat.mesage"),
        ("03", "e", "chat.message"),
        ("21", "m", "chat.mesage"),
        ("21", "e", "presence.changed"),
    ],
)
async def test_a_mistake_is_sent_to_a_room_and_groups_stay_in_their_order(
    prompter, number, key, kind
):
    await prompter.program(number=number)
    found = {"user_2": [], "chat_10": [], "user_1": [], "chat_2": []}
    await prompter.tell("redis", lit=True, groups=found, presence={"chat_2": {}})
    lines = prompter.groups.locator("p")
    await expect(lines).to_have_text(
        [
            "group chat_2: ",
            "group chat_10: ",
            "group user_1: ",
            "group user_2: ",
            "presence chat_2: ",
        ]
    )
    await prompter.press(key)
    asked = await prompter.is_asked()
    assert asked["group"].startswith("chat_")
    assert asked["event"] == {"type": kind}


async def test_before_the_layer_no_button_sends_an_event(prompter):
    shown = prompter.page.locator("[data-key=m]:visible, [data-key=e]:visible")
    for number, count in (("02", 0), ("03", 2)):
        await prompter.program(number=number)
        await expect(shown).to_have_count(count)


async def test_a_channel_of_the_server_is_no_ghost_until_it_has_ended(prompter):
    await prompter.alice_connects("specific.alice")
    await prompter.tell("add", group="user_1", channel="specific.alice")
    await prompter.tell("add", group="chat_1", channel="specific.room")
    groups = {"chat_1": ["specific.room"], "user_1": ["specific.alice"]}
    await prompter.tell("redis", lit=True, groups=groups, presence={})
    await expect(prompter.groups).to_contain_text("chat_1: the server")
    await expect(prompter.groups).to_contain_text("user_1: alice")
    ghosts = prompter.groups.locator(".ghost")
    await expect(ghosts).to_have_count(0)
    await prompter.tell("saved")
    await prompter.tell("redis", lit=True, groups=groups, presence={})
    await expect(ghosts).to_have_text(["the server", "alice"])


async def test_after_a_save_the_same_slide_is_shown_or_the_last_one(prompter):
    slides = [{"file": f"{it}.py", "section": "", "code": ""} for it in "abc"]
    place = prompter.page.locator("#place")
    await prompter.program(slides=slides)
    await prompter.press("ArrowRight", "ArrowRight")
    await expect(place).to_contain_text("3 of 3")
    for found, text in (
        (slides[::-1], "3 of 3a.py"),
        (slides[:2], "2 of 2b.py"),
        ([], "There are no slides."),
    ):
        await prompter.program(kind="changed", slides=found)
        await expect(place).to_have_text(text)
    await prompter.press("ArrowRight")
    await expect(place).to_have_text("There are no slides.")
    # Another step begins with its first one.
    await prompter.program(kind="changed", slides=slides)
    await prompter.press("ArrowRight")
    await prompter.program(slides=slides)
    await expect(place).to_have_text("1 of 3a.py")


async def test_a_visitor_without_a_name_is_called_somebody(prompter):
    await prompter.program(lan="http://127.0.0.2/", joined=["anna"])
    await prompter.tell("open", port=9000, path="/ws/", origin="")
    await prompter.tell("consumer", user="", channel="", where="thread")
    await prompter.tell("refuse", code=403)
    refused = await prompter.sees("refuse", "class")
    await expect(refused).to_have_text("somebody: refused: 403 ")


@pytest.mark.parametrize(
    ("keys", "number"), [("3", "03"), ("21", "21"), ("w21", "21"), ("2w21", "21")]
)
async def test_digits_show_a_step_when_they_are_complete_or_after_a_moment(
    prompter, keys, number
):
    await prompter.page.clock.install(time=0)
    await prompter.page.clock.pause_at(3600)
    await prompter.press(*keys)
    if keys == "3":
        await prompter.page.clock.run_for(1000)
    assert await prompter.is_asked() == {"do": "show", "number": number}
    # The next digit begins another number.
    await prompter.press("0", "0")
    assert await prompter.is_asked() == {"do": "show", "number": "00"}


async def test_an_arrow_that_tells_of_a_failure_has_one_colour(prompter):
    await prompter.alice_connects()
    await prompter.tell("refuse", code=403)
    refused = await prompter.sees("refuse", "alice")
    # It leads to the left: its head is the right border of a box.
    text, head = await refused.evaluate(
        """line => [
            getComputedStyle(line.querySelector(".label")).color,
            getComputedStyle(line.querySelector(".arrow"), "::after").borderRightColor,
        ]"""
    )
    assert head == text


@pytest.mark.parametrize(
    ("joined", "text"),
    [
        ([], "Nobody has joined yet."),
        (["anna"], "1 has joined: anna"),
        (["anna", "ben"], "2 have joined: anna, ben"),
    ],
)
async def test_who_has_joined_is_said_in_a_right_sentence(prompter, joined, text):
    await prompter.program(lan="http://127.0.0.2/", joined=joined)
    await expect(prompter.page.locator("#address p")).to_have_text(text)


async def test_the_help_says_how_the_keys_come_back_from_a_page(prompter):
    await prompter.page.locator("[data-person=alice] iframe").click()
    await prompter.page.wait_for_function("document.activeElement.tagName === 'IFRAME'")
    await prompter.title.click()
    await prompter.page.keyboard.press("?")
    said = prompter.page.locator("#help p")
    await expect(said).to_contain_text("click on the title")
