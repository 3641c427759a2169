"""The rooms by name: the list, the form, who gets in, and who hears whom."""

import re

import pytest
from asgiref.sync import sync_to_async

from tests.support.people import ORIGIN, cookie_of, room_path

# The name of a Channels group has fewer than 100 characters.
TOO_LONG = {"100 characters": "x" * 100, "5000 characters": "x" * 5000}
# What an address may hold, and no slug.
NO_SLUG = {
    "space": "%20",
    "space inside": "tea%20room",
    "umlaut": "%C3%BC",
    "dot": "tea.room",
    "two dots": "..",
    "markup": "%3Cb%3E",
    "new line": "tea%0A",
    "NUL": "tea%00",
}
BAD_NAMES = TOO_LONG | NO_SLUG
# What a person may type into the form, and is no name of a room.
BAD_INPUT = TOO_LONG | {
    "empty": "",
    "blank": " ",
    "space inside": "tea room",
    "umlaut": "ü",
    "slash": "a/b",
    "other folder": "../x",
    "markup": "<b>",
    "NUL": "tea\0",
}
# Slugs all the same.
STRANGE_NAMES = ["-", "__", "0", "1", "room", "chat", "constructor", "__proto__"]


def parameters(by_name):
    """Parametrise `name` with the values, under the names that they have here."""
    return pytest.mark.parametrize("name", by_name.values(), ids=by_name)


@pytest.mark.holds(since="06", can="See all your rooms on one page")
@pytest.mark.parametrize(
    ("person", "sees"),
    [("alice", {1}), ("carol", {2}), ("teacher", {1, 2})],
)
def test_the_room_list_links_to_the_rooms_of_your_courses(visitors, person, sees):
    page = visitors[person].get("/chat/").content.decode()
    assert set(re.findall(r'href="/chat/room/(\d+)/"', page)) == {str(n) for n in sees}


@pytest.mark.holds(since="06")
@pytest.mark.parametrize(
    "path", ["/", "/courses/1/", "/chat/", "/chat/kitchen/", "/chat/room/1/"]
)
def test_every_page_links_to_the_room_list(visitors, path):
    assert 'href="/chat/"' in visitors["alice"].get(path).content.decode()


@pytest.mark.holds(since="06")
@pytest.mark.parametrize("path", ["/chat/", "/chat/kitchen/"])
def test_the_room_pages_redirect_anonymous_visitors_to_the_login_page(visitors, path):
    response = visitors["anonymous"].get(path)
    assert (response.status_code, response.url) == (
        302,
        f"/accounts/login/?next={path}",
    )


@pytest.mark.holds(since="06", can="Open a room by typing its name")
@pytest.mark.parametrize("text", ["kitchen", "  kitchen  ", "kitchen\n"])
def test_the_form_opens_the_room_with_that_name(visitors, text):
    response = visitors["alice"].get("/chat/", {"room_name": text})
    assert (response.status_code, response.url) == (302, "/chat/kitchen/")


@pytest.mark.holds(since="06")
def test_the_empty_form_shows_no_error(visitors):
    page = visitors["alice"].get("/chat/").content.decode()
    assert 'name="room_name"' in page
    assert "errorlist" not in page


@pytest.mark.holds(since="06", can="A name that is not valid is explained")
@parameters(BAD_INPUT)
def test_the_form_explains_that_a_name_is_not_valid(visitors, name):
    response = visitors["alice"].get("/chat/", {"room_name": name})
    assert response.status_code == 200
    page = response.content.decode()
    assert "errorlist" in page
    assert 'name="room_name"' in page
    assert "<b>" not in page


@pytest.mark.holds(since="06", can="Meet people of other courses in a named room")
@pytest.mark.parametrize("person", ["alice", "carol"])
@pytest.mark.parametrize("name", ["kitchen", "x" * 60, *STRANGE_NAMES])
def test_every_signed_in_user_can_open_the_page_of_a_named_room(visitors, person, name):
    response = visitors[person].get(f"/chat/{name}/")
    assert response.status_code == 200
    assert "no-store" in response.headers["Cache-Control"]


