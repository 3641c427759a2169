"""A real Redis that speaks TLS only, with a password; Valkey's wheel is without TLS."""

import contextlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from tutorial.shared.ports import free_port, wait_until_it_answers
from tutorial.shared.processes import process_group

# Debian's redis-tools has it. It is the whole server, and which of its programs it is
# depends on the name by which it is called.
PROGRAM = "redis-check-rdb"
MISSING = f"There is no {PROGRAM}: on Debian, apt install redis-tools."
PASSWORD = "only-for-tests"
HOST = "subjectAltName=IP:127.0.0.1"


@contextlib.contextmanager
def redis_with_tls():
    """Yield (address without a query, its authority's certificate, another one's).

    Skips the test if there is no Redis; fails it if CI is set.
    """
    program = shutil.which(PROGRAM)
    if not program:
        pytest.fail(MISSING) if "CI" in os.environ else pytest.skip(MISSING)
    with tempfile.TemporaryDirectory(prefix="tls-") as home:
        folder = Path(home)
        (folder / "redis-server").symlink_to(program)
        for name in ("own", "other"):
            make_certificate(folder / f"{name}.pem", folder / f"{name}.key")
        port = free_port()
        options = {
            "bind": "127.0.0.1",
            "port": "0",
            "tls-port": str(port),
            "tls-cert-file": "own.pem",
            "tls-key-file": "own.key",
            "tls-auth-clients": "no",
            "requirepass": PASSWORD,
            "save": "",
        }
        command = [folder / "redis-server"]
        command += [word for name, it in options.items() for word in (f"--{name}", it)]
        with process_group(command, cwd=folder, stdout=subprocess.DEVNULL) as server:
            assert wait_until_it_answers(server, port)
            url = f"rediss://:{PASSWORD}@127.0.0.1:{port}/0"
            yield url, folder / "own.pem", folder / "other.pem"


def make_certificate(certificate, key):
    """Make a self-signed certificate, which is its own authority."""
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    command += ["-subj", "/CN=127.0.0.1", "-addext", HOST]
    command += ["-out", certificate, "-keyout", key]
    subprocess.run(command, check=True, capture_output=True)
