"""Many people come and go at random on two servers; in the end every list is right."""

import asyncio
import contextlib
import json
import os
import random

import pytest
import redis
from websockets.exceptions import ConnectionClosed, InvalidMessage, InvalidStatus

from tests.support.crowd import sign_in_crowd
from tests.support.deadline import DEADLINE
from tests.support.real_sockets import enter
from tests.support.valkey import url_of

pytestmark = [pytest.mark.server, pytest.mark.waiting]

PEOPLE, STEPS, ROOM = 39, 200, "random"


@pytest.fixture(scope="module")
def crowd(site):
    """Cookies of people who may enter named rooms, by username."""
    return sign_in_crowd(site, "student", PEOPLE)


class Tab:
    """An open socket of a user: `here`, whom its page lists, as its frames say.

    Each frame sets the Event `news`.
    """

    def __init__(self, user, socket, news):
        self.user, self.socket, self.news = user, socket, news
        self.here = set()
        self._reading = asyncio.create_task(self._read())

    async def _read(self):
        with contextlib.suppress(ConnectionClosed):
            async for text in self.socket.connection:
                frame = json.loads(text)
                if frame["type"] == "presence.list":
                    self.here = set(frame["users"])
                elif frame["type"] == "presence.joined":
                    self.here.add(frame["user"])
                elif frame["type"] == "presence.left":
                    self.here.remove(frame["user"])
                self.news.set()

    async def close(self):
        await self.socket.close()
        await self._reading

    def drop(self):
        """End the connection without a word."""
        self.socket.connection.transport.abort()

    @property
    def is_open(self):
        """Whether it still reads; raises what was wrong with a frame."""
        if self._reading.done():
            self._reading.result()
        return not self._reading.done()


class Run:
    """People who do something at random, on two servers of which one may be killed."""

    def __init__(self, site, crowd, client, chance):
        self.site, self.crowd, self.client, self.chance = site, crowd, client, chance
        self.tabs, self.news = [], asyncio.Event()

    async def __aenter__(self):
        with contextlib.ExitStack() as self._stack:
            self.servers = [self._start(), self._start()]
            self._stack = self._stack.pop_all()
        return self

    async def __aexit__(self, *_):
        with self._stack:
            for tab in self.tabs:
                await tab.close()

    def _start(self):
        return self._stack.enter_context(self.site.daphne())

    async def enter(self, user=None):
        user = user or self.chance.choice(list(self.crowd))
        server = self.chance.choice(self.servers)
        with contextlib.suppress(InvalidStatus, InvalidMessage, OSError):
            socket = await enter(server, self.crowd[user], ROOM)
            self.tabs.append(Tab(user, socket, self.news))

    def pick(self):
        """Take a tab out of those that are open."""
        self.tabs = [tab for tab in self.tabs if tab.is_open]
        return self.tabs.pop(self.chance.randrange(len(self.tabs)))

    async def leave(self):
        await self.pick().close()

    async def drop(self):
        self.pick().drop()

    async def reload(self):
        tab = self.pick()
        await asyncio.gather(tab.close(), self.enter(tab.user))

    async def come_together(self):
        await asyncio.gather(*[self.enter() for _ in range(5)])

    async def kill(self):
        self.servers[1].process.kill()
        self.servers[1] = await asyncio.to_thread(self._start)

    async def forget(self):
        self.client.flushall()

    async def do_something(self):
        if len(self.tabs) < 10:
            return await self.come_together()
        often = [self.enter, self.leave, self.drop, self.reload, self.come_together]
        seldom = [self.kill, self.forget]
        await self.chance.choice(often * 10 + seldom)()

    def wrong(self):
        """Return (user of a tab, too many, too few) for each list that is wrong."""
        self.tabs = [tab for tab in self.tabs if tab.is_open]
        here = {tab.user for tab in self.tabs}
        lists = [(tab.user, tab.here - here, here - tab.here) for tab in self.tabs]
        return [each for each in lists if each[1] or each[2]]

    async def until_right(self):
        """Wait until no list is wrong, not longer than the deadline."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DEADLINE):
                while self.wrong():
                    self.news.clear()
                    await self.news.wait()

    async def until_quiet(self):
        """Wait until two heartbeats bring no news, not longer than the deadline."""
        async with asyncio.timeout(DEADLINE):
            while await self.hears_news(within=4):
                pass

    async def hears_news(self, within):
        """Return whether a frame arrives within some seconds."""
        self.news.clear()
        with contextlib.suppress(TimeoutError):
            return await asyncio.wait_for(self.news.wait(), within)
        return False


@pytest.mark.holds(since="08", can="Whatever happens, the lists become correct again")
async def test_every_list_is_correct_after_a_random_run(site, crowd, project):
    seed = int(os.environ.get("SEED", random.randrange(10**6)))
    print(f"SEED={seed} repeats this run.")
    with redis.Redis.from_url(url_of(project.valkey)) as client:
        async with Run(site, crowd, client, random.Random(seed)) as run:
            for _ in range(STEPS):
                await run.do_something()
            await run.kill()
            await run.come_together()
            await run.until_right()
            assert run.wrong() == []
            assert len(run.tabs) >= 5
            # A list may still be wrong for a moment, if Redis has just been emptied.
            await run.until_quiet()
            assert run.wrong() == []
