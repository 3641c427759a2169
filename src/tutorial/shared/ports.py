"""Ports of 127.0.0.1: which are free, and who answers."""

import argparse
import contextlib
import re
import socket
import subprocess
import sys

from .messages import TutorialError

HOST = "127.0.0.1"


def free_port():
    """Return a port of 127.0.0.1 that nothing uses; on Linux it stays reserved.

    A server with SO_REUSEADDR, which servers set, can listen on a reserved port:
    Linux forbids it only beside another one that listens (socket(7)). Other systems
    let one socket alone have an address (bind(2) of macOS), so there another process
    could get the port before the server does.
    """
    reservation = socket.socket()
    reservation.bind((HOST, 0))
    port = reservation.getsockname()[1]
    if sys.platform == "linux":
        # Not before bind(): the port should be free without it.
        reservation.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        reservation.detach()  # bound until this process ends
    else:
        reservation.close()
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
