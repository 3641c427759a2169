"""A real PostgreSQL for the tests, in a folder of its own."""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import pytest

from .deadline import DEADLINE
from .starting import wait_for_line

USER, DATABASE = "chat", "chat"
# Where Debian has the programs of the server, which are not in PATH.
FOLDERS = "/usr/lib/postgresql/*/bin"
MISSING = "There is no PostgreSQL: on Debian, apt install postgresql."
# Nothing has to survive these tests.
OPTIONS = ["-c", "listen_addresses=", "-c", "fsync=off", "-c", "full_page_writes=off"]


def programs():
    """Return the folder with PostgreSQL's `initdb` and `postgres`, or None."""
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    folders = sorted(Path("/").glob(FOLDERS.lstrip("/")))
    return next((it for it in reversed(folders) if (it / "initdb").exists()), None)


@contextlib.contextmanager
def postgresql():
    """Yield the variables that lead to a running PostgreSQL with an empty database.

    It listens at a Unix socket only. It refuses to run as root, so then it runs as the
    user `postgres`, which its package has made. Skips the test if there is none; fails
    it if CI is set.
    """
    if not programs():
        pytest.fail(MISSING) if "CI" in os.environ else pytest.skip(MISSING)
    # In /tmp: another user must reach it, and a socket's path has 107 bytes at most.
    folder = tempfile.mkdtemp(prefix="postgresql-", dir="/tmp")
    user = "postgres" if os.geteuid() == 0 else None
    try:
        if user:
            shutil.chown(folder, user)
        data = f"{folder}/data"
        command = [programs() / "initdb", "--no-sync", "--auth=trust", "-U", USER]
        command += ["--locale=C", "--encoding=UTF8", data]
        subprocess.run(command, cwd=folder, user=user, check=True, capture_output=True)
        with running(data, folder, user):
            variables = {"PGHOST": folder, "PGUSER": USER, "PGDATABASE": DATABASE}
            command = [programs() / "createdb", DATABASE]
            subprocess.run(command, env=os.environ | variables, check=True)
            yield variables
    finally:
        shutil.rmtree(folder)


@contextlib.contextmanager
def running(data, folder, user):
    """PostgreSQL runs during the block, and listens at a socket in `folder`."""
    command = [programs() / "postgres", "-D", data, "-k", folder, *OPTIONS]
    server = subprocess.Popen(
        command,
        cwd=folder,
        user=user,
        # In another language it would say something else when it is ready.
        env=os.environ | {"LC_ALL": "C"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        wait_for_line(server, "ready to accept connections")
        yield
    finally:
        server.send_signal(signal.SIGINT)  # without waiting for open connections
        server.wait(DEADLINE)
