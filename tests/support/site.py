"""A copy of a project folder with its database, and real servers that run on it."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from http.cookiejar import CookieJar

import psutil

from tutorial.shared.ports import any_certificate, free_port
from tutorial.shared.processes import SUPERVISED, end_group
from tutorial.shared.steps import plain_environment

from . import warm
from .databases import make_database
from .deadline import DEADLINE, until
from .folders import copy_folder
from .nginx import HTTP, HTTPS, METRICS, nginx_with_ports


@contextlib.contextmanager
def suppressed_error():
    """Ignore an answer that is an error, such as 502, and close it: it is a file."""
    try:
        yield
    except urllib.error.HTTPError as error:
        error.close()


class Site:
    """A copy of `project` in `folder`, migrated, with the demo data."""

    def __init__(self, project, folder, redis_url=None):
        self.folder = folder
        # The spec sets which settings are used. In a terminal the project does so.
        self._environment = plain_environment()
        # One for all servers; the public one is refused where DEBUG is off.
        self._environment.setdefault("SECRET_KEY", "a-key-for-tests-" * 4)
        if redis_url:
            self._environment["REDIS_URL"] = redis_url
        copy_folder(project, folder)
        if (folder / "deploy").exists():
            # With one that deploy/start made, a session of another server is no good.
            # deploy/start may find one that others can read.
            (folder / "run").mkdir()
            (folder / "run").chmod(0o755)  # whatever the umask is
            (folder / "run/secret_key").write_text(self._environment["SECRET_KEY"])
        make_database("site", folder, folder / "db.sqlite3", self._migrate_and_load)

    def _migrate_and_load(self):
        command = ["-m", "tutorial.shared.prepare"]
        status, said = self.run(*command)
        assert status == 0, said

    def run(self, *command, **variables):
        """Run `python` in the folder; return the exit status and what it has printed.

        `variables` are added to its environment; one that is None is not in it.
        """
        both = (self._environment | variables).items()
        environment = {name: value for name, value in both if value is not None}
        return warm.run(command, self.folder, environment)

    @contextlib.contextmanager
    def daphne(self, *options, **variables):
        """Yield a Server: daphne, on a free port of 127.0.0.1.

        `variables` are added to its environment.
        """
        port = free_port()
        command = ["-m", "daphne", "-b", "127.0.0.1", "-p", str(port), *options]
        # On a busy machine, a handshake may take longer than the usual 5 s.
        command += ["--websocket_connect_timeout", "60", "config.asgi:application"]
        with self._serving(port, *command, **variables) as server:
            server.wait_for_line("Listening on TCP address")
            yield server

    @contextlib.contextmanager
    def uvicorn(self, **variables):
        """Yield a Server: uvicorn in the place of daphne.

        It waits longer than any test for a client that answers no ping.
        """
        port = free_port()
        command = ["-m", "uvicorn", "--port", str(port), "--ws-ping-timeout", "600"]
        command += ["config.asgi:application"]
        with self._serving(port, *command, **variables) as server:
            server.wait_for_line("Uvicorn running on")
            yield server

    @contextlib.contextmanager
    def runserver(self, port=None, **variables):
        """Yield a Server: Django's runserver, which serves the static files, too.

        `port` is that of a server that has ended. `variables` are added to its
        environment.
        """
        port = port or free_port()
        command = ["manage.py", "runserver", "--noreload", f"127.0.0.1:{port}"]
        with self._serving(port, *command, **variables) as server:
            server.wait_until_it_answers()
            yield server

    @contextlib.contextmanager
    def deployed(self):
        """Yield a Deployed: NGINX and two daphnes, as deploy/start starts them."""
        ports = {port: str(free_port()) for port in (HTTP, HTTPS, METRICS)}
        path = nginx_with_ports(self.folder.with_name(f"nginx-{ports[HTTPS]}"), ports)
        command = ["-c", "import os; os.execv('deploy/start', ['deploy/start'])"]
        process = warm.Python(command, self.folder, self._environment | {"PATH": path})
        try:
            server = Deployed(process, ports, self.folder, path)
            # Five processes start one after the other: too many for a short deadline.
            server.wait_for_line("nginx entered RUNNING", within=300)
            server.wait_until_both_answer()
            yield server
        finally:
            # What a supervisor has started is in groups of its own.
            family = []
            with contextlib.suppress(psutil.NoSuchProcess):
                family = psutil.Process(process.pid).children(recursive=True)
            end_group(process, SUPERVISED)
            for each in psutil.wait_procs(family, timeout=1)[1]:
                each.kill()

    @contextlib.contextmanager
    def _serving(self, port, *command, **variables):
        process = warm.Python(command, self.folder, self._environment | variables)
        try:
            yield Server(process, port)
        finally:
            end_group(process)


class Server:
    """A running server: its `port`, its `url`, and the lines that it has printed.

    `ssl` is the context with which a client connects, or None if the server's address
    begins with http.
    """

    ssl = None

    def __init__(self, process, port):
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.process = process
        self.lines = []
        self._news = threading.Condition()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            with self._news:
                self.lines.append(line.rstrip())
                self._news.notify_all()
        self.process.close()

    def wait_for_line(self, text, start=0, within=DEADLINE):
        """Return the first line from `start` on that holds `text`; fail without one.

        `within` is how many seconds it may take.
        """

        def found():
            return next((line for line in self.lines[start:] if text in line), None)

        with self._news:
            assert self._news.wait_for(found, within), self.lines
            return found()

    def wait_until_it_answers(self):
        """Return when the login page is there; fail if the server ends, or too late."""
        end = time.monotonic() + max(DEADLINE, 60)
        while self.process.poll() is None and time.monotonic() < end:
            with contextlib.suppress(OSError), suppressed_error():
                self.open("/accounts/login/").read()
                return
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(0.05)
        raise AssertionError(self.lines)

    def open(self, path, data=None, jar=None, **headers):
        """Return the response to a request; raise HTTPError if it is an error.

        `data` are the fields of a form. `jar` keeps the cookies.
        """
        opener = urllib.request.build_opener(
            urllib.request.HTTPCookieProcessor(jar),
            urllib.request.HTTPSHandler(context=self.ssl),
        )
        data = data and urllib.parse.urlencode(data).encode()
        # Django compares it with its own address when a form comes over HTTPS.
        headers |= {"Referer": self.url}
        request = urllib.request.Request(f"{self.url}{path}", data, headers)
        return opener.open(request, timeout=DEADLINE)

    def sign_in(self, name):
        """Sign the demo user in through the form; return the Cookie header."""
        jar = CookieJar()
        page = self.open("/accounts/login/", jar=jar).read().decode()
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)[1]
        fields = {"username": name, "password": "demo", "csrfmiddlewaretoken": token}
        answer = self.open("/accounts/login/", fields, jar)
        assert answer.url == f"{self.url}/"
        return "; ".join(f"{cookie.name}={cookie.value}" for cookie in jar)


class Deployed(Server):
    """NGINX, two daphnes and their supervisor: `url` begins with https.

    What begins with http is at `http_port`; what a daphne has counted, since step 20,
    at `metrics_port`.
    """

    def __init__(self, process, ports, folder, path):
        super().__init__(process, int(ports[HTTPS]))
        self.http_port, self.metrics_port = int(ports[HTTP]), int(ports[METRICS])
        self.url = f"https://localhost:{self.port}"
        self.folder = folder
        self._environment = os.environ | {"PATH": path}
        self.ssl = any_certificate()

    def control(self, *arguments):
        """Run `supervisorctl` with these arguments; return what it prints."""
        command = ["supervisorctl", "-c", "deploy/supervisord.conf", *arguments]
        return self._run(command).stdout

    def wait_until_both_answer(self):
        """Return when NGINX answers, and when both daphnes listen."""
        self.wait_until_it_answers()
        until(lambda: all(map(self._listens, ("daphne0", "daphne1"))))

    def _listens(self, name):
        with socket.socket(socket.AF_UNIX) as probe, contextlib.suppress(OSError):
            probe.connect(str(self.folder / f"run/{name}.sock"))
            return True

    def kill(self, name, way=signal.SIGKILL):
        """Kill a process; return when the supervisor has started another one."""
        old = self.control("pid", name).strip()
        assert old != "0", self.lines
        os.kill(int(old), way)
        deadline = time.monotonic() + DEADLINE
        while self.control("pid", name).strip() in (old, "0"):
            assert time.monotonic() < deadline, self.lines

    def update(self):
        """Run deploy/update; return its exit status and what it prints."""
        done = self._run(["deploy/update"])
        return done.returncode, done.stdout + done.stderr

    def _run(self, command):
        return subprocess.run(
            command,
            cwd=self.folder,
            env=self._environment,
            capture_output=True,
            text=True,
            # An update starts many processes, one after the other.
            timeout=max(3 * DEADLINE, 600),
        )
