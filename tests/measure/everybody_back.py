"""How long it takes until all are back: `python -m tests.measure.everybody_back`.

Run it by hand, with the number of pages: 500, for example. Step 18 runs as deploy/start
runs it: two daphnes behind NGINX. Each page is a real socket over TLS, of a user and
a session of its own, in a room of 30, and behaves as room.js does: its heartbeats, its
waits, its request for the page when a handshake has failed. Then both daphnes are
killed, somebody in each room writes a message, and supervisor starts the servers again.

With `--without-jitter` all pages wait for the same time, not for a part of it that each
has chosen at random. `--patience` is how many seconds each phase may take.

Each room has an address of its own, 127.x.y.z, because NGINX counts by addresses. More
than 2,000 pages get more connections and open files than the step's own settings allow.
"""

import argparse
import asyncio
import multiprocessing
import os
import re
import resource
import signal
import statistics
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

from tests.support.crowd import sign_in_crowd
from tests.support.site import Site
from tests.support.valkey import url_of, valkey
from tutorial.shared.ports import any_certificate
from tutorial.shared.steps import find_step

from .page import IN_A_ROOM, Page

STEP, CLIENTS = "18", 4
# How many pages of a client open together at the beginning.
TOGETHER = 4
# What the step's own limits allow.
ITS_OWN = 2000


async def in_time(pages, holds, patience):
    """Wait until `holds(page)` for all pages; return of how many it does not hold."""
    waits = [page.until(lambda page=page: holds(page)) for page in pages]
    with suppress(TimeoutError):
        async with asyncio.timeout(patience):
            await asyncio.gather(*waits)
    return sum(not holds(page) for page in pages)


async def client(pipe, port, cookies, options):
    """A process with some of the pages; it does what comes through the pipe.

    `cookies` are {number of a page: its Cookie header}.
    """
    ssl, patience = any_certificate(), options.patience
    pages = [
        Page(port, ssl, number, cookie, options.jitter)
        for number, cookie in cookies.items()
    ]
    turn, tasks = asyncio.Semaphore(TOGETHER), []

    async def open_page(page):
        async with turn:
            tasks.append(asyncio.create_task(page.live()))
            await page.until(lambda: page.entered_at)

    opening = asyncio.gather(*map(open_page, pages), return_exceptions=True)
    with suppress(TimeoutError):
        await asyncio.wait_for(opening, patience)
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
    away = await in_time(pages, lambda page: page.entered_at > killed, patience)
    pipe.send(away)
    missing = await in_time(pages, lambda page: page.text in page.texts, patience)
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


def measure(server, cookies, options):
    count = len(cookies)
    names = ("daphne:daphne0", "daphne:daphne1", "nginx")
    pids = {name: int(server.control("pid", name)) for name in names}
    spawn = multiprocessing.get_context("spawn")
    pipes, processes = [], []
    rooms = range(-(-count // IN_A_ROOM))
    for number in range(CLIENTS):
        own = {
            page: cookies[page]
            for room in rooms[number::CLIENTS]
            for page in range(room * IN_A_ROOM, min(count, (room + 1) * IN_A_ROOM))
        }
        ours, theirs = spawn.Pipe()
        arguments = (theirs, server.port, own, options)
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
        print(f"{away} were not back within {options.patience:.0f} s")
        print(f"{here} are in at the end")
        print(f"attempts: {statistics.mean(attempts):.2f}, at most {max(attempts)}")
        print("what the pages saw:", dict(all_seen))
        print(f"{missing} of {count} pages lack their room's message")
        for line, times in Counter(errors_of(server.lines)).most_common(10):
            print(f"{times} times: {line}")
    finally:
        for process in processes:
            process.terminate()
            process.join()


def parse(arguments):
    """Return the options, from the words of a command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.measure.everybody_back")
    parser.add_argument("count", type=int, help="how many pages, for example 500")
    add = parser.add_argument
    add("--patience", type=float, default=200, help="seconds for each phase")
    add("--without-jitter", dest="jitter", action="store_false", help="wait equally")
    return parser.parse_args(arguments)


def main(options):
    count = options.count
    # Whoever ends it, by Ctrl-C or SIGTERM, ends the servers, too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with tempfile.TemporaryDirectory(prefix="all-") as folder, valkey() as redis:
        site = Site(find_step(STEP).path, Path(folder, "site"), url_of(redis))
        if count > ITS_OWN:
            raise_limits(site.folder, count)
        cookies = list(sign_in_crowd(site, "student", count).values())
        with site.deployed() as server:
            measure(server, cookies, options)


if __name__ == "__main__":
    main(parse(sys.argv[1:]))
