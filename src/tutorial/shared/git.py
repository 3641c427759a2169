"""Call git, which compares and merges for the tool."""

import os
import re
import subprocess

from .messages import TutorialError


def git(*arguments, env, cwd=None, input=""):
    """Return what git prints, with `env` added to its environment.

    Raises TutorialError if git fails or is missing.
    """
    options = {"env": os.environ | env, "cwd": cwd, "input": os.fsencode(input)}
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, **options)
    except FileNotFoundError:
        raise TutorialError("git is missing: install it.")
    if done.returncode:
        said = os.fsdecode(done.stderr)
        reasons = re.findall(r"^(?:fatal|error|warning): .+", said, re.MULTILINE)
        raise TutorialError(f"git says: {(reasons or said.splitlines())[-1]}")
    return os.fsdecode(done.stdout)
