"""A real RabbitMQ for the tests, as deploy/rabbitmq starts one, on free ports."""

import contextlib
import glob
import os
import shutil
import signal
import subprocess
import tempfile
import threading
from pathlib import Path

import pytest

from tutorial.shared.ports import free_port
from tutorial.shared.processes import end_group
from tutorial.shared.steps import find_step

from .deadline import DEADLINE

PROGRAM = "/usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin/rabbitmq-server"
MISSING = "There is no RabbitMQ: on Debian, apt install rabbitmq-server."
# Erlang needs about nine seconds to start it, and many more on a busy machine.
PATIENCE = 300
PORTS = ("RABBITMQ_NODE_PORT", "RABBITMQ_DIST_PORT", "ERL_EPMD_PORT")


@contextlib.contextmanager
def rabbitmq():
    """Yield a running RabbitMQ; it and all that it has started ends with the block.

    Skips the test if there is none; fails it if CI is set.
    """
    if not glob.glob(PROGRAM):
        pytest.fail(MISSING) if "CI" in os.environ else pytest.skip(MISSING)
    with tempfile.TemporaryDirectory(prefix="rabbitmq-") as folder:
        server = RabbitMQ(Path(folder))
        try:
            server.start()
            yield server
        finally:
            server.stop()


class RabbitMQ:
    """deploy/rabbitmq in a folder of its own; `url` is its address."""

    def __init__(self, folder):
        (folder / "deploy").mkdir()
        self._program = folder / "deploy/rabbitmq"
        shutil.copy(find_step("19").path / "deploy/rabbitmq", self._program)
        self._ports = {name: str(free_port()) for name in PORTS}
        self.url = f"amqp://guest:guest@127.0.0.1:{self._ports[PORTS[0]]}"
        self.lines = []
        self.process = None

    def start(self):
        """Start it; return when it accepts connections."""
        self.process = subprocess.Popen(
            [self._program],
            env=os.environ | self._ports,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        ready = threading.Event()
        args = self.process.stdout, ready
        self._reader = threading.Thread(target=self._read, args=args, daemon=True)
        self._reader.start()
        assert ready.wait(PATIENCE), "".join(self.lines)
        assert self.process.poll() is None, "".join(self.lines)

    def _read(self, output, ready):
        for line in output:
            self.lines.append(line)
            if "Server startup complete" in line:
                ready.set()
        output.close()
        ready.set()

    def stop(self):
        """Press Ctrl-C, and wait for the end; kill what does not end."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(DEADLINE)
        end_group(self.process)
        self._reader.join(DEADLINE)

    def kill(self):
        """Kill it and all that it has started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self._reader.join(DEADLINE)
