"""Imported by the server of forks: the demo password is hashed once for all of them.

PBKDF2 takes half a second for each signing in, and is meant to. Nothing is left out:
what was computed is remembered, and every process that is forked later begins with it.
"""

import functools
import hashlib
import json

from django.utils import crypto

from tutorial.shared.steps import all_steps

crypto.pbkdf2 = functools.lru_cache(crypto.pbkdf2)

FIXTURE = all_steps()[0].path / "courses/fixtures/demo.json"
for entry in json.loads(FIXTURE.read_text(encoding="utf-8")):
    if entry["model"] == "auth.user":
        _, iterations, salt, _ = entry["fields"]["password"].split("$")
        crypto.pbkdf2("demo", salt, int(iterations), digest=hashlib.sha256)
