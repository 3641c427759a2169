"""How long a test waits for something that must happen."""

import os

# Seconds. Only a failing test ever waits this long; those that must fail wait shorter.
# The tool starts in 4 s, and five times as slowly on a machine that has much to do.
DEADLINE = int(os.environ.get("TEST_DEADLINE", 60))
