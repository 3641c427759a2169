"""What an event costs the broker: formulas, derived from what channels_redis sends.

From the source of channels_redis 4.3 (core.py, pubsub.py), with redis-py 8, which
speaks RESP3 (https://valkey.io/topics/protocol/). Sizes are in bytes. `event` is the
size of an event as msgpack writes it. `spread` has a number for each process that has
members of the room: how many.
"""

from collections import Counter
from functools import cache
from typing import NamedTuple

from channels_redis.core import RedisChannelLayer

GROUP = "room_kitchen"
NOW = 1795988626.790833  # a time has about 17 characters
STAMP, CAPACITY = len(repr(NOW)), len("100")
CHANNEL = len("specific.!") + 2 * 32  # a consumer's name contains two UUIDs
MAILBOX = len("asgispecific.!") + 32  # the key for all consumers of a process
BACKUP = MAILBOX + len("$inflight")


class Traffic(NamedTuple):
    """What a broker receives and sends, in bytes, and how many commands it runs."""

    received: float
    sent: float
    commands: float

    def __mul__(self, number):
        return Traffic(*(value * number for value in self))


def total(traffics):
    return Traffic(*map(sum, zip(*traffics, strict=True)))


def array(length):
    return len(f"*{length}\r\n")


def text(length):
    return len(f"${length}\r\n") + length + len("\r\n")


def command(*lengths):
    """Return the size of a command; `lengths` are those of its words."""
    return array(len(lengths)) + sum(map(text, lengths))


def script_of(method):
    """Return the length of the Lua script in a method of the core layer."""
    return next(len(it) for it in method.__code__.co_consts if "redis.call" in str(it))


SEND = script_of(RedisChannelLayer.group_send)
CLEAN = script_of(RedisChannelLayer._brpop_with_clean)


def stored(event, members):
    """Return the size of an event in the mailbox of a process.

    12 random bytes make it unique, and it names all members in this process.
    """
    header = 1 if members < 16 else 3 if members < 2**16 else 5
    names = header + members * (2 + CHANNEL)
    return 12 + event + len("?__asgi_channel__") + names


@cache
def mailbox(event, members):
    """Return the Traffic of an event that is due to one more process."""
    item, score = text(stored(event, members)), len(",\r\n") + STAMP
    received = [
        command(16, MAILBOX, 1, 10),  # ZREMRANGEBYSCORE, from the sender
        text(MAILBOX) + item + text(CAPACITY),  # in its EVAL
        command(4, CLEAN, 1, MAILBOX, BACKUP),  # EVAL, from the receiver
        command(8, MAILBOX, 1),  # BZPOPMIN
        command(4, BACKUP, STAMP) + item,  # ZADD
        command(7, BACKUP),  # ZPOPMIN
    ]
    sent = [
        members * text(CHANNEL),  # in the reply to ZRANGE
        len("+QUEUED\r\n:0\r\n"),
        len("_\r\n"),
        array(3) + text(MAILBOX) + item + score,
        len(":1\r\n"),
        array(2) + item + score,
    ]
    # Inside the scripts: ZCOUNT, ZADD and EXPIRE; ZRANGE and DEL.
    return Traffic(sum(received), sum(sent), 1 + 3 + 1 + 2 + 3)


def core(event, spread, group=GROUP):
    """Return the Traffic of an event to a group, with the core layer."""
    key, processes = len("asgi:group:" + group), len(spread)
    received = [
        command(16, key, 1, 10) + command(6, key, 1, 2),  # ZREMRANGEBYSCORE, ZRANGE
        command(5) + command(4),  # MULTI, EXEC
        array(3 + 3 * processes + 2) + text(4) + text(SEND),  # EVAL
        text(len(str(processes))) + text(STAMP) + text(2),
    ]
    sent = [len(":0\r\n") + array(sum(spread)), len("+OK\r\n") + array(processes), 4]
    once = Traffic(sum(received), sum(sent), 5)
    alike = Counter(spread).items()
    return total([once, *(mailbox(event, members) * each for members, each in alike)])


def pubsub(event, spread, group=GROUP):
    """Return the Traffic of the same event with the pub/sub layer."""
    size = command(7, len("asgi__group__" + group), event)  # PUBLISH, and message
    return Traffic(size, len(f":{len(spread)}\r\n") + len(spread) * size, 1)


FORMULAS = {"core": core, "pub/sub": pubsub}
