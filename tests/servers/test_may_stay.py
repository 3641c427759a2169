"""Who may no longer stay in a room is sent out of it by every server."""

import asyncio
import urllib.request
from http.cookies import SimpleCookie

import psutil
import pytest

from tests.support.deadline import DEADLINE
from tests.support.real_sockets import enter, refusal
from tests.support.valkey import pid_of

pytestmark = pytest.mark.server


@pytest.fixture(scope="module")
def second(site):
    """One more daphne that serves the site."""
    with site.daphne() as second:
        yield second


def sign_out(server, cookie):
    """Sign out, as the button does."""
    token = SimpleCookie(cookie)["csrftoken"].value
    headers = {"Cookie": cookie, "X-CSRFToken": token}
    request = urllib.request.Request(f"{server.url}/accounts/logout/", b"", headers)
    urllib.request.urlopen(request, timeout=DEADLINE)


@pytest.mark.holds(
    since="14", can="Signing out at one server closes your sockets at all servers"
)
async def test_signing_out_at_one_server_closes_the_sockets_at_the_other(
    server, second, cookies
):
    cookie, again = server.sign_in("alice"), server.sign_in("alice")
    sockets = [await enter(it, cookie, "x") for it in (server, second)]
    other = await enter(second, again, "x")
    sign_out(server, cookie)
    for socket in sockets:
        assert await socket.until_closed() == 4401
    for each in (server, second):
        assert await refusal(each, cookie, "x") == 403
    await other.send("I am still here")
    assert (await other.hear())["message"] == "I am still here"
    await other.close()


@pytest.mark.holds(since="14", can="You can sign in and out while Redis hangs")
async def test_whoever_signs_in_or_out_does_not_wait_for_a_redis_that_hangs(
    site, project
):
    with site.daphne() as server:
        cookie = server.sign_in("alice")
        alice = await enter(server, cookie, "x")
        redis = psutil.Process(pid_of(project.valkey))
        redis.suspend()
        try:
            start = len(server.lines)
            assert await asyncio.to_thread(server.sign_in, "bob")
            await asyncio.to_thread(sign_out, server, cookie)
            server.wait_for_line("TimeoutError", start)
        finally:
            redis.resume()
        # Whether the event gets through then is not sure, but nobody may come back.
        await alice.close()
        assert await refusal(server, cookie, "x") == 403
