"""Two people in two browsers, on a site of their own."""

import pytest

from tests.support.browser import chromium, person
from tests.support.site import Site
from tests.support.valkey import url_of


@pytest.fixture(scope="module")
def site(project, tmp_path_factory):
    """A Site: a copy of the project under test."""
    folder = tmp_path_factory.mktemp("site") / "copy"
    return Site(project.path, folder, project.valkey and url_of(project.valkey))


@pytest.fixture(scope="module")
def server(site):
    """A runserver that serves the site."""
    with site.runserver() as server:
        yield server


@pytest.fixture
async def browser():
    async with chromium() as browser:
        yield browser


@pytest.fixture
async def alice(browser, server):
    """alice, signed in, on a projector: a wide window."""
    size = {"width": 1024, "height": 640}
    async with person(browser, server.url, "alice", viewport=size) as alice:
        yield alice
        assert alice.complaints == []


@pytest.fixture
async def bob(browser, server):
    """bob, signed in, on a phone with dark colours."""
    size = {"width": 390, "height": 700}
    async with person(
        browser, server.url, "bob", viewport=size, color_scheme="dark"
    ) as bob:
        yield bob
        assert bob.complaints == []
