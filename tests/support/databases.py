"""Databases that are ready: one that is migrated once is copied for all like it."""

import hashlib
import os
import shutil
from pathlib import Path

from .folders import contents


def make_database(kind, project, target, make):
    """Call `make`, which makes the database `target`, or copy one that is like it.

    A database is like another if it is of the same `kind` and its `project`, a folder,
    has the same models, migrations, fixtures and settings. They are kept in the folder
    that the variable DATABASES names; without it, `make` is always called.
    """
    if not os.environ.get("DATABASES"):
        return make()
    ready = Path(os.environ["DATABASES"], f"{kind}-{digest_of(project)}")
    if ready.exists():
        shutil.copy(ready, target)
    else:
        make()
        copy = Path(f"{target}.copy")
        shutil.copy(target, copy)
        copy.replace(ready)


def digest_of(project):
    """Return a digest of all that decides what is in the database of a project."""
    content = {
        name: text
        for name, text in contents(project).items()
        if {"migrations", "fixtures"} & {*Path(name).parts}
        or name.endswith(("models.py", "settings.py"))
    }
    return hashlib.sha256(repr(content).encode()).hexdigest()
