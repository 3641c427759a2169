"""Make a step's database ready: `python -m tutorial.shared.prepare`, in its folder.

A process of its own, because every step brings the same module names. The last line it
prints is a JSON object: `channel_layer`, whether the step has one, and `users`, the
names of the demo users that can sign in.
"""

import json
import os

import django

DEMO_USERS = ["alice", "bob", "carol", "teacher"]


def main():
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    from django.conf import settings
    from django.contrib.auth import get_user_model
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    users = get_user_model().objects
    # Only an empty database: loading again would undo what the person has changed.
    if not users.exists():
        call_command("loaddata", "demo", verbosity=0)
    names = users.filter(username__in=DEMO_USERS).values_list("username", flat=True)
    layer = bool(getattr(settings, "CHANNEL_LAYERS", None))
    print(json.dumps({"channel_layer": layer, "users": sorted(names)}))


if __name__ == "__main__":
    main()
