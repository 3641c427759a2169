"""How long it takes until all are back: `python -m tests.measure.everybody_back`.

Run it by hand, with the number of pages: 500, for example. Step 18 runs as deploy/start
runs it: two daphnes behind NGINX. Each page is a real socket over TLS, of a user and
a session of its own, in a room of 30, and behaves as room.js does: its heartbeats, its
waits, its request for the page when a handshake has failed. Then both daphnes are
killed, somebody in each room writes a message, and supervisor starts the servers again.

Each room has an address of its own, 127.x.y.z, because NGINX counts by addresses. More
than 2,000 pages get more connections and open files than the step's own settings allow.
"""

import asyncio
import json
import multiprocessing
import os
import random
import re
import resource
import secrets
import signal
import socket
import statistics
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

from tutorial.shared.ports import any_certificate
from tutorial.shared.steps import find_step

STEP, IN_A_ROOM, CLIENTS = "18", 30, 4
# How many pages of a client open together at the beginning.
TOGETHER = 4
# What the step's own limits allow.
ITS_OWN = 2000
PATIENCE = 200  # seconds
SIGN_IN = """
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth import get_user_model
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from datetime import timedelta
from django.utils import timezone
User = get_user_model()
names = [f"student-{{number}}" for number in range({count})]
users = User.objects.bulk_create(User(username=name, password="!") for name in names)
expiry = timezone.now() + timedelta(days=1)
store, sessions = SessionStore(), []
for user in users:
    content = {{
        SESSION_KEY: str(user.pk),
        BACKEND_SESSION_KEY: "django.contrib.auth.backends.ModelBackend",
        HASH_SESSION_KEY: user.get_session_auth_hash(),
    }}
    key, data = f"{{user.pk:032}}", store.encode(content)
    sessions.append(Session(session_key=key, session_data=data, expire_date=expiry))
Session.objects.bulk_create(sessions)
print(users[0].pk)
"""


