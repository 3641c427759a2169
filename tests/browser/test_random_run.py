"""Whatever breaks, in the end all see what was said: each message once, in one order.

`SEED=7` repeats a run, `RUNS=20` makes as many as that.
"""

import asyncio
import contextlib
import os
import random
import sqlite3

import pytest
import redis
from playwright.async_api import Error, expect

from tests.support.browser import visit
from tests.support.deadline import DEADLINE
from tests.support.proxy import Proxy
from tests.support.valkey import url_of

from .test_history import ROOM

# One event loop for all: the browser is started once.
pytestmark = [
    pytest.mark.browser,
    pytest.mark.waiting,
    pytest.mark.asyncio(loop_scope="session"),
]
expect.set_options(timeout=DEADLINE * 1000)

NAMES, STEPS = ["alice", "bob", "teacher"], 40
# A page that waits as long as it may would make a run of minutes.
HURRY = "Math.random = () => 0.05;"
TEXTS = "all => all.map(item => item.lastChild.textContent)"
# So many messages does a page show that has just been loaded.
MOST = 50
RUNS = int(os.environ.get("RUNS", 1))
FIRST = int(os.environ.get("SEED", random.randrange(10**6)))


class Run:
    """Three people on two servers, whose networks, servers and Valkey fail at random.

    `typed` are the texts that somebody has tried to say, `said` those of them that a
    page has certainly taken.
    """

    def __init__(self, site, valkey, chance):
        self.site, self.valkey, self.chance = site, valkey, chance
        self.typed, self.said, self.people = [], [], []

    async def __aenter__(self):
        self._stack = contextlib.AsyncExitStack()
        self.servers = [self._start(), self._start()]
        self.proxies = [
            await self._stack.enter_async_context(Proxy(server.port))
            for server in self.servers
        ]
        return self

    async def __aexit__(self, *_):
        await self._stack.aclose()

    def _start(self, port=None):
        return self._stack.enter_context(self.site.runserver(port))

    async def meet(self, browser):
        """Let all sign in and enter the room."""
        for number, name in enumerate(NAMES):
            url = self.proxies[number % 2].url
            person = await self._stack.enter_async_context(visit(browser, url))
            await person.page.add_init_script(HURRY)
            await person.sign_in(name)
            self.people.append(person)
            await self.open(person)

    async def open(self, person):
        """Open the room's page, as often as it takes until it is connected."""
        async with asyncio.timeout(DEADLINE):
            while True:
                with contextlib.suppress(Error, AssertionError):
                    await person.page.goto(person.url + ROOM)
                    await expect(person.status).to_have_text("Connected", timeout=5000)
                    return

    async def say(self):
        person = self.chance.choice(self.people)
        text = f"no. {len(self.typed) + 1}"
        self.typed.append(text)
        with contextlib.suppress(Error):
            # A page whose document was cut may have no field.
            if not await person.field.count():
                return
            await person.field.fill(text, timeout=5000)
            await person.field.press("Enter", timeout=5000)
            # A page without its script keeps it in the field; one without the button,
            # because the rest has not come, loses it. Neither shows it.
            if text in await person.messages.evaluate_all(TEXTS):
                self.said.append(text)

    async def cut(self):
        self.chance.choice(self.proxies).cut()

    async def cut_soon(self):
        self.chance.choice(self.proxies).cut_after(self.chance.randrange(1, 3000))

    async def reload(self):
        person = self.chance.choice(self.people)
        # A page whose document is cut never loads to its end: people reload it again.
        for _ in range(2):
            with contextlib.suppress(Error):
                await person.page.reload(timeout=5000)
            if await person.field.count():
                return

    async def kill(self):
        number = self.chance.randrange(2)
        port = self.servers[number].port
        self.servers[number].process.kill()
        await self.say()
        self.servers[number] = await asyncio.to_thread(self._start, port)

    async def forget(self):
        with redis.Redis.from_url(url_of(self.valkey)) as client:
            client.flushall()

    async def stop_valkey(self):
        await asyncio.to_thread(self.valkey.terminate)
        await self.say()
        await asyncio.to_thread(self.valkey.start)

    async def do_something(self):
        often = [self.say] * 5 + [self.cut, self.cut_soon, self.reload]
        seldom = [self.kill, self.forget, self.stop_valkey]
        await self.chance.choice(often * 4 + seldom * 2)()

    def saved(self):
        """Return {number: text} of all messages in the database."""
        with contextlib.closing(sqlite3.connect(self.site.folder / "db.sqlite3")) as db:
            query = "SELECT number, text FROM chat_message ORDER BY number"
            return dict(db.execute(query).fetchall())


@pytest.mark.holds(since="13", can="Whatever breaks, nothing is lost and nothing twice")
@pytest.mark.parametrize("seed", range(FIRST, FIRST + RUNS))
async def test_in_the_end_all_see_the_same(site, project, browser, seed):
    print(f"SEED={seed} repeats this run.")
    async with Run(site, project.valkey, random.Random(seed)) as run:
        await run.meet(browser)
        for _ in range(STEPS):
            await run.do_something()
        for proxy in run.proxies:
            proxy.cut_after(10**9)
        await run.say()
        assert 5 < len(run.said) <= len(run.typed) < MOST
        for person in run.people:
            # A page that has been loaded without its script has to be opened again.
            if (
                not await person.button.is_visible()
                or await person.button.is_disabled()
            ):
                await run.open(person)
        for person in run.people:
            await expect(person.status).to_have_text("Connected")
            await person.sends_nothing_any_more()
        saved = run.saved()
        assert len(saved) == len({*saved.values()})
        assert {*run.said} <= {*saved.values()} <= {*run.typed}
        assert list(saved) == list(range(1, len(saved) + 1))
        for person in run.people:
            await expect(person.messages).to_have_count(len(saved))
            assert await person.messages.evaluate_all(TEXTS) == [*saved.values()]
        for person in run.people:
            await run.open(person)
            await expect(person.messages).to_have_count(len(saved))
            assert await person.messages.evaluate_all(TEXTS) == [*saved.values()]
