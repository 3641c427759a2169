"""The database of a step, ready for somebody who wants to see the step."""

import subprocess
import sys

from .messages import TutorialError
from .steps import plain_environment


def prepare(step):
    """Prepare the database of `step`, in a separate process."""
    command = [sys.executable, "-m", "tutorial.shared.prepare"]
    options = {"cwd": step.path, "env": plain_environment()}
    done = subprocess.run(command, capture_output=True, text=True, **options)
    if done.returncode:
        ended = f"it ended with status {done.returncode}."
        lines = done.stderr.strip().splitlines()
        raise TutorialError(
            f"{step.name} does not start: {lines[-1] if lines else ended} "
            f"(Run python manage.py check in {step.path} to see where.)"
        )
