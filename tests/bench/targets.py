"""What is measured: the floor, the peer, and the steps on daphne or on uvicorn."""

import asyncio
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path

from tests.support.crowd import sign_in_crowd
from tests.support.deadline import DEADLINE
from tests.support.site import Site
from tests.support.usage import cpu_and_memory
from tutorial.shared.messages import TutorialError
from tutorial.shared.ports import free_port, wait_until_it_answers
from tutorial.shared.processes import process_group
from tutorial.shared.steps import find_step

HERE = Path(__file__).parent
# The rooms of courses, which need no more than one, exist from step 03 on.
FIRST = "03"
# From step 15 on, a user may have so many sockets in a process.
SOCKETS = 20
# Small programs to compare with: how each of them is started. One saves what is said.
PEER = ["-m", "uvicorn", "--port", "{port}", "peer:app"]
SAVING = "peer-saving"
SMALL = {
    "floor": [HERE / "floor.py", "{port}"],
    "peer": PEER,
    SAVING: PEER,
    "peer-daphne": ["-m", "daphne", "-p", "{port}", "peer:app"],
}
PAUSE = 0.5  # seconds in which a server must hardly compute, to be quiet


@dataclass(frozen=True)
class Load:
    """Who is there: `members` in each room, and in how many processes of the server.

    In the first room `joins` more come and go, and `stalled` more do not read.
    """

    members: int
    rooms: int = 1
    processes: int = 1
    joins: int = 0
    stalled: int = 0

    @property
    def sockets(self):
        return self.members * self.rooms + self.joins + self.stalled

    @property
    def users(self):
        """How many it takes; each of those who come and go is another one."""
        return -(-(self.sockets - self.joins) // SOCKETS) + self.joins

    def __str__(self):
        shown = {it: n for it, n in vars(self).items() if n != getattr(Load, it, None)}
        return ", ".join(f"{number} {it}" for it, number in shown.items())


@dataclass
class Running:
    """A server that runs: its processes, their ports, and what a handshake has to have.

    `path` is a room's, with {} for its number. The last of the `cookies` are for those
    who come and go.
    """

    processes: list
    ports: list
    path: str = "/{}"
    cookies: list = field(default_factory=lambda: [""])

    def seats(self, cookies):
        """Yield (port, Cookie header) without end, each of them in turn."""
        return zip(cycle(self.ports), cycle(cookies), strict=False)

    def usage(self):
        """Return the seconds that all have computed, and the bytes that they have."""
        used = [cpu_and_memory(process.pid) for process in self.processes]
        return sum(cpu for cpu, _ in used), sum(memory for _, memory in used)

    async def until_quiet(self):
        """Return when what the sockets have caused is done.

        Raises AssertionError if the server is busy until the deadline.
        """
        cpu, before = self.usage()[0], -1
        end = time.monotonic() + DEADLINE
        while cpu - before > PAUSE / 10:
            assert time.monotonic() < end, f"the server was busy for {DEADLINE} s"
            await asyncio.sleep(PAUSE)
            before, cpu = cpu, self.usage()[0]


@contextlib.contextmanager
def running(name, redis_url, load):
    """Yield the Running server of the target `name`, for a Load.

    The names are those of SMALL, the numbers of steps, as in 05 or 05-uvicorn, and the
    paths of folders, each a project like a step from 03 on.
    """
    with contextlib.ExitStack() as stack:
        if name in SMALL:
            variables = {"REDIS_URL": redis_url}
            if name == SAVING:
                folder = tempfile.TemporaryDirectory(prefix="bench-")
                variables["MESSAGES"] = f"{stack.enter_context(folder)}/db.sqlite3"
            servers = [
                stack.enter_context(serving(SMALL[name], **variables))
                for _ in range(load.processes)
            ]
            yield Running(*zip(*servers, strict=True))
        else:
            yield stack.enter_context(step_running(name, redis_url, load))


@contextlib.contextmanager
def step_running(name, redis_url, load):
    """Yield the Running server of a copy of a step, whose users are signed in."""
    path, serves_daphne = project_of(name)
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-"))
        site = Site(path, Path(folder, "copy"), redis_url)
        cookies = sign_in_crowd(site, "member", load.users, load.rooms)
        serve = site.daphne if serves_daphne else site.uvicorn
        # As on a real server: with DEBUG, Django formats each query and keeps it.
        servers = [
            stack.enter_context(serve(DEBUG="off")) for _ in range(load.processes)
        ]
        yield Running(
            [server.process for server in servers],
            [server.port for server in servers],
            "/ws/chat/room/{}/",
            list(cookies.values()),
        )


def project_of(name):
    """Return the folder of a target that is not small, and whether daphne serves it.

    Raises TutorialError if there is none that can be measured.
    """
    project = name.removesuffix("-uvicorn")
    path = Path(project)
    if not (path / "manage.py").is_file():
        path = path_of_step(project)
    elif not has_layer(path / "config/settings.py"):
        raise TutorialError(
            f"{project} cannot be measured: its settings have no CHANNEL_LAYERS. Name "
            f"a folder in which you have followed the chapters up to {FIRST}."
        )
    return path, name == project


def has_layer(settings):
    """Return whether a file is there and configures a channel layer."""
    return settings.is_file() and b"\nCHANNEL_LAYERS" in settings.read_bytes()


def path_of_step(name):
    """Return the folder of a step that can be measured, or raise TutorialError."""
    if name.isdigit() and (step := find_step(name)).number >= FIRST:
        return step.path
    raise TutorialError(
        f"{name!r} cannot be measured: name a project's folder or a step from {FIRST} "
        "on, as in 05 for daphne, or 05-uvicorn."
    )


@contextlib.contextmanager
def serving(command, **variables):
    """Yield (process, port) of a server here, started by `python` and this command."""
    port = free_port()
    command = [sys.executable, *(str(each).format(port=port) for each in command)]
    with process_group(
        command,
        cwd=HERE,
        env=os.environ | variables,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        if not wait_until_it_answers(process, port):
            raise AssertionError(f"it does not start: {' '.join(command)}")
        yield process, port
