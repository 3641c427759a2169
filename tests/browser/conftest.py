"""Two people in two browsers, on a site of their own."""

import contextlib
import sqlite3

import pytest
import pytest_asyncio

from tests.support.browser import visit

from .played import Played, history


@pytest.fixture(scope="session")
def server(site, step, request):
    """A runserver that serves the site; since step 17, its NGINX with two daphnes."""
    if step.number >= "17":
        yield request.getfixturevalue("deployed")
    else:
        with site.runserver() as server:
            yield server


@pytest.fixture(autouse=True)
def nothing_was_said(site):
    """No room has messages when a test begins; from step 09 on they would be shown."""
    with contextlib.closing(sqlite3.connect(site.folder / "db.sqlite3")) as database:
        tables = database.execute("SELECT name FROM sqlite_master").fetchall()
        if ("chat_message",) in tables:
            database.execute("DELETE FROM chat_message")
            database.execute("DELETE FROM chat_chatroom")
        database.commit()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def alice_signed_in(browser, server):
    """alice on a projector: a wide window; she has signed in through the form."""
    size = {"width": 1024, "height": 640}
    async with visit(browser, server.url, viewport=size) as alice:
        await alice.sign_in("alice")
        yield alice


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def bob_signed_in(browser, server):
    """bob on a phone with dark colours; he has signed in through the form."""
    size = {"width": 390, "height": 700}
    async with visit(browser, server.url, viewport=size, color_scheme="dark") as bob:
        await bob.sign_in("bob")
        yield bob


@pytest_asyncio.fixture(loop_scope="session")
async def alice(alice_signed_in):
    """alice, on the list of her courses; her page must not complain in the test."""
    async with back_home(alice_signed_in) as alice:
        yield alice


@pytest_asyncio.fixture(loop_scope="session")
async def bob(bob_signed_in):
    """bob, on the list of his courses; his page must not complain in the test."""
    async with back_home(bob_signed_in) as bob:
        yield bob


@pytest_asyncio.fixture(loop_scope="session")
async def opened(step, browser, alice_signed_in):
    """The Played page of alice, in one more window; its socket has just been made."""
    alice = alice_signed_in
    signed_in = await alice.page.context.storage_state()
    options = {"storage_state": signed_in, "viewport": {"width": 800, "height": 640}}
    # No page before the one that is played.
    async with visit(browser, alice.url, start="about:blank", **options) as person:
        played = Played(person, pause=1 if step.number >= "14" else 0)
        await played.open()
        yield played
        # A browser complains of each request that fails.
        said = [each for each in person.complaints if "Failed to load" not in each]
        assert said == []


@pytest_asyncio.fixture(loop_scope="session")
async def played(opened):
    """The same, in a room where nothing was said yet."""
    await opened.accept(history())
    return opened


@contextlib.asynccontextmanager
async def back_home(person):
    """Let a person begin on the front page, and check what his page complains of."""
    person.complaints.clear()
    await person.page.goto(person.url)
    # What nobody has answered before the last test ended would be sent in this one.
    await person.page.evaluate("sessionStorage.clear()")
    yield person
    assert person.complaints == []
