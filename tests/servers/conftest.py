"""Real servers: one site and one daphne for all tests of a file, signed-in people."""

import pytest

from tests.support.real_sockets import enter
from tests.support.site import Site
from tests.support.valkey import url_of, valkey


@pytest.fixture(scope="module")
def own_valkey(project):
    """A ValkeyServer that the tests may kill; None at the steps without a layer."""
    if not project.has_layer:
        yield None
        return
    with valkey() as server:
        yield server


@pytest.fixture(scope="module")
def site(project, own_valkey, tmp_path_factory):
    """A Site: a copy of the project under test."""
    folder = tmp_path_factory.mktemp("site") / "copy"
    return Site(project.path, folder, own_valkey and url_of(own_valkey))


@pytest.fixture(scope="module")
def server(site):
    """A daphne that serves the site."""
    with site.daphne() as server:
        yield server


@pytest.fixture(scope="module")
def cookies(server):
    """The Cookie headers of alice, bob (course 1) and carol (course 2 only)."""
    return {name: server.sign_in(name) for name in ("alice", "bob", "carol")}


@pytest.fixture
async def alice(server, cookies):
    """alice's socket to room 1."""
    socket = await enter(server, cookies["alice"])
    yield socket
    await socket.close()


@pytest.fixture
async def bob(server, cookies):
    """bob's socket to room 1."""
    socket = await enter(server, cookies["bob"])
    yield socket
    await socket.close()
