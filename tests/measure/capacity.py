"""What many sockets cost: `python -m tests.measure.capacity --processes 2`.

Starts the last step behind NGINX, with so many servers, opens sockets in rooms of fifty
people, and prints the memory, the CPU time and the open files of each program: without
sockets, while the sockets are silent, while each sends the page's heartbeat, and while
people write. Only the programs' own CPU time counts, so other work on the machine
disturbs little. Needs Linux, NGINX and psutil; `--help` names the options.
"""

import argparse
import asyncio
import contextlib
import json
import os
import re
import resource
import tempfile
import time
import urllib.request
from collections import Counter
from pathlib import Path

import psutil
from prometheus_client.parser import text_string_to_metric_families
from websockets.asyncio.client import connect

from tests.support.crowd import sign_in_crowd
from tests.support.site import Site
from tests.support.valkey import pid_of, url_of, valkey
from tutorial.shared.steps import all_steps

ROOM, HEARTBEAT = 50, 5  # people in a room, seconds between two heartbeats
AT_ONCE = 20  # handshakes
# Of these addresses, which are all this machine, NGINX allows a thousand each.
FROM_ONE_ADDRESS = 250
COMMANDS = {
    "daphne": None,
    "uvicorn": "uvicorn --uds run/daphne%(process_num)d.sock --backlog 1024 "
    "--forwarded-allow-ips=* --ws-max-size 1048576 --lifespan off {} "
    "config.asgi:application",
}


def options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--server", choices=COMMANDS, default="daphne")
    parser.add_argument("--more", default="", help="options of uvicorn")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--sockets", type=int, default=1000)
    parser.add_argument("--seconds", type=int, default=60, help="for each phase")
    parser.add_argument("--writes", type=float, default=5, help="messages a second")
    return parser.parse_args()


def configure(folder, chosen):
    """Change deploy/ in `folder` to so many processes of the chosen server."""
    file = folder / "deploy/supervisord.conf"
    text = re.sub(r"numprocs = \d+", f"numprocs = {chosen.processes}", file.read_text())
    if command := COMMANDS[chosen.server]:
        command = f"command = {command.format(chosen.more)}"
        text = re.sub("command = daphne.*", lambda _: command, text)
    file.write_text(text)
    file = folder / "deploy/nginx.conf"
    lines = [
        f"        server unix:run/daphne{n}.sock max_fails=0;"
        for n in range(chosen.processes)
    ]
    old = r"( +server unix:run/daphne\d\.sock max_fails=0;\n)+"
    text = re.sub(old, "\n".join(lines) + "\n", file.read_text())
    # Two for each socket, and some for those who are just coming.
    connections = f"worker_connections {2 * chosen.sockets + 1000};"
    file.write_text(re.sub("worker_connections 4096;", connections, text))


class Programs:
    """The processes of a site: {name: its psutil.Processes}."""

    def __init__(self, server, chosen, redis):
        names = [f"daphne{n}" for n in range(chosen.processes)]
        pids = {name: int(server.control("pid", f"daphne:{name}")) for name in names}
        self.groups = {name: [psutil.Process(pid)] for name, pid in pids.items()}
        nginx = psutil.Process(int(server.control("pid", "nginx")))
        self.groups["nginx"] = [nginx, *nginx.children()]
        self.groups["redis"] = [redis]

    def cpu(self):
        """Return {name: CPU time in seconds}."""
        return {
            name: sum(sum(one.cpu_times()[:2]) for one in group)
            for name, group in self.groups.items()
        }

    def table(self, title, before, start):
        """Print a line for each program: what it has and has used since `start`."""
        passed = time.monotonic() - start
        print(f"\n{title} ({passed:.0f} s)")
        now = self.cpu()
        for name, group in self.groups.items():
            memory = sum(one.memory_info().rss for one in group) / 1e6
            files = sum(one.num_fds() for one in group)
            used = (now[name] - before[name]) / passed * 100
            print(f"  {name:8} {memory:7.1f} MB {files:6} files {used:6.1f} % CPU")
        print(f"  load of the machine: {os.getloadavg()[0]:.1f}", flush=True)

    def each(self, what, before, number):
        """Print how much CPU time one of a number of things has taken."""
        now = self.cpu()
        used = Counter()
        for name in self.groups:
            used[name.rstrip("0123456789")] += now[name] - before[name]
        times = (f"{name} {1000 * used[name] / number:.2f} ms" for name in used)
        print(f"  {number} {what}, each: {', '.join(times)}", flush=True)

    async def until_quiet(self):
        """Return when what the new sockets have caused is done."""
        before, used = 1000, 100
        while used < 0.8 * before:
            before, start = used, sum(self.cpu().values())
            await asyncio.sleep(5)
            used = sum(self.cpu().values()) - start


