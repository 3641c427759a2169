"""Ports of 127.0.0.1: which are free, and who answers."""

import argparse
import contextlib
import re
import socket
import subprocess

from .messages import TutorialError

HOST = "127.0.0.1"


def free_port():
    """Return a port of 127.0.0.1 that nobody uses, kept for this process.

    It stays bound until the process ends, so nobody else is given it. A server can
    listen there all the same if it sets SO_REUSEADDR, as they all do: socket(7) forbids
    only two that listen.
    """
    keeper = socket.socket()
    keeper.bind((HOST, 0))
    keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    port = keeper.getsockname()[1]
    keeper.detach()
    return port


def port_number(text):
    """Return the port in `text`, from 1 to 65535; anything else is an error."""
    if re.fullmatch("[0-9]{1,5}", text) and 1 <= int(text) <= 65535:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is no port: take one like 8000")


def refuse_taken_port(port):
    """Raise TutorialError if something listens on `port` already."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except PermissionError:
            raise TutorialError(f"port {port} is not for everybody: take 8000 or more.")
        except OSError:
            raise TutorialError(
                f"port {port} is taken: stop what uses it, or take another one, "
                f"PORT={port + 1 if port < 65535 else 8000}."
            )


def wait_until_it_answers(server, port):
    """Return True as soon as `port` answers, False if `server` ends before that."""
    while server.poll() is None:
        with contextlib.suppress(OSError):
            socket.create_connection((HOST, port), timeout=1).close()
            return True
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(timeout=0.05)
    return False
