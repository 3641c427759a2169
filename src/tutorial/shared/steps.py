"""The steps: they are the folders in `steps/`, and are listed nowhere else."""

import contextlib
import os
import shlex
import shutil
from pathlib import Path
from typing import NamedTuple

from .messages import TutorialError

ROOT = Path(__file__).resolve().parents[3]
# What running a project leaves in its folder; SQLite's journal is there for a moment.
LEFT_BY_RUNNING = ("db.sqlite3", "db.sqlite3-journal", "__pycache__")
# What a step's folder contains beside the project itself.
NOT_THE_PROJECT = ("README.md", *LEFT_BY_RUNNING)
# What a deployed project makes at its top: `static` is a part of it anywhere else.
MADE_AT_THE_TOP = ("run", "static")
# The variables that the settings of chapters 16 and 19 read, apart from REDIS_URL.
SETTINGS = ("PGDATABASE", "DEBUG", "SECRET_KEY", "ALLOWED_HOSTS", "BROKER")


class Step(NamedTuple):
    """A folder in `steps/`: `number` is "03", `path` ends in 03_channel_layer."""

    number: str
    path: Path

    @property
    def name(self):
        return self.path.name


def all_steps():
    """Return the steps in order."""
    paths = (ROOT / "steps").glob("[0-9][0-9]_*")
    return sorted(Step(path.name[:2], path) for path in paths)


def find_step(name):
    """Return the step called `3`, `03`, `03_channel_layer` or `steps/03_channel_layer`.

    Any other name raises a TutorialError that says which numbers there are.
    """
    steps = all_steps()
    folder = name.rstrip("/").removeprefix("steps/")
    for step in steps:
        names = (step.number, step.number.lstrip("0") or "0")
        if name in names or folder == step.name:
            return step
    first, last = steps[0].number, steps[-1].number
    raise TutorialError(f"there is no step {name!r}: choose {first} to {last}.")


def is_step(name):
    """Return whether a step has this name."""
    with contextlib.suppress(TutorialError):
        return bool(find_step(name))
    return False


def project_folder(text):
    """Return the absolute path of a project's folder; `~` may be in its name.

    If it has no manage.py, the TutorialError says what to do.
    """
    path = Path(os.path.abspath(os.path.expanduser(text)))
    if not os.path.isfile(path / "manage.py"):
        raise TutorialError(
            f"{path} has no manage.py: name the folder of your project, or make one "
            "with `tutorial start 03 mychat`."
        )
    return path


def step_or_folder(text):
    """Return (the step of that name, None), or (None, the path of that project).

    Any other text raises a TutorialError; a number is the name of a step.
    """
    if is_step(text) or text.isdecimal():
        return find_step(text), None
    return None, project_folder(text)


def refuse_folder_first(verb, name, folder):
    """Raise TutorialError if `folder` is a step, and `name` can only be a folder."""
    if is_step(folder) and not (is_step(name) or name.isdecimal()):
        example = f"tutorial {verb} {folder} {shlex.quote(name)}"
        raise TutorialError(f"the step comes first, as in {example}.")


def ignoring(top, *patterns):
    """Return an `ignore` for copying the project `top` by shutil.copytree.

    It leaves out what matches the `patterns`, and what a deployed project makes.
    """
    everywhere = shutil.ignore_patterns(*patterns)

    def ignore(folder, names):
        made = {*MADE_AT_THE_TOP} & {*names} if Path(folder) == Path(top) else set()
        return everywhere(folder, names) | made

    return ignore


def step_before(step):
    """Return the step that a chapter starts from; raise TutorialError for the first."""
    earlier = [other for other in all_steps() if other < step]
    if not earlier:
        raise TutorialError(f"chapter {step.number} is the site itself: start with 01.")
    return earlier[-1]


def plain_environment(*, own_database=False):
    """Return the environment for a step, without the settings of another project.

    With `own_database`, for a copy, also without those that you have exported for a
    real site: the copy would change that site's database.
    """
    left_out = {"DJANGO_SETTINGS_MODULE", *(SETTINGS if own_database else ())}
    return {name: os.environ[name] for name in os.environ.keys() - left_out}