class Person:
    """A socket whose client does what the page does; `heard` are frames."""

    def __init__(self, number, server, cookie):
        self.number, self.server, self.cookie = number, server, cookie
        self.row = self.beats = self.answers = self.messages = 0

    async def enter(self):
        room = f"/ws/chat/room-{self.number // ROOM}/"
        source = f"127.0.0.{2 + self.number // FROM_ONE_ADDRESS}"
        self.connection = await connect(
            f"wss://127.0.0.1:{self.server.port}{room}",
            ssl=self.server.ssl,
            server_hostname="localhost",
            origin=self.server.url,
            additional_headers={"Cookie": self.cookie},
            host="127.0.0.1",
            local_addr=(source, 0),
            proxy=None,
            open_timeout=60,
            close_timeout=1,
            ping_interval=None,
        )
        self.reading = asyncio.create_task(self._read())

    async def _read(self):
        with contextlib.suppress(Exception):
            async for text in self.connection:
                frame = json.loads(text)
                self.answers += frame["type"] == "chat.history"
                self.messages += frame["type"] == "chat.message"
                for message in frame.get("messages", [frame]):
                    self.row = max(self.row, message.get("number", 0))

    async def beat(self, seconds):
        """Send heartbeats, beginning at a moment of one's own, as pages do."""
        end = time.monotonic() + seconds
        await asyncio.sleep(HEARTBEAT * (self.number * 0.618 % 1))
        while (left := end - time.monotonic()) > 0:
            self.beats += 1
            await self.connection.send(json.dumps({"after": self.row}))
            await asyncio.sleep(min(HEARTBEAT, left))


async def write(people, seconds, rate):
    """Let somebody write, `rate` times a second, each time in another room."""
    for n in range(int(seconds * rate)):
        writer = people[n * ROOM % len(people)]
        frame = {"message": f"Message {n}", "key": f"key-{n}"}
        await writer.connection.send(json.dumps(frame))
        await asyncio.sleep(1 / rate)


def message_seconds(server):
    """Return (number of messages, seconds of all) as /metrics/ tells them."""
    total = [0, 0]
    for name in ("daphne0", "daphne1"):
        url = f"http://127.0.0.1:{server.metrics_port}/{name}"
        with contextlib.suppress(OSError):
            with urllib.request.urlopen(url) as page:
                text = page.read().decode()
            for family in text_string_to_metric_families(text):
                for sample in family.samples:
                    for index, end in enumerate(("_count", "_sum")):
                        if sample.name == f"chat_message_seconds{end}":
                            total[index] += sample.value
    return total


async def measure(server, chosen, cookies, redis):
    people = [Person(n, server, cookie) for n, cookie in enumerate(cookies)]
    programs = Programs(server, chosen, redis)
    for _ in range(20 * chosen.processes):
        server.open("/accounts/login/").read()
    programs.table("Without sockets", programs.cpu(), time.monotonic() - 1)

    door = asyncio.Semaphore(AT_ONCE)

    async def enter(person):
        async with door:
            await person.enter()

    before, start = programs.cpu(), time.monotonic()
    await asyncio.gather(*map(enter, people))
    programs.table(f"{len(people)} sockets connect", before, start)
    await programs.until_quiet()

    before, start = programs.cpu(), time.monotonic()
    await asyncio.sleep(chosen.seconds / 2)
    programs.table("Silent", before, start)

    before, start = programs.cpu(), time.monotonic()
    for person in people:
        person.answers = 0
    await asyncio.gather(*(person.beat(chosen.seconds) for person in people))
    programs.table("With heartbeats", before, start)
    beats = sum(person.beats for person in people)
    answers = sum(person.answers for person in people)
    programs.each(f"of {beats} heartbeats answered", before, answers)
    await programs.until_quiet()

    before, start = programs.cpu(), time.monotonic()
    counted = message_seconds(server)
    for person in people:
        person.messages = 0
    await write(people, chosen.seconds / 2, chosen.writes)
    programs.table("Messages", before, start)
    await programs.until_quiet()
    number, seconds = (
        b - a for a, b in zip(counted, message_seconds(server), strict=True)
    )
    delivered = sum(person.messages for person in people)
    programs.each("deliveries", before, max(delivered, 1))
    print(f"  {number:.0f} messages, {1000 * seconds / max(number, 1):.0f} ms each")

    open_still = sum(not person.reading.done() for person in people)
    print(f"  sockets that are still open: {open_still}", flush=True)
    for person in people:
        person.reading.cancel()
        person.connection.transport.abort()


def main():
    chosen = options()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    step = all_steps()[-1]
    with tempfile.TemporaryDirectory(prefix="site-") as home, valkey() as redis:
        site = Site(step.path, Path(home, "copy"), url_of(redis))
        cookies = list(sign_in_crowd(site, "person", chosen.sockets).values())
        configure(site.folder, chosen)
        print(f"{chosen.processes} {chosen.server} {chosen.more}, step {step.number}")
        with site.deployed() as server:
            process = psutil.Process(pid_of(redis))
            try:
                asyncio.run(measure(server, chosen, cookies, process))
            except OSError:
                print(*server.lines[-20:], sep="\n")
                raise


if __name__ == "__main__":
    main()
