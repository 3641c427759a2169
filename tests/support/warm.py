"""A warm Python: processes that begin with what every step imports.

`python manage.py check` needs a second of computing, nine tenths of it to import
Django, Twisted and the like. Here one process, `tests.support.forks`, has imported them
and forks: the same command, in a process of its own, in a fifth of the time. It is
started by whoever needs it first, and told to all below by the variable WARM_PYTHON.
"""

import atexit
import contextlib
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from tutorial.shared.steps import ROOT

_running = set()
_interrupted = threading.Event()


def address():
    """Return the path of the server's socket; start the server if there is none."""
    if not os.environ.get("WARM_PYTHON"):
        folder = tempfile.mkdtemp(prefix="warm-")
        path = str(Path(folder, "socket"))
        server = subprocess.Popen(
            [sys.executable, "-m", "tests.support.forks", path],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # Ctrl-C is for those who ask: they decide what ends.
            start_new_session=True,
        )
        atexit.register(_end, server, folder)
        server.stdout.readline()
        os.environ["WARM_PYTHON"] = path
    return os.environ["WARM_PYTHON"]


def executable():
    """Return a program that runs as `python` does: its work is done by a warm one."""
    path = Path(address()).with_name("python")
    if not path.exists():
        launcher = Path(__file__).with_name("launcher.py")
        # Another part of the tests may make it at the same time, or use it already.
        new = path.with_name(f"python-{os.getpid()}")
        new.write_text(
            f"#!/bin/sh\nexport WARM_PYTHON={address()}\n"
            f'exec {sys.executable} -IS {launcher} "$@"\n'
        )
        new.chmod(0o755)
        new.replace(path)
    return str(path)


def _end(server, folder):
    server.stdin.close()
    server.wait()
    server.stdout.close()
    shutil.rmtree(folder)


class Python:
    """`python` with these arguments, in `folder`, with the environment `env`.

    Has the part of subprocess.Popen's interface that the tests use. `stdin` and
    `stdout` are text files; what goes to stderr comes out of `stdout`, too. The process
    leads a group of its own. `computed`, in seconds, is known when it has ended.
    """

    def __init__(self, arguments, folder, env):
        self.args = arguments
        self._status = self.computed = None
        stdin, own_stdin = os.pipe()
        own_stdout, stdout = os.pipe()
        self._server = socket.socket(socket.AF_UNIX)
        self._server.connect(address())
        socket.send_fds(self._server, [b" "], [stdin, stdout, stdout])
        request = json.dumps([list(arguments), str(folder), dict(env)])
        self._server.sendall(f"{request}\n".encode())
        os.close(stdin)
        os.close(stdout)
        self._answers = self._server.makefile()
        self.pid = int(self._answers.readline())
        self.stdin = os.fdopen(own_stdin, "w", encoding="utf-8")
        self.stdout = os.fdopen(own_stdout, encoding="utf-8", errors="replace")

    def poll(self):
        """Return the exit status, or None as long as the process runs."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self._status

    def wait(self, timeout=None):
        """Return the exit status; raise TimeoutExpired after `timeout` seconds."""
        if self._status is None:
            if not select.select([self._server], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(self.args, timeout)
            answer = self._answers.readline() or f"[{-signal.SIGKILL}, 0]"
            self._status, self.computed = json.loads(answer)
            self._answers.close()
            self._server.close()
        return self._status

    def kill(self):
        """End the process at once."""
        if self.poll() is None:
            os.kill(self.pid, signal.SIGKILL)

    def close(self):
        """Close the files; one that has nobody at its other end has no more to say."""
        with contextlib.suppress(BrokenPipeError):
            self.stdin.close()
        self.stdout.close()


def run(arguments, folder, env, timeout=300):
    """Run `python` to its end; return the exit status and what it has printed.

    It is killed, with all that it has started, when it goes on for `timeout` seconds.
    What it leaves behind in its process group ends with it, as after `tutorial check`.
    Raises InterruptedError after a call of `interrupt`.
    """
    if _interrupted.is_set():
        raise InterruptedError
    python = Python(arguments, folder, env)
    python.stdin.close()
    _running.add(python)
    if _interrupted.is_set():
        interrupt()
    alarm = threading.Timer(timeout, os.killpg, (python.pid, signal.SIGKILL))
    alarm.daemon = True
    alarm.start()
    try:
        said = python.stdout.read()
        return python.wait(), said
    finally:
        alarm.cancel()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(python.pid, signal.SIGTERM)
        _running.discard(python)
        python.close()


def interrupt():
    """Interrupt what `run` waits for in other threads; it starts nothing more."""
    _interrupted.set()
    for python in list(_running):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(python.pid, signal.SIGTERM)
