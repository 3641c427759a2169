"""What is on the stage: a step, its people, its Redis. `server` shows it to the page.

Every step has a process, `tutorial.stage.served`, on a copy of its folder: two steps
cannot share one, because both have a package `config`. The step on the stage is started
first, and then all others, nearest first, so that no switch waits for a start.
"""

import asyncio
import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import redis.asyncio as redis
import segno
from autobahn.exception import Disconnected
from redis.exceptions import RedisError

from ..shared.git import NOISE
from ..shared.messages import TutorialError
from ..shared.ports import HOST, free_port
from ..shared.processes import end_group
from ..shared.steps import all_steps, ignoring, plain_environment
from ..shared.valkey import started
from .handout import handout
from .slides import drawn, slides, without_slides

PEOPLE = ("alice", "bob", "carol", "teacher")
LOOK = 0.5  # seconds between two looks at the files, and at Redis
# Where chapters and fixtures have the page that both people can see.
ROOM, COURSE = "/chat/room/1/", "/courses/1/"


def reason_in(log, folder):
    """Return the last line of a log; for a syntax error, with its place in a folder."""
    reason = log.strip().rpartition("\n")[2]
    places = re.findall(r'File "(.+)", (line \d+)', log)
    if places and re.match("(Syntax|Indentation|Tab)Error:", reason):
        file, line = places[-1]
        reason += f" ({file.removeprefix(f'{folder.resolve()}/')}, {line})"
    return reason


class Play:
    """One step, served from a copy of its folder, on a port for each person."""

    def __init__(self, step, source, copy, redis_url, lan):
        self.step, self.source, self.copy = step, source, copy
        self.own = None if source == step.path else source
        self.redis_url, self.lan = redis_url, lan
        self.ports = {name: free_port() for name in PEOPLE}
        self.state, self.reason = "starting", ""
        self.files, self.slides = {}, None
        self.offline = set()  # of people
        self.process, self.is_over = None, False
        self.changing = threading.Lock()  # held while the process starts or stops

    def start(self, hear):
        """Copy the folder and start the server; `hear` is called with each event of it.

        The last event is {"kind": "stopped"}. Called from a thread of its own.
        """
        with self.changing:
            if not self.is_over:
                self._start(hear)

    def _start(self, hear):
        before, self.files, self.slides = self.files, self.look(), None
        for name in before.keys() - self.files.keys():
            (self.copy / name).unlink(missing_ok=True)
        for name in self.files:
            (self.copy / name).parent.mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(OSError):  # it has gone, or is a socket
                shutil.copy(self.source / name, self.copy / name)
        command = [sys.executable, "-m", "tutorial.stage.served"]
        command += [f"{name}={port}" for name, port in self.ports.items()]
        command += [f"class={self.lan}"] if self.lan else []
        log = self.copy.with_suffix(".log")
        with log.open("w") as errors:
            self.process = subprocess.Popen(
                command,
                cwd=self.copy,
                env=plain_environment(own_database=True)
                | {"REDIS_URL": self.redis_url},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                start_new_session=True,
            )

        def read(process):
            with process.stdout as lines:
                for line in lines:
                    hear(self, json.loads(line))
            if self.process is process:  # it was not stopped
                reason = reason_in(log.read_text(errors="replace"), self.copy)
                if not self.source.is_dir():
                    reason = f"{self.source} cannot be read"
                hear(self, {"kind": "stopped", "text": reason})

        args = [self.process]
        threading.Thread(target=read, args=args, daemon=True).start()

    def stop(self):
        """End the server. Called from a thread of its own, since it may take 2 s."""
        with self.changing:
            process, self.process = self.process, None
            if process:
                with contextlib.suppress(OSError):  # it ended before it had read all
                    process.stdin.close()
                end_group(process)

    def look(self):
        """Return {path in the folder: time} of its files, to notice a saved one."""
        found, ignore = {}, ignoring(self.source, *NOISE)
        for folder, folders, names in os.walk(self.source):
            path = Path(folder)
            left_out = ignore(folder, [*folders, *names])
            left_out |= {n for n in folders if (path / n / "pyvenv.cfg").exists()}
            folders[:] = set(folders) - left_out
            for name in set(names) - left_out:
                with contextlib.suppress(OSError):
                    file = path / name
                    found[str(file.relative_to(self.source))] = file.stat().st_mtime_ns
        return found

    def changes(self):
        """Return the slides, drawn; they change when a file does.

        There are none as long as the folder cannot be read.
        """
        if self.slides is None:
            try:
                found = slides(self.step, self.own)
            except (TutorialError, OSError) as error:
                self.state, self.reason = "stopped", str(error)
                return []
            self.slides = [s | {"code": drawn(s.pop("rows"))} for s in found]
        return self.slides


