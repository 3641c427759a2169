"""How long a test waits for something that must happen."""

import os
import time

# Seconds. Only a failing test ever waits this long; those that must fail wait shorter.
# The tool starts in 4 s, and five times as slowly on a machine that has much to do.
DEADLINE = int(os.environ.get("TEST_DEADLINE", 60))


def until(holds, within=DEADLINE):
    """Return as soon as `holds()` is true; fail after some seconds.

    For what tells nobody when it changes, such as a process or a page.
    """
    deadline = time.monotonic() + within
    while not holds():
        assert time.monotonic() < deadline
