"""Who gets a socket, and who is refused before anything is said."""

import pytest

from tests.support.people import ORIGIN, cookie_of, room_path

ROOM = room_path(1)
ELSEWHERE = [
    "/",
    "/ws/",
    "/ws/chat/room//",
    "/ws/chat/room/1",
    "/ws/chat/room/1/more/",
    "/ws/chat/room/one/",
    "/ws/chat/room/-1/",
    "/chat/room/1/",
    f"/ws/chat/room/{'1' * 5000}/",
]


@pytest.mark.holds(since="01", until="01", can="Anybody gets a socket, from anywhere")
@pytest.mark.parametrize("path", [ROOM, *ELSEWHERE])
@pytest.mark.parametrize("origin", [ORIGIN, "https://elsewhere.example", None])
async def test_every_path_and_every_origin_is_let_in(people, path, origin):
    assert await people.knock(path, origin) == "accepted"


@pytest.mark.holds(since="02", can="A socket only for who may open the room's page")
@pytest.mark.parametrize("name", ["alice", "bob", "teacher"])
async def test_who_is_enrolled_is_let_in(people, visitors, name):
    assert await people.knock(ROOM, cookie=cookie_of(visitors[name])) == "accepted"


@pytest.mark.holds(since="02")
@pytest.mark.parametrize("room", [2, 3, 0, 10**40, 10**400])
async def test_who_is_not_enrolled_is_refused(people, visitors, layer, room):
    cookie = cookie_of(visitors["alice"])
    assert await people.knock(room_path(room), cookie=cookie) == "refused"
    assert layer is None or layer.members() == 0


@pytest.mark.holds(since="02")
@pytest.mark.parametrize("cookie", ["", "sessionid=made-up", "sessionid=; x", "\xff;="])
async def test_the_anonymous_are_refused(people, layer, cookie):
    assert await people.knock(ROOM, cookie=cookie) == "refused"
    assert layer is None or layer.members() == 0


@pytest.mark.holds(since="02")
async def test_who_has_left_the_course_is_refused_at_the_next_handshake(
    people, visitors
):
    from django.contrib.auth import get_user_model

    cookie = cookie_of(visitors["bob"])
    assert await people.knock(ROOM, cookie=cookie) == "accepted"
    bob = await get_user_model().objects.aget(username="bob")
    await bob.courses.aremove(1)
    try:
        assert await people.knock(ROOM, cookie=cookie) == "refused"
    finally:
        await bob.courses.aadd(1)


@pytest.mark.holds(since="02")
@pytest.mark.parametrize("origin", ["http://localhost", "http://127.0.0.1:9000"])
async def test_a_page_of_this_site_is_let_in(people, visitors, origin):
    cookie = cookie_of(visitors["alice"])
    assert await people.knock(ROOM, origin, cookie) == "accepted"


@pytest.mark.holds(since="02", can="A page of another site gets no socket")
@pytest.mark.parametrize(
    "origin",
    [
        "https://elsewhere.example",
        "http://localhost.elsewhere.example",
        "http://elsewhere.example/localhost",
        "http://localhost@elsewhere.example",
        "localhost",
        "null",
        "",
        None,
    ],
)
async def test_a_page_of_another_site_is_refused(people, visitors, layer, origin):
    cookie = cookie_of(visitors["alice"])
    assert await people.knock(ROOM, origin, cookie) == "refused"
    assert layer is None or layer.members() == 0


@pytest.mark.holds(since="02")
@pytest.mark.parametrize("path", ELSEWHERE)
async def test_an_unknown_path_is_never_accepted(people, visitors, path):
    cookie = cookie_of(visitors["teacher"])
    assert await people.knock(path, cookie=cookie) in ("refused", "no route")
