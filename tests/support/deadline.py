"""How long a test waits for something that must happen."""

# Seconds. Only a failing test ever waits this long.
DEADLINE = 20