@pytest.mark.holds(since="06")
@parameters(BAD_NAMES)
def test_a_name_that_is_not_valid_has_no_page(visitors, name):
    assert visitors["alice"].get("/chat/kitchen/").status_code == 200
    assert visitors["alice"].get(f"/chat/{name}/").status_code == 404


@pytest.mark.holds(since="06")
@pytest.mark.parametrize("person", ["alice", "carol"])
async def test_every_signed_in_user_can_connect_to_a_named_room(
    people, visitors, layer, person
):
    cookie = cookie_of(visitors[person])
    assert await people.knock(room_path("kitchen"), cookie=cookie) == "accepted"
    assert layer.members() == 1, f"{layer.members()} members"


@pytest.mark.holds(since="06")
async def test_anonymous_visitors_cannot_connect_to_a_named_room(people, layer):
    assert await people.knock(room_path("kitchen")) == "refused"
    assert layer.members() == 0, f"{layer.members()} members"


@pytest.mark.holds(since="06")
@pytest.mark.parametrize("origin", ["https://elsewhere.example", "null", None])
async def test_a_page_of_another_site_cannot_connect_to_a_named_room(
    people, visitors, layer, origin
):
    cookie = cookie_of(visitors["alice"])
    assert await people.knock(room_path("kitchen"), origin, cookie) == "refused"
    assert layer.members() == 0, f"{layer.members()} members"
    assert await people.knock(room_path("kitchen"), ORIGIN, cookie) == "accepted"


@pytest.mark.holds(since="06")
@parameters(BAD_NAMES)
async def test_nobody_can_connect_to_a_name_that_is_not_valid(
    people, visitors, layer, name
):
    cookie = cookie_of(visitors["alice"])
    assert await people.knock(room_path(name), cookie=cookie) in ("refused", "no route")
    assert layer.members() == 0, f"{layer.members()} members"


@pytest.mark.holds(since="06")
@pytest.mark.parametrize("length", [60, *range(79, 83), *range(94, 102)])
async def test_form_page_and_socket_agree_on_the_longest_name(people, visitors, length):
    alice, name = visitors["alice"], "x" * length
    form = await sync_to_async(alice.get)("/chat/", {"room_name": name})
    page = await sync_to_async(alice.get)(f"/chat/{name}/")
    socket = await people.knock(room_path(name), cookie=cookie_of(alice))
    answers = (form.status_code, page.status_code, socket == "accepted")
    assert answers in [(302, 200, True), (200, 404, False)]


@pytest.mark.holds(since="06")
@pytest.mark.parametrize("room", ["kitchen", *STRANGE_NAMES])
async def test_a_message_reaches_everybody_in_a_named_room(people, room):
    alice = await people.enter("alice", room)
    carol = await people.enter("carol", room)
    await alice.send("from alice")
    await carol.hears("from alice")
    await carol.send("from carol")
    await alice.hears("from alice", "from carol")


@pytest.mark.holds(since="06", can="A named room and a course's room never mix")
@pytest.mark.parametrize(
    ("room", "other"),
    [
        ("kitchen", 1),
        ("1", 1),
        ("chat_1", 1),
        ("room_1", 1),
        ("chat_room_1", 1),
        ("course_1", 1),
        ("room", 1),
        ("chat", 1),
        ("kitchen", "Kitchen"),
        ("kitchen", "kitchen_"),
        ("1", "01"),
        ("1", "chat_1"),
        ("1", "room_1"),
    ],
)
async def test_a_message_stays_in_its_room(people, room, other):
    alice, bob = await people.enter("alice", room), await people.enter("bob", room)
    teacher = await people.enter("teacher", other)
    await alice.send("in the one")
    await bob.hears("in the one")
    await teacher.send("in the other")
    await teacher.hears("in the other")
    await alice.send("in the one again")
    await bob.hears("in the one again")


@pytest.mark.holds(since="06")
async def test_a_closed_socket_is_removed_from_the_group_of_its_named_room(
    people, layer
):
    alice = await people.enter("alice", "kitchen")
    bob = await people.enter("bob", "kitchen")
    assert layer.members() == 2, f"{layer.members()} members"
    await bob.close()
    assert layer.members() == 1, f"{layer.members()} members"
    await alice.close()
    assert layer.members() == 0, f"{layer.members()} members"
