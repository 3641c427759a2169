"""A server that stops says so to the browsers, and its people leave their rooms."""

import pytest

from tests.support.frames import joined, left, list_is

STOPS = 4012


@pytest.mark.holds(since="18", can="A server that stops says so to the browsers")
async def test_a_server_that_stops_closes_its_sockets_with_a_code(people):
    alice, bob = await people.enter("alice", 1), await people.enter("bob", "kitchen")
    for socket in (alice, bob):
        socket.cancel()
        assert await socket.is_closed() == STOPS


@pytest.mark.holds(since="18")
async def test_a_socket_of_a_server_that_stops_keeps_no_other_from_its_end(people):
    """At the first error, daphne would no longer wait for the others."""
    alice = await people.enter("alice", 1)
    alice.cancel()
    assert not await alice.is_cancelled()


@pytest.mark.holds(since="18")
async def test_the_others_see_that_people_on_a_server_that_stops_have_left(people):
    bob = await people.enter("bob", 1)
    await list_is(bob, ["bob"])
    alice = await people.enter("alice", 1)
    await bob.sees(joined("alice"))
    alice.cancel()
    await bob.sees(left("alice"))
