"""Who is accepted in the handshake, and who is refused before anything is sent."""

import inspect

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
OTHER_SITES = [
    "https://elsewhere.example",
    "http://localhost.elsewhere.example",
    "http://elsewhere.example/localhost",
    "http://localhost@elsewhere.example",
    "localhost",
    "null",
    "",
    None,
]


@pytest.mark.holds(since="01")
def test_the_server_finds_the_application(project):
    from channels.routing import get_default_application

    assert get_default_application() is project.application


@pytest.mark.holds(since="01")
async def test_a_student_on_the_course_is_accepted(people, visitors):
    answer = await people.knock(ROOM, cookie=cookie_of(visitors["alice"]))
    assert answer == "accepted", answer


@pytest.fixture
def impatient_redis(monkeypatch):
    """Let redis-py give up after 0.2 s of silence, where the settings say nothing.

    Since its version 8 it does so after 5 s; the older ones wait for ever.
    """
    from redis.asyncio import Connection, Redis

    default = inspect.signature(Redis.__init__).parameters["socket_timeout"].default
    if default is None:
        return
    make = Connection.__init__

    def make_impatient(self, *, socket_timeout=0.2, **options):
        make(self, socket_timeout=socket_timeout, **options)

    monkeypatch.setattr(Connection, "__init__", make_impatient)


@pytest.mark.holds(since="03")
@pytest.mark.parametrize("layer", ["valkey"], indirect=True)
async def test_a_socket_stays_open_when_nothing_is_sent(impatient_redis, people):
    alice = await people.enter("alice")
    # Longer than two attempts of redis-py; a socket that closes is told there, too.
    assert await alice.hear_nothing_for(0.8)


@pytest.mark.holds(since="02")
async def test_everybody_on_the_course_is_accepted(people, visitors):
    for name in ("bob", "teacher"):
        answer = await people.knock(ROOM, cookie=cookie_of(visitors[name]))
        assert answer == "accepted", f"{name} is {answer}"


@pytest.mark.holds(since="02")
async def test_a_connection_from_this_site_is_accepted(people, visitors):
    cookie = cookie_of(visitors["alice"])
    for origin in ("http://localhost", "http://127.0.0.1:9000"):
        answer = await people.knock(ROOM, origin, cookie)
        assert answer == "accepted", f"{origin} is {answer}"


@pytest.mark.holds(since="01", until="01", can="Anybody can connect, from anywhere")
async def test_every_path_and_every_origin_is_accepted(people):
    for path in (ROOM, *ELSEWHERE):
        for origin in (ORIGIN, "https://elsewhere.example", None):
            answer = await people.knock(path, origin)
            assert answer == "accepted", f"{origin} at {path} is {answer}"


@pytest.mark.holds(
    since="02", can="Only people who may open the room's page can connect"
)
async def test_a_user_who_is_not_enrolled_is_refused(people, visitors, layer):
    cookie = cookie_of(visitors["alice"])
    for room in (2, 3, 0, 10**40, 10**400):
        answer = await people.knock(room_path(room), cookie=cookie)
        assert answer == "refused", f"alice is {answer} in room {room}"
    assert layer is None or layer.members() == 0


@pytest.mark.holds(since="02")
async def test_anonymous_visitors_are_refused(people, layer):
    for cookie in ("", "sessionid=made-up", "sessionid=; x", "\xff;="):
        answer = await people.knock(ROOM, cookie=cookie)
        assert answer == "refused", f"the cookie {cookie!r} is {answer}"
    assert layer is None or layer.members() == 0


@pytest.mark.holds(since="02")
async def test_a_student_who_leaves_the_course_is_refused_at_the_next_handshake(
    people, visitors
):
    from django.contrib.auth import get_user_model

    cookie = cookie_of(visitors["bob"])
    answer = await people.knock(ROOM, cookie=cookie)
    assert answer == "accepted", answer
    bob = await get_user_model().objects.aget(username="bob")
    await bob.courses.aremove(1)
    try:
        answer = await people.knock(ROOM, cookie=cookie)
        assert answer == "refused", answer
    finally:
        await bob.courses.aadd(1)


@pytest.mark.holds(since="02", can="A page of another site cannot connect")
async def test_a_connection_from_another_site_is_refused(people, visitors, layer):
    cookie = cookie_of(visitors["alice"])
    for origin in OTHER_SITES:
        answer = await people.knock(ROOM, origin, cookie)
        assert answer == "refused", f"{origin!r} is {answer}"
    assert layer is None or layer.members() == 0


@pytest.mark.holds(since="02")
async def test_an_unknown_path_is_never_accepted(people, visitors):
    cookie = cookie_of(visitors["teacher"])
    for path in ELSEWHERE:
        answer = await people.knock(path, cookie=cookie)
        assert answer in ("refused", "no route"), f"{path} is {answer}"