class Page:
    """The page of a room, open in somebody's browser; it does what room.js does."""

    def __init__(self, port, ssl, number, first_id):
        room = number // IN_A_ROOM
        self.address = f"127.0.{1 + room // 250}.{1 + room % 250}"
        self.port, self.ssl = port, ssl
        self.path = f"/chat/crowd-{room}/"
        self.headers = (
            f"Host: localhost:{port}\r\nOrigin: https://localhost:{port}\r\n"
            f"Cookie: sessionid={first_id + number:032}\r\n"
        )
        self.writes = number % IN_A_ROOM == 0
        self.text = f"We are away, in room {room}"
        self.failures = self.attempts = 0
        self.outbox, self.writer = None, None
        self.entered, self.entered_at = False, 0
        self.row, self.texts, self.seen = 0, set(), Counter()
        self.news = asyncio.Event()

    async def live(self):
        while True:
            self.attempts += 1
            self.silent, self.opened, self.entered = 0, False, False
            tasks = [asyncio.create_task(each()) for each in (self.read, self.beat)]
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            silent = not tasks[0].done()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self.entered = False
            if self.writer:
                self.writer.transport.abort()
                self.writer = None
            if silent:
                self.seen["silent" if self.opened else "no answer"] += 1
            elif not self.opened:
                await self.ask_for_the_page()
            wait = random.random() * min(30, 5 * 2**self.failures)
            self.failures += 1
            await asyncio.sleep(wait)

    async def connect(self, request):
        """Send the head of a request; return a reader and a writer."""
        own = socket.socket()
        # Otherwise no server could listen on this port, on any address.
        own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        own.setblocking(False)
        try:
            own.bind((self.address, 0))
            await asyncio.get_running_loop().sock_connect(own, ("127.0.0.1", self.port))
            reader, writer = await asyncio.open_connection(
                sock=own, ssl=self.ssl, server_hostname="localhost"
            )
        except BaseException:
            own.close()
            raise
        writer.write(f"{request}\r\n{self.headers}\r\n".encode())
        return reader, writer

    async def ask_for_the_page(self):
        writer = None
        with suppress(OSError, TimeoutError, asyncio.IncompleteReadError):
            async with asyncio.timeout(5):
                request = f"HEAD {self.path} HTTP/1.1\r\nConnection: close"
                reader, writer = await self.connect(request)
                status = (await reader.readuntil(b"\r\n")).split()[1].decode()
                self.seen[f"page {status}"] += 1
        if writer:
            writer.transport.abort()

    async def beat(self):
        while True:
            await asyncio.sleep(5)
            self.silent += 1
            if self.silent > 2:
                return
            if self.entered:
                self.send({"after": self.row})

    def send(self, content):
        """Send a masked frame of text; the mask is 0, so it changes nothing."""
        data = json.dumps(content).encode()
        self.writer.write(bytes([0x81, 0x80 | len(data), 0, 0, 0, 0]) + data)

    async def read(self):
        """Shake hands, and read the frames until the socket is closed."""
        key = "dGhlIHNhbXBsZSBub25jZQ=="
        try:
            reader, self.writer = await self.connect(
                f"GET /ws{self.path} HTTP/1.1\r\nConnection: Upgrade\r\n"
                f"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                f"Sec-WebSocket-Key: {key}"
            )
            status = (await reader.readuntil(b"\r\n\r\n")).split()[1].decode()
            self.seen[status] += 1
            if status != "101":
                return
            self.opened = True
            while True:
                head = await reader.readexactly(2)
                length = head[1]
                if length > 125:
                    size = 2 if length == 126 else 8
                    length = int.from_bytes(await reader.readexactly(size), "big")
                data = await reader.readexactly(length)
                if head[0] == 0x88:
                    self.seen[f"closed {int.from_bytes(data[:2], 'big')}"] += 1
                    return
                if head[0] == 0x81:
                    self.receive(json.loads(data))
        except (OSError, asyncio.IncompleteReadError) as error:
            self.seen["cut" if self.opened else type(error).__name__] += 1

    def receive(self, frame):
        self.failures = self.silent = 0
        if frame.get("type") == "chat.history":
            self.take(frame["messages"])
            if not self.entered:
                self.entered, self.entered_at = True, time.monotonic()
                self.send_draft()
        elif frame.get("type") == "chat.message":
            self.take([frame])
            if frame.get("key") == "draft":
                self.outbox = None
        elif "error" in frame:
            self.seen[frame["error"]] += 1
        self.news.set()

    def take(self, messages):
        for message in messages:
            self.texts.add(message["message"])
            if message["number"] == self.row + 1:
                self.row += 1

    def write(self):
        self.outbox = self.text
        self.send_draft()

    def send_draft(self):
        if self.outbox and self.entered:
            self.send({"message": self.outbox, "key": "draft"})

    async def until(self, holds):
        while not holds():
            self.news.clear()
            await self.news.wait()


async def in_time(pages, holds):
    """Wait until `holds(page)` for all pages; return of how many it does not hold."""
    waits = [page.until(lambda page=page: holds(page)) for page in pages]
    with suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(*waits)
    return sum(not holds(page) for page in pages)


async def client(pipe, port, numbers, first_id):
    """A process with some of the pages; it does what comes through the pipe."""
    ssl = any_certificate()
    pages = [Page(port, ssl, number, first_id) for number in numbers]
    turn, tasks = asyncio.Semaphore(TOGETHER), []

    async def open_page(page):
        async with turn:
            tasks.append(asyncio.create_task(page.live()))
            await page.until(lambda: page.entered_at)

    opening = asyncio.gather(*map(open_page, pages), return_exceptions=True)
    with suppress(TimeoutError):
        await asyncio.wait_for(opening, PATIENCE)
    pipe.send(sum(page.entered for page in pages))
    await asyncio.to_thread(pipe.recv)  # they are about to be killed
    before = Counter()
    for page in pages:
        before += page.seen
        page.attempts, page.seen = 0, Counter()
    pipe.send(before)
    killed = await asyncio.to_thread(pipe.recv)
    for page in pages:
        if page.writes:
            page.write()
    away = await in_time(pages, lambda page: page.entered_at > killed)
    pipe.send(away)
    missing = await in_time(pages, lambda page: page.text in page.texts)
    now = Counter(page.entered for page in pages)
    seen = sum((page.seen for page in pages), Counter())
    times = [page.entered_at - killed for page in pages if page.entered_at > killed]
    pipe.send((missing, now[True], seen, times, [page.attempts for page in pages]))
    for task in tasks:
        task.cancel()


def run_client(*arguments):
    asyncio.run(client(*arguments))


