"""The rooms by name: the list, the form, who gets in, and who hears whom."""

import re

import pytest
from asgiref.sync import sync_to_async

from tests.support.people import ORIGIN, after, cookie_of, room_path

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
# Rooms whose groups might have the same name: the room of course 1, and named ones.
NEIGHBOURS = [
    *(1, "1", "01", "chat_1", "room_1", "chat_room_1", "course_1", "room", "chat"),
    *("kitchen", "Kitchen", "kitchen_"),
]


@pytest.mark.holds(since="06", can="See all your rooms on one page")
@pytest.mark.parametrize(
    ("person", "sees"),
    [("alice", {1}), ("carol", {2}), ("teacher", {1, 2})],
)
def test_the_room_list_links_to_the_rooms_of_your_courses(visitors, person, sees):
    page = visitors[person].get("/chat/").content.decode()
    assert set(re.findall(r'href="/chat/room/(\d+)/"', page)) == {str(n) for n in sees}


@pytest.mark.holds(since="06")
def test_every_page_links_to_the_room_list(visitors):
    for path in ("/", "/courses/1/", "/chat/", "/chat/kitchen/", "/chat/room/1/"):
        page = visitors["alice"].get(path).content.decode()
        assert 'href="/chat/"' in page, f"no link on {path}"


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


@pytest.mark.holds(since="06", can="A name that is not valid is refused with a reason")
def test_the_form_explains_that_a_name_is_not_valid(visitors):
    for kind, name in BAD_INPUT.items():
        response = visitors["alice"].get("/chat/", {"room_name": name})
        with after(kind):
            assert response.status_code == 200, response.status_code
            page = response.content.decode()
            assert "errorlist" in page
            assert 'name="room_name"' in page
            assert "<b>" not in page


@pytest.mark.holds(since="06")
def test_the_list_of_rooms_is_never_cached(visitors):
    header = visitors["alice"].get("/chat/").headers["Cache-Control"]
    assert "no-store" in header, header


@pytest.mark.holds(since="06", can="Meet people from other courses in a named room")
@pytest.mark.parametrize("person", ["alice", "carol"])
def test_every_signed_in_user_can_open_the_page_of_a_named_room(visitors, person):
    for name in ("kitchen", "x" * 60, *STRANGE_NAMES):
        response = visitors[person].get(f"/chat/{name}/")
        assert response.status_code == 200, f"{response.status_code} for {name}"
        assert "no-store" in response.headers["Cache-Control"]


@pytest.mark.holds(since="06")
def test_a_name_that_is_not_valid_has_no_page(visitors):
    assert visitors["alice"].get("/chat/kitchen/").status_code == 200
    for kind, name in BAD_NAMES.items():
        status = visitors["alice"].get(f"/chat/{name}/").status_code
        assert status == 404, f"{status} for {kind}"


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
async def test_another_site_cannot_connect_to_a_named_room(people, visitors, layer):
    cookie = cookie_of(visitors["alice"])
    for origin in ("https://elsewhere.example", "null", None):
        answer = await people.knock(room_path("kitchen"), origin, cookie)
        assert answer == "refused", f"{origin} is {answer}"
    assert layer.members() == 0, f"{layer.members()} members"
    assert await people.knock(room_path("kitchen"), ORIGIN, cookie) == "accepted"


@pytest.mark.holds(since="06")
async def test_nobody_can_connect_to_a_name_that_is_not_valid(people, visitors, layer):
    cookie = cookie_of(visitors["alice"])
    for kind, name in BAD_NAMES.items():
        answer = await people.knock(room_path(name), cookie=cookie)
        assert answer in ("refused", "no route"), f"{kind} is {answer}"
    assert layer.members() == 0, f"{layer.members()} members"


@pytest.mark.holds(since="06")
async def test_the_form_the_page_and_the_socket_agree_on_the_longest_name(
    people, visitors
):
    alice = visitors["alice"]
    for length in (60, *range(79, 83), *range(94, 102)):
        name = "x" * length
        form = await sync_to_async(alice.get)("/chat/", {"room_name": name})
        page = await sync_to_async(alice.get)(f"/chat/{name}/")
        socket = await people.knock(room_path(name), cookie=cookie_of(alice))
        answers = (form.status_code, page.status_code, socket == "accepted")
        agreed = answers in [(302, 200, True), (200, 404, False)]
        assert agreed, f"{answers} for {length} characters"


@pytest.mark.holds(since="06")
async def test_a_message_reaches_everybody_in_a_named_room(people):
    for room in ("kitchen", *STRANGE_NAMES):
        alice = await people.enter("alice", room)
        carol = await people.enter("carol", room)
        await alice.send(f"from alice in {room}")
        await carol.hears(f"from alice in {room}")
        await carol.send(f"from carol in {room}")
        await alice.hears(f"from alice in {room}", f"from carol in {room}")


@pytest.mark.holds(since="06", can="A named room and a course's room never mix")
async def test_a_message_stays_in_its_room(people):
    people_in = {room: await people.enter("teacher", room) for room in NEIGHBOURS}
    for room, socket in people_in.items():
        await socket.send(f"in {room!r}")
    for room, socket in people_in.items():
        await socket.hears(f"in {room!r}")
        await socket.send("the end")
        await socket.hears("the end")


@pytest.mark.holds(since="06", until="20")
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
