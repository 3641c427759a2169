"""Make a step's database ready: `python -m tutorial.shared.prepare`, in its folder.

It needs its own process, because every step has the same module names.
"""

import os

import django


def main():
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
