"""Ports of 127.0.0.1: which ones are free, and whether a server answers on them."""

import argparse
import contextlib
import errno
import re
import socket
import ssl
import subprocess
import sys

from .messages import TutorialError

HOST = "127.0.0.1"


def free_port():
    """Return a port that nothing uses, on any address; on Linux it stays reserved.

    A server with SO_REUSEADDR, which servers set, can listen on a reserved port:
    Linux forbids it only beside another one that listens (socket(7)). Other systems
    let only one socket have an address (bind(2) of macOS), so another process could get
    the port before the server does.
    """
    reservation = socket.socket()
    reservation.bind(("", 0))
    port = reservation.getsockname()[1]
    if sys.platform == "linux":
        # Not before bind(), which should succeed only if the port is free.
        reservation.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        reservation.detach()  # bound until this process ends
    else:
        reservation.close()
    return port


def port_number(text):
    """Return the port in `text`, from 1 to 65535; otherwise ArgumentTypeError."""
    if re.fullmatch("[0-9]{1,5}", text) and 1 <= int(text) <= 65535:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a port: use a number like 8000")


def refuse_taken_port(port, example="--port {}", host=HOST, advice=""):
    """Raise TutorialError if no server can listen on `port` of the address `host`.

    Its message suggests another port, in the form of `example`, or for an address of
    another machine gives the `advice`.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except (UnicodeError, OSError) as error:
            # UnicodeError: a name that is too long for a host.
            is_unknown = isinstance(error, UnicodeError | socket.gaierror)
            reason = getattr(error, "strerror", error)
            if is_unknown or error.errno == errno.EADDRNOTAVAIL:
                raise TutorialError(
                    f"{host} is not an address of this machine ({reason}): {advice}"
                )
            what = "stop the program that uses it, or choose another port"
            if error.errno == errno.EACCES:
                what = "choose a port from 1024 on"
            other = example.format(port + 1 if 1024 <= port < 65535 else 8000)
            raise TutorialError(
                f"port {port} cannot be used ({reason}): {what}, for example {other}."
            )


def any_certificate():
    """Return an SSLContext that accepts a self-signed certificate.

    Only for a server on this machine: with it, a client does not know who answers.
    """
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def wait_until_it_answers(server, port):
    """Return True as soon as `port` answers, False if `server` ends before that."""
    while server.poll() is None:
        with contextlib.suppress(OSError):
            socket.create_connection((HOST, port), timeout=1).close()
            return True
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(timeout=0.05)
    return False
