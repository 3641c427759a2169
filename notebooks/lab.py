"""What the notebooks share: a step to work in, people, servers, tables.

Whatever it creates (folders, servers, keys in Redis) is gone when the kernel ends.
"""

import asyncio
import atexit
import contextlib
import importlib
import os
import subprocess
import sys
import tempfile
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from shutil import copytree, ignore_patterns
from typing import NamedTuple

import psutil
import redis
from IPython.display import display

from tutorial.shared.ports import free_port, wait_until_it_answers
from tutorial.shared.processes import process_group
from tutorial.shared.steps import find_step
from tutorial.shared.valkey import answers, redis_url, without_password

REDIS_URL = redis_url()
# All keys of this kernel begin with it. Other keys are neither read nor deleted.
PREFIX = f"notebook-{uuid.uuid4().hex[:4]}:"

# With NOTEBOOKS=quick, which the tests set, the measurements are small.
QUICK = os.environ.get("NOTEBOOKS") == "quick"
# Seconds without a frame after which no more is expected. Tests run beside others.
SILENCE = 2 if QUICK else 0.3

# This runs in `manage.py shell`, and prints what a terminal would show.
TERMINAL = """
import code, sys
console, more = code.InteractiveConsole(dict(globals())), False
for line in sys.stdin:
    print("..." if more else ">>>", line, end="", flush=True)
    more = console.push(line.rstrip())
"""

at_end = contextlib.ExitStack()
atexit.register(at_end.close)


def use_step(name, demo_data=False):
    """Set Django up with a copy of the step called `name`, and change to its folder.

    With `demo_data` its database is filled as in the chapters. Raises RuntimeError for
    a second step in the same kernel, and if no Redis responds.
    """
    if "config.settings" in sys.modules:
        raise RuntimeError(
            "this kernel has already set up a step: choose Kernel, Restart Kernel."
        )
    if not answers(REDIS_URL):
        url = without_password(REDIS_URL)
        raise RuntimeError(f"no Redis responds at {url}: `tutorial redis` starts one.")
    at_end.callback(delete_keys)
    folder = copy_step(name)
    at_end.callback(os.chdir, os.getcwd())
    os.chdir(folder)
    sys.path.insert(0, str(folder))
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
    import django

    django.setup()
    if demo_data:
        # A loop runs in the kernel's own thread, where Django's ORM refuses to work.
        with ThreadPoolExecutor(1) as thread:
            thread.submit(load_demo_data).result()


def copy_step(name, prefix=PREFIX, add=None):
    """Return a new folder with a copy of the step called `name`.

    The keys of its layer begin with `prefix`. `add` is {path of a file: code to append
    to it}.
    """
    folder = Path(at_end.enter_context(tempfile.TemporaryDirectory())) / "step"
    copytree(find_step(name).path, folder, ignore=ignore_patterns("db.sqlite3"))
    # An event expires after an hour: a minute is too short for a reader.
    config = {"prefix": prefix, "expiry": 3600}
    setting = f'CHANNEL_LAYERS["default"]["CONFIG"] |= {config}\n'
    for path, code in [("config/settings.py", setting), *(add or {}).items()]:
        with (folder / path).open("a", encoding="utf-8") as file:
            file.write(code)
    return folder


def delete_keys():
    """Delete every key in Redis that begins with PREFIX."""
    with (
        contextlib.suppress(redis.ConnectionError),
        redis.Redis.from_url(REDIS_URL) as client,
    ):
        for key in client.scan_iter(f"{PREFIX}*"):
            client.delete(key)


def load_demo_data():
    """Create the database of the step, with its two courses and four people."""
    from django.core.management import call_command
    from django.db import connection

    call_command("migrate", verbosity=0)
    call_command("loaddata", "demo", verbosity=0)
    connection.close()


async def sign_in(name):
    """Sign in the demo user `name`, without a password; return the Cookie header."""
    from django.contrib.auth import get_user_model
    from django.test import AsyncClient

    client = AsyncClient()
    await client.aforce_login(await get_user_model().objects.aget(username=name))
    return f"sessionid={client.cookies['sessionid'].value}"


def consumers_of(name):
    """Return the module `chat.consumers` of any step, even of one not set up."""
    step = find_step(name)
    package = f"chat_{step.number}"
    if package not in sys.modules:
        file = step.path / "chat" / "__init__.py"
        spec = importlib.util.spec_from_file_location(package, file)
        sys.modules[package] = importlib.util.module_from_spec(spec)
    return importlib.import_module(f"{package}.consumers")


async def receive_soon(layer, channel, seconds=0.5):
    """Return the next event of `channel`, or None if none arrives in that time."""
    try:
        async with asyncio.timeout(seconds):
            return await layer.receive(channel)
    except TimeoutError:
        return None


def shell(lines):
    """Type `lines` into `manage.py shell`, and print what a terminal would show."""
    command = [sys.executable, "-u", "manage.py", "shell", "-c", TERMINAL]
    done = subprocess.run(
        command,
        input=lines.lstrip(),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    print(done.stdout)


class Server(NamedTuple):
    """A running daphne: "127.0.0.1:PORT", and its psutil.Process."""

    address: str
    process: psutil.Process


def serve(name, add=None):
    """Start daphne with the step called `name`; return a Server.

    It uses the database of the step that is set up, but has its own rooms. For `add`
    see copy_step(). Raises RuntimeError with daphne's output if it does not start.
    """
    from django.conf import settings

    port = free_port()
    database = str(settings.DATABASES["default"]["NAME"])
    setting = f'DATABASES["default"]["NAME"] = {database!r}\n'
    add = {"config/settings.py": setting, **(add or {})}
    folder = copy_step(name, f"{PREFIX}{port}:", add)
    log = at_end.enter_context((folder / "daphne.log").open("w+"))
    command = [sys.executable, "-m", "daphne", "-b", "127.0.0.1", "-p", str(port)]
    command.append("config.asgi:application")
    server = process_group(command, cwd=folder, stdout=log, stderr=log)
    server = at_end.enter_context(server)
    if not wait_until_it_answers(server, port):
        log.seek(0)
        raise RuntimeError(log.read())
    return Server(f"127.0.0.1:{port}", psutil.Process(server.pid))


def table(headings, rows):
    """Show a table; str() turns each cell into Markdown."""
    lines = [headings, ["---"] * len(headings), *rows]
    text = "\n".join(
        "| " + " | ".join(str(cell).replace("|", r"\|") for cell in line) + " |"
        for line in lines
    )
    display({"text/markdown": text}, raw=True)
