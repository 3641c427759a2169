import time
from collections import defaultdict


class TooManyError(Exception):
    """A user has too many sockets, or has opened too many rooms."""


class Bucket:
    """Receives `rate` tokens a second, and holds `size` of them at most."""

    def __init__(self, size, rate):
        self.size = self.tokens = size
        self.rate = rate
        self.time = time.monotonic()

    def take(self):
        """Take a token; return how many are left, or, below zero, how many are owed."""
        before, self.time = self.time, time.monotonic()
        new = self.rate * (self.time - before)
        self.tokens = min(self.size, self.tokens + new) - 1
        return self.tokens


# By the id of their user: a hundred new rooms, and one more every 36 seconds.
new_rooms = defaultdict(lambda: Bucket(100, 1 / 36))
