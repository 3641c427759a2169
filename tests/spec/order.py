"""The order in which the files of the spec run, and their rows in the README's table.

What others need comes first: so the first test that fails is the one that is nearest to
the mistake. Within a file it is the order of its tests: what must happen comes before
what must not.
"""

ORDER = (
    "site",
    "pages",
    "handshake",
    "messages",
    "context",
    "bad_input",
    "rooms",
    "presence",
    "heartbeat",
    "load",
)
