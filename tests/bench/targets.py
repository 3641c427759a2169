"""What is measured: the floor, the peer, and the steps on daphne or on uvicorn."""

import contextlib
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.folders import copy_folder
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
SIGN_IN = """
from django.contrib.auth import get_user_model
from django.test import Client
from courses.models import Course
course = Course.objects.get(id={course})
for number in range({count}):
    user = get_user_model().objects.create(username=f"member {{number}}")
    course.students.add(user)
    client = Client()
    client.force_login(user)
    print("sessionid=" + client.cookies["sessionid"].value)
"""


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

    The names are floor, peer, and the numbers of steps, as in 05 or 05-uvicorn.
    """
    if name == "floor":
        with serving(name, [HERE / "floor.py", "{port}"], HERE) as server:
            yield server
    elif name == "peer":
        command = [*UVICORN, "peer:app"]
        with serving(name, command, HERE, REDIS_URL=redis_url) as server:
            yield server
    else:
        with step_running(name, redis_url, members) as server:
            yield server


UVICORN = ["-m", "uvicorn", "--log-level", "warning", "--port", "{port}"]
DAPHNE = ["-m", "daphne", "-v", "0", "-p", "{port}"]
SERVERS = {"": DAPHNE, "uvicorn": UVICORN}


@contextlib.contextmanager
def step_running(name, redis_url, members):
    """Yield the Running server of a copy of a step, whose users are signed in."""
    number, _, program = name.partition("-")
    step = find_step(number)
    if step.number < FIRST or program not in SERVERS:
        raise TutorialError(
            f"{name!r} cannot be measured: name a step from {FIRST} on, as in 05 for "
            "daphne, or 05-uvicorn."
        )
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        project = copy_folder(step.path, Path(folder, "project"))
        run_python(project, "-m", "tutorial.shared.prepare")
        source = SIGN_IN.format(course=COURSE, count=-(-members // SOCKETS))
        said = run_python(project, "manage.py", "shell", "-v", "0", "-c", source)
        command = [*SERVERS[program], "config.asgi:application"]
        with serving(name, command, project, REDIS_URL=redis_url) as running:
            running.path = f"/ws/chat/room/{COURSE}/"
            running.cookies = said.split()
            yield running


def run_python(folder, *command):
    """Run `python` in a folder; return what it printed."""
    command = [sys.executable, *command]
    return subprocess.run(
        command, cwd=folder, check=True, capture_output=True, text=True
    ).stdout


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