def used(pid):
    """Return the CPU seconds of a process until now, and its peak of memory in MB."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    seconds = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    status = Path(f"/proc/{pid}/status").read_text()
    return seconds, int(status.partition("VmHWM:")[2].split()[0]) / 1024


def children_of(pid):
    task = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in task.read_text().split()]


def errors_of(lines):
    """Return what the servers have logged as errors, without times and numbers."""
    return [re.sub(r"\d+", "N", line)[24:200] for line in lines if " ERROR " in line]


def raise_limits(folder, count):
    """Allow NGINX and the others more than the step's 2,000 sockets."""
    for name, old, new in (
        ("nginx.conf", "worker_connections 4096", f"worker_connections {3 * count}"),
        ("supervisord.conf", "minfds = 8192", f"minfds = {3 * count}"),
    ):
        path = folder / "deploy" / name
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))


def measure(site, server, count, first_id):
    names = ("daphne:daphne0", "daphne:daphne1", "nginx")
    pids = {name: int(server.control("pid", name)) for name in names}
    spawn = multiprocessing.get_context("spawn")
    pipes, processes = [], []
    rooms = range(-(-count // IN_A_ROOM))
    for number in range(CLIENTS):
        numbers = [
            page
            for room in rooms[number::CLIENTS]
            for page in range(room * IN_A_ROOM, min(count, (room + 1) * IN_A_ROOM))
        ]
        ours, theirs = spawn.Pipe()
        arguments = (theirs, server.port, numbers, first_id)
        processes.append(spawn.Process(target=run_client, args=arguments))
        processes[-1].start()
        pipes.append(ours)
    try:
        start = time.monotonic()
        opened = sum(pipe.recv() for pipe in pipes)
        print(f"{opened} of {count} are open after {time.monotonic() - start:.0f} s")
        if opened < count:
            return print("This is more than the two servers can hold here.")
        for pipe in pipes:
            pipe.send("soon")
        seen = sum((pipe.recv() for pipe in pipes), Counter())
        print("until then:", dict(seen))
        workers = {pid: used(pid)[0] for pid in children_of(pids["nginx"])}
        for name in names[:2]:
            print(f"{name}: {used(pids[name])[1]:.0f} MB at most, before")
            os.kill(pids[name], signal.SIGKILL)
        killed = time.monotonic()
        for pipe in pipes:
            pipe.send(killed)
        away = sum(pipe.recv() for pipe in pipes)
        for name in names[:2]:
            seconds, memory = used(int(server.control("pid", name)))
            print(f"{name}: {seconds:.1f} s CPU, {memory:.0f} MB at most, since")
        for pid, before in workers.items():
            seconds, memory = used(pid)
            print(f"nginx: {seconds - before:.1f} s CPU, {memory:.0f} MB at most")
        missing, here, all_seen, times, attempts = 0, 0, Counter(), [], []
        for pipe in pipes:
            each = pipe.recv()
            missing, here = missing + each[0], here + each[1]
            all_seen += each[2]
            times += each[3]
            attempts += each[4]
        times.sort()
        for share in (0.5, 0.95, 1):
            print(f"{share:.0%} back after {times[int(share * len(times)) - 1]:.1f} s")
        print(f"{away} were not back within {PATIENCE} s; {here} are in at the end")
        print(f"attempts: {statistics.mean(attempts):.2f}, at most {max(attempts)}")
        print("what the pages saw:", dict(all_seen))
        print(f"{missing} of {count} pages lack their room's message")
        for line, times in Counter(errors_of(server.lines)).most_common(10):
            print(f"{times} times: {line}")
    finally:
        for process in processes:
            process.terminate()
            process.join()


def main(count):
    from tests.support.site import Site
    from tests.support.valkey import url_of, valkey

    # Whoever ends it, by Ctrl-C or SIGTERM, ends the servers, too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    os.environ["SECRET_KEY"] = secrets.token_urlsafe(50)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with tempfile.TemporaryDirectory(prefix="all-") as folder, valkey() as redis:
        site = Site(find_step(STEP).path, Path(folder, "site"), url_of(redis))
        if count > ITS_OWN:
            raise_limits(site.folder, count)
        source = SIGN_IN.format(count=count)
        status, said = site.run("manage.py", "shell", "-v", "0", "-c", source)
        assert status == 0, said
        with site.deployed() as server:
            measure(site, server, count, int(said))


if __name__ == "__main__":
    main(int(sys.argv[1]))
