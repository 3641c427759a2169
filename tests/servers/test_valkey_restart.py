"""Valkey is killed under open sockets, and comes back."""

import pytest

from tests.support.real_sockets import enter, refusal

pytestmark = pytest.mark.server


@pytest.mark.holds(since="03", can="When Redis stops, the page says closed")
async def test_a_killed_valkey_closes_the_sockets_and_a_reload_works_when_it_is_back(
    server, cookies, project
):
    alice = await enter(server, cookies["alice"])
    bob = await enter(server, cookies["bob"])
    start = len(server.lines)
    project.valkey.terminate()
    try:
        assert await alice.until_closed()
        assert await bob.until_closed()
        assert await refusal(server, cookies["alice"])
        server.wait_for_line("Redis", start)
        # The layer's own task that tidies up after a message may end in a traceback.
        said = "\n".join(server.lines[start:])
        assert "Exception inside application" not in said
    finally:
        project.valkey.start()

    alice = await enter(server, cookies["alice"])
    bob = await enter(server, cookies["bob"])
    await alice.send("back again")
    assert (await bob.hear())["message"] == "back again"
    await alice.close()
    await bob.close()
