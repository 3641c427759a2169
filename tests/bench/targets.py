"""What is measured: the floor, the peer, and the steps on daphne or on uvicorn."""

import contextlib
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.crowd import sign_in_crowd
from tests.support.site import Site
from tutorial.shared.messages import TutorialError
from tutorial.shared.ports import free_port, wait_until_it_answers
from tutorial.shared.processes import process_group
from tutorial.shared.steps import find_step

HERE = Path(__file__).parent
# The rooms of courses, which need no more than one, exist from step 03 on.
FIRST = "03"
COURSE = 1
# From step 15 on, a user may have so many sockets in a process.
SOCKETS = 20


@dataclass
class Running:
    """A server that runs: its process, its port, and what a handshake has to have."""

    process: subprocess.Popen
    port: int
    path: str = "/"
    cookies: list = field(default_factory=lambda: [""])


@contextlib.contextmanager
def running(name, redis_url, members):
    """Yield the Running server of the target `name`, for so many members.

    The names are floor, peer, the numbers of steps, as in 05 or 05-uvicorn, and the
    paths of folders, each a project like a step from 03 on.
    """
    if name == "floor":
        with serving(name, [HERE / "floor.py", "{port}"], HERE) as server:
            yield server
    elif name == "peer":
        command = ["-m", "uvicorn", "--port", "{port}", "peer:app"]
        with serving(name, command, HERE, REDIS_URL=redis_url) as server:
            yield server
    else:
        with step_running(name, redis_url, members) as server:
            yield server


@contextlib.contextmanager
def step_running(name, redis_url, members):
    """Yield the Running server of a copy of a step, whose users are signed in."""
    project = name.removesuffix("-uvicorn")
    path = Path(project)
    if not (path / "manage.py").is_file():
        path = path_of_step(project)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        site = Site(path, Path(folder, "copy"), redis_url)
        cookies = sign_in_crowd(site, "member", -(-members // SOCKETS), COURSE)
        with site.daphne() if name == project else site.uvicorn() as server:
            path = f"/ws/chat/room/{COURSE}/"
            yield Running(server.process, server.port, path, list(cookies.values()))


def path_of_step(name):
    """Return the folder of a step that can be measured, or raise TutorialError."""
    if name.isdigit() and (step := find_step(name)).number >= FIRST:
        return step.path
    raise TutorialError(
        f"{name!r} cannot be measured: name a project's folder or a step from {FIRST} "
        "on, as in 05 for daphne, or 05-uvicorn."
    )


@contextlib.contextmanager
def serving(name, command, folder, **variables):
    """Yield a Running server, started by `python` and this command, in `folder`."""
    port = free_port()
    command = [sys.executable, *(str(each).format(port=port) for each in command)]
    with process_group(
        command,
        cwd=folder,
        env=os.environ | variables,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        if not wait_until_it_answers(process, port):
            raise AssertionError(f"{name} does not start: {' '.join(command)}")
        yield Running(process, port)
