"""Two people in two browsers, on a site of their own."""

import pytest
import pytest_asyncio

from tests.support.browser import chromium, signed_in_state, visit


@pytest.fixture(scope="session")
def server(site):
    """A runserver that serves the site."""
    with site.runserver() as server:
        yield server


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser():
    """A headless Browser."""
    async with chromium() as browser:
        yield browser


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def states(browser, server):
    """What the browsers of alice and bob keep once they have signed in by the form."""
    return {
        name: await signed_in_state(browser, server.url, name)
        for name in ("alice", "bob")
    }


@pytest_asyncio.fixture(loop_scope="session")
async def alice(browser, server, states):
    """alice on a projector: a wide window."""
    size = {"width": 1024, "height": 640}
    async with visit(
        browser, server.url, storage_state=states["alice"], viewport=size
    ) as alice:
        yield alice
        assert alice.complaints == []


@pytest_asyncio.fixture(loop_scope="session")
async def bob(browser, server, states):
    """bob on a phone, with dark colours."""
    size = {"width": 390, "height": 700}
    async with visit(
        browser,
        server.url,
        storage_state=states["bob"],
        viewport=size,
        color_scheme="dark",
    ) as bob:
        yield bob
        assert bob.complaints == []
