"""PostgreSQL in place of SQLite: the same spec, and how many connections it takes."""

import asyncio
import contextlib
import urllib.request

import psycopg
import pytest

from tests.support.deadline import DEADLINE
from tests.support.postgresql import postgresql
from tests.support.real_sockets import enter
from tests.support.spec_run import run_spec, spec_at_first
from tutorial.shared.steps import all_steps

pytestmark = [pytest.mark.server, pytest.mark.waiting]

# The pool of a process (psycopg_pool, min_size), and how many want a connection.
POOL, SOCKETS, REQUESTS = 4, 10, 20
CONNECTIONS = (
    "SELECT count(*) FROM pg_stat_activity "
    "WHERE datname = 'chat' AND backend_type = 'client backend'"
)


@pytest.fixture(scope="module")
def variables():
    """The variables of the environment that lead to an empty database."""
    with postgresql() as variables:
        yield variables


@pytest.fixture(scope="module")
def count(variables):
    """`count()` returns how many connections to the site's database are open."""
    address = {"host": variables["PGHOST"], "user": variables["PGUSER"]}
    with psycopg.connect(dbname="postgres", autocommit=True, **address) as connection:
        yield lambda: connection.execute(CONNECTIONS).fetchone()[0]


@pytest.mark.holds(
    since="16", can="PostgreSQL instead of SQLite, with four connections a process"
)
async def test_many_sockets_and_requests_share_the_four_connections_of_the_pool(
    site, variables, count
):
    status, said = site.run("-m", "tutorial.shared.prepare", **variables)
    assert status == 0, said
    with site.daphne(**variables) as server:
        cookie = await asyncio.to_thread(server.sign_in, "alice")
        request = urllib.request.Request(f"{server.url}/courses/1/")
        request.add_header("Cookie", cookie)

        def open_page():
            """Return the status of a page, and the connections while it was asked."""
            status = urllib.request.urlopen(request, timeout=DEADLINE).status
            return status, count()

        async with contextlib.AsyncExitStack() as leaving:
            sockets = [await enter(server, cookie, "full") for _ in range(SOCKETS)]
            for socket in sockets:
                leaving.push_async_callback(socket.close)
                await socket.read_history()
            pages = [asyncio.to_thread(open_page) for _ in range(REQUESTS)]
            pages = await asyncio.gather(*pages)
            assert [status for status, _ in pages] == [200] * REQUESTS
            assert max(connections for _, connections in pages) <= POOL
            await sockets[0].send("who has the others?")
            for socket in sockets:
                assert (await socket.hear())["number"] == 1
            async with asyncio.timeout(DEADLINE):
                # The pool opens them one after the other, and keeps them.
                while await asyncio.to_thread(count) != POOL:
                    pass


@pytest.mark.holds(since="16")
def test_the_step_can_do_the_same_with_postgresql(step, project, variables):
    if step.number not in ("16", all_steps()[-1].number):
        pytest.skip("The first step with PostgreSQL and the last one are enough.")
    files = spec_at_first(step, "history", "archive", "catch_up", "outbox")
    # It makes its own database on the server; there is no file to be copied.
    status, said = run_spec(
        step, project.path, "-qx", "--tb=short", *files, DATABASES="", **variables
    )
    assert status == 0, said
    assert "passed" in said
