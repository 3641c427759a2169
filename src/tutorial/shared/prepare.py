"""Make a step's database ready: `python -m tutorial.shared.prepare`, in its folder.

It needs its own process, because every step has the same module names.
"""

import contextlib
import fcntl
import os

import django


def main():
    # The same step may be started twice at once: the second waits for the first.
    with contextlib.suppress(OSError):  # not every file system has locks
        fcntl.flock(os.open(".", os.O_RDONLY), fcntl.LOCK_EX)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    from django.contrib.auth import get_user_model
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    # Only into an empty database: loading again would undo your own changes.
    if not get_user_model().objects.exists():
        call_command("loaddata", "demo", verbosity=0)


if __name__ == "__main__":
    main()
