"""The order in which the files of the spec run; `make table` keeps it in docs/steps.md.

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
    "history",
    "archive",
    "catch_up",
    "outbox",
    "may_stay",
    "limits",
    "update",
    "metrics",
    "scale",
    "load",
)
