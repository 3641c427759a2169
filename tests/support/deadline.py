"""How long a test waits for something that must happen."""

import os

# Seconds. Only a failing test ever waits this long; those that must fail wait shorter.
DEADLINE = int(os.environ.get("TEST_DEADLINE", 20))
