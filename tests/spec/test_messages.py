"""What is said, and who hears it."""

import pytest


@pytest.mark.holds(since="01", can="What you say comes back to you")
async def test_a_message_comes_back_to_its_sender_once(people):
    alice = await people.enter("alice")
    await alice.send("first")
    await alice.send("second")
    assert (await alice.hear())["message"] == "first"
    assert (await alice.hear())["message"] == "second"


@pytest.mark.holds(since="01", until="02", can="Nobody else hears it")
@pytest.mark.parametrize("other", ["bob", "alice"])
async def test_nobody_else_hears_a_message(people, other):
    alice, listener = await people.enter("alice"), await people.enter(other)
    await alice.send("for nobody")
    assert (await alice.hear())["message"] == "for nobody"
    await listener.send("for myself")
    assert (await listener.hear())["message"] == "for myself"


@pytest.mark.holds(since="03", can="Everybody in the room hears it")
@pytest.mark.parametrize("other", ["bob", "alice"])
async def test_the_other_and_the_second_tab_hear_a_message(people, other):
    alice, listener = await people.enter("alice"), await people.enter(other)
    await alice.send("for both")
    assert (await listener.hear())["message"] == "for both"
    assert (await alice.hear())["message"] == "for both"
    await listener.send("and back")
    assert (await listener.hear())["message"] == "and back"
    assert (await alice.hear())["message"] == "and back"


@pytest.mark.holds(since="03")
async def test_three_people_hear_a_message_once_each(people):
    three = [await people.enter(name) for name in ("alice", "bob", "teacher")]
    await three[0].send("one")
    await three[0].send("end")
    for person in three:
        heard = [(await person.hear())["message"] for _ in range(2)]
        assert heard == ["one", "end"]


@pytest.mark.holds(since="03", can="The room of another course hears nothing")
async def test_another_room_does_not_hear_a_message(people):
    alice, carol = await people.enter("alice", 1), await people.enter("carol", 2)
    teacher = await people.enter("teacher", 2)
    await alice.send("in room 1")
    assert (await alice.hear())["message"] == "in room 1"
    await teacher.send("in room 2")
    assert (await carol.hear())["message"] == "in room 2"


@pytest.mark.holds(since="03")
async def test_who_has_left_is_no_member_any_more(people, layer):
    alice, bob = await people.enter("alice"), await people.enter("bob")
    assert layer.members() == 2
    await bob.close()
    assert layer.members() == 1
    await alice.send("is anybody here?")
    assert (await alice.hear())["message"] == "is anybody here?"
    await alice.close()
    assert layer.members() == 0


@pytest.mark.holds(since="01")
@pytest.mark.parametrize(
    "text",
    [
        "<b>bold</b> & <script>alert(1)</script>",
        "\N{FAMILY} 👩‍👩‍👧 🇪🇺 \U0010ffff",
        "שלום \u202e עולם مرحبا",
        "one\ntwo\r\nthree\ttab",
        "  spaces around  ",
        '"quotes" \\ and \u2028 separators',
        "x" * 2000,
        "😀" * 2000,
    ],
    ids=["html", "emoji", "rtl", "lines", "spaces", "quotes", "2000", "2000-emoji"],
)
async def test_a_text_survives_the_way(people, text):
    alice = await people.enter("alice")
    await alice.send(text)
    assert (await alice.hear())["message"] == text