class Stage:
    """The plays of all steps, one of them shown. Its coroutines run in the page's loop.

    `step` is shown first; with a `source`, a folder of your own in the place of that
    step. `folder` is for copies, and is the caller's to remove. With `lan`, an address
    with a port at which a class can join, it is the only step.
    """

    def __init__(self, step, source, folder, lan=None):
        self.port = free_port()
        self.redis = contextlib.ExitStack()
        self._start_redis()
        self.plays = {
            each.number: Play(
                each,
                source if source and each == step else each.path,
                folder / each.number,
                # A database each: the same key has another type in another step, and
                # who leaves a step would still send events to the next one.
                f"redis://{HOST}:{self.port}/{index}",
                lan,
            )
            for index, each in enumerate(all_steps())
            if not lan or each == step
        }
        self.lan = lan
        self.joined = []
        self.shown = self.plays[step.number]
        self.pages = set()  # functions that send a message to an open page
        self.tasks = set()  # what is being sent

    # What the page asks for

    async def show(self, number):
        """Put another step on the stage."""
        if number in self.plays:
            self.shown = self.plays[number]
            await self.tell(self.program())

    async def clear(self):
        """Remove all keys, ghosts too, and the class; then the page loads its panes."""
        if self.lan:
            self.joined.clear()
            self._ask({})
        with contextlib.suppress(RedisError):
            async with redis.from_url(self.shown.redis_url) as client:
                await client.flushdb()
        await self.tell({"kind": "cleared"})

    async def switch_redis(self):
        """Stop Valkey, or start it again at the same port, with nothing in it."""
        loop = asyncio.get_running_loop()
        switch = self._stop_redis if self.has_redis else self._start_redis
        await loop.run_in_executor(None, switch)

    def _start_redis(self):
        self.redis.enter_context(started(self.port, databases=len(all_steps())))
        self.has_redis = True

    def _stop_redis(self):
        self.redis.close()
        self.has_redis = False

    async def switch_network(self, name):
        """Take somebody offline, or back online."""
        if self.shown.state == "ready":
            self._ask({"switch": self.shown.ports[name]})

    async def send(self, group, event):
        """Send an event to a group, as the consumers of the step could."""
        self._ask({"group": group, "event": event})

    def _ask(self, what):
        if process := self.shown.process:
            # It may have ended, or be about to.
            with contextlib.suppress(OSError, ValueError):
                print(json.dumps(what), file=process.stdin, flush=True)

    # What the page gets

    async def tell(self, message):
        """Send a message to all open pages, and forget those that have closed."""
        for send in list(self.pages):
            try:
                await send(message)
            except Disconnected:
                self.pages.discard(send)

    def program(self):
        """Return what is on the stage: the step, where its people are, its slides."""
        play = self.shown
        path = ROOM if play.step.number > "00" else COURSE
        text = (play.step.path / "README.md").read_text(encoding="utf-8")
        slides = play.changes()  # may find that the folder has gone
        return {
            "kind": "program",
            "steps": list(self.plays),
            "number": play.step.number,
            "title": text.partition("\n")[0].partition(": ")[2],
            "folder": play.own and play.own.name,
            "people": {n: f"http://{HOST}:{p}{path}" for n, p in play.ports.items()},
            "state": play.state,
            "reason": play.reason,
            "slides": slides,
            "nothing": without_slides(play.own),
            "lan": self.lan and f"http://{self.lan}/",
            # As large as its box.
            "code": self.lan
            and segno.make(f"http://{self.lan}/").svg_inline(omitsize=True),
            "joined": self.joined,
            "offline": sorted(play.offline),
        }

    def handout(self, number):
        """Return the hand-out of the step with this number, or None if there is none.

        Called from a thread of its own, since git compares two folders.
        """
        for step in all_steps():
            if step.number == number:
                play = self.plays.get(number)
                return handout(step, play and play.own)
        return None

    # What goes on all the time

    async def run(self):
        """Start all steps, nearest first; then look at the files and at Redis."""
        loop = asyncio.get_running_loop()
        ready = asyncio.Event()

        def hear(play, event):
            with contextlib.suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(self._hear, play, event, ready)

        numbers = list(self.plays)
        place = numbers.index(self.shown.step.number)
        near = sorted(numbers, key=lambda number: abs(numbers.index(number) - place))
        looking = asyncio.ensure_future(self._look(hear))
        for number in near:
            ready.clear()
            await loop.run_in_executor(None, self.plays[number].start, hear)
            await ready.wait()
        await looking

    def _hear(self, play, event, ready):
        if event["kind"] in ("ready", "stopped"):
            play.state, play.reason = event["kind"], event.get("text", "")
            play.offline.clear()
            ready.set()
        elif event["kind"] == "network":
            change = play.offline.discard if event["on"] else play.offline.add
            change(next(n for n, port in play.ports.items() if port == event["port"]))
        elif event["kind"] == "joined":
            self.joined.append(event["user"])
        telling = self._tell_of(play, event)
        self.tasks.add(task := asyncio.ensure_future(telling))
        task.add_done_callback(self.tasks.discard)

    async def _tell_of(self, play, message):
        """Tell what has happened in a play, unless another one is shown by now."""
        if play is self.shown:
            await self.tell(message)

    async def _look(self, hear):
        """Restart the step when a file was saved; say who is in which group."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(LOOK)
            play = self.shown
            if play.process and play.look() != play.files:
                await self.tell({"kind": "saved"})
                play.state = "starting"
                await loop.run_in_executor(None, play.stop)
                await loop.run_in_executor(None, play.start, hear)
                await self.tell(self.program() | {"kind": "changed"})
            await self._tell_of(play, {"kind": "redis", **await self._keys(play)})

    async def _keys(self, play):
        """Return the members of each group, and presence: {entry: seconds to live}."""
        groups, presence = {}, {}
        try:
            async with redis.from_url(play.redis_url, decode_responses=True) as client:
                async for key in client.scan_iter("asgi:group:*"):
                    groups[key.split(":", 2)[2]] = await client.zrange(key, 0, -1)
                seconds, microseconds = await client.time()
                now = seconds + microseconds / 1e6
                async for key in client.scan_iter("asgi:presence:*"):
                    if await client.type(key) == "set":
                        entries = dict.fromkeys(await client.smembers(key))
                    else:
                        found = await client.zrange(key, 0, -1, withscores=True)
                        entries = {entry: expiry - now for entry, expiry in found}
                    presence[key.split(":", 2)[2]] = entries
        except (RedisError, OSError):
            return {"lit": False, "groups": {}, "presence": {}}
        return {"lit": True, "groups": groups, "presence": presence}

    def close(self):
        """End everything. Called when the loop has ended."""
        for play in self.plays.values():
            play.is_over = True
            if play.process:
                with contextlib.suppress(OSError):
                    play.process.stdin.close()  # asks all of them to end
        for play in self.plays.values():
            play.stop()
        self.redis.close()
