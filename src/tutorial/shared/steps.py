"""The steps: the folders in `steps/`, and nothing else, say which there are."""

from dataclasses import dataclass
from pathlib import Path

from .messages import TutorialError

ROOT = Path(__file__).resolve().parents[3]
# What a step's folder holds beside the project itself.
NOT_THE_PROJECT = ("README.md", "db.sqlite3", "__pycache__")


@dataclass(frozen=True, order=True)
class Step:
    """One folder of `steps/`: `number` is "03", `path` ends in 03_channel_layer."""

    number: str
    path: Path

    @property
    def name(self):
        return self.path.name


def all_steps():
    """Return the steps in order."""
    return sorted(
        Step(path.name[:2], path) for path in (ROOT / "steps").glob("[0-9][0-9]_*")
    )


def find_step(name):
    """Return the step called `3`, `03` or `03_channel_layer`.

    Raises TutorialError, which lists the steps, for any other name.
    """
    for step in all_steps():
        if name in (step.number, step.name, step.number.lstrip("0") or "0"):
            return step
    known = ", ".join(step.name for step in all_steps())
    raise TutorialError(f"there is no step {name!r}; name one of {known}.")
