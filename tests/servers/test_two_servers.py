"""Who is in a room that several server processes serve, also when one of them dies."""

import asyncio

import pytest

from tests.support.frames import joined, left, listed
from tests.support.real_sockets import enter, refusal

pytestmark = pytest.mark.server

# Seconds. Who has vanished without a word is missed in this time.
LATEST = 15


async def close(*sockets):
    """Close all these sockets."""
    for socket in sockets:
        await socket.close()


@pytest.fixture(scope="module")
def second(site):
    """One more daphne that serves the site."""
    with site.daphne() as second:
        yield second


@pytest.mark.holds(
    since="07", can="Several server processes share the list of who is here"
)
@pytest.mark.parametrize("room", [2, "kitchen"])
async def test_people_on_the_other_server_see_who_joins_and_leaves(
    server, second, cookies, room
):
    carol = await enter(server, cookies["carol"], room)
    assert await listed(carol) == ["carol"]
    teacher = await enter(second, cookies["teacher"], room)
    assert await listed(teacher) == ["carol", "teacher"]
    assert await carol.see() == joined("teacher")
    await teacher.close()
    assert await carol.see() == left("teacher")
    await carol.close()


@pytest.mark.holds(since="07")
async def test_three_tabs_on_two_servers_count_as_one_person(server, second, cookies):
    alice = await enter(server, cookies["alice"], "tabs")
    assert await listed(alice) == ["alice"]
    tabs = [await enter(s, cookies["bob"], "tabs") for s in (second, server, second)]
    for tab in tabs:
        assert await listed(tab) == ["alice", "bob"]
    assert await alice.see() == joined("bob")
    await close(*tabs[:2])
    teacher = await enter(server, cookies["teacher"], "tabs")
    assert await listed(teacher) == ["alice", "bob", "teacher"]
    assert await alice.see() == joined("teacher")
    await tabs[2].close()
    assert await alice.see() == left("bob")
    await close(alice, teacher)


@pytest.mark.holds(since="08")
async def test_the_lists_are_correct_when_redis_is_back(
    server, second, cookies, project
):
    seats = [(server, "alice"), (second, "bob"), (second, "alice")]
    old = [await enter(each, cookies[name], "back") for each, name in seats]
    project.valkey.terminate()
    try:
        for socket in old:
            assert await socket.until_closed()
        assert await refusal(server, cookies["alice"], "back")
    finally:
        project.valkey.start()

    alice = await enter(server, cookies["alice"], "back")
    assert await listed(alice) == ["alice"]
    bob = await enter(second, cookies["bob"], "back")
    assert await listed(bob) == ["alice", "bob"]
    assert await alice.see() == joined("bob")
    await bob.close()
    assert await alice.see() == left("bob")
    await alice.close()


@pytest.mark.waiting
@pytest.mark.holds(since="08", can="People on a killed server leave the list after 8 s")
async def test_people_on_a_killed_server_soon_leave_the_lists(site, server, cookies):
    alice = await enter(server, cookies["alice"], "killed")
    assert await listed(alice) == ["alice"]
    with site.daphne() as killed:
        bob = await enter(killed, cookies["bob"], "killed")
        assert await alice.see() == joined("bob")
        teacher = await enter(killed, cookies["teacher"], "killed")
        assert await alice.see() == joined("teacher")
        killed.process.kill()
        # teacher comes back at once, and is told of as neither gone nor come.
        again = await enter(server, cookies["teacher"], "killed")
        assert await listed(again) == ["alice", "bob", "teacher"]
        for person in (bob, teacher):
            assert await person.until_closed() == 1006

    teacher = again
    seen = [person.see(within=LATEST) for person in (alice, teacher)]
    assert await asyncio.gather(*seen) == [left("bob")] * 2
    carol = await enter(server, cookies["carol"], "killed")
    assert await listed(carol) == ["alice", "carol", "teacher"]
    for person in (alice, teacher):
        assert await person.see() == joined("carol")
    await teacher.close()
    assert await alice.see(within=LATEST) == left("teacher")
    await close(alice, carol)
