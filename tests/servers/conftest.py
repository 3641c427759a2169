"""A real daphne for all tests, people who are signed in on it, and behind NGINX."""

import pytest

from tests.support.real_sockets import enter


@pytest.fixture(scope="session")
def server(site):
    """A daphne that serves the site."""
    with site.daphne() as server:
        yield server


@pytest.fixture(scope="session")
def cookies(server):
    """The Cookie headers of the demo users; alice and bob are on course 1 only."""
    names = ("alice", "bob", "carol", "teacher")
    return {name: server.sign_in(name) for name in names}


@pytest.fixture(scope="module")
def signed_in(deployed):
    """The Cookie headers of three demo users on the site behind NGINX."""
    return {name: deployed.sign_in(name) for name in ("alice", "bob", "carol")}


@pytest.fixture
def course(site):
    """Course 1, whose students are the same again after the test."""
    yield
    status, said = site.run("manage.py", "loaddata", "demo")
    assert status == 0, said


@pytest.fixture
async def alice(server, cookies):
    """alice's socket to room 1."""
    socket = await enter(server, cookies["alice"])
    await socket.is_served()
    yield socket
    await socket.close()


@pytest.fixture
async def bob(server, cookies):
    """bob's socket to room 1."""
    socket = await enter(server, cookies["bob"])
    await socket.is_served()
    yield socket
    await socket.close()
