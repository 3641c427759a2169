"""The answers to the exercises, applied to their step, keep the spec."""

import os
import subprocess

import pytest

from tests.support.folders import copy_folder
from tests.support.spec_run import run_spec
from tutorial.chapters.reading import read_chapter
from tutorial.shared.steps import ROOT

pytestmark = pytest.mark.chapter


def apply(text, folder):
    """Apply a diff to a folder; return whether git has accepted it."""
    outside = os.environ | {"GIT_CEILING_DIRECTORIES": str(folder.parent)}
    command = ["git", "apply", "--quiet", "-"]
    done = subprocess.run(command, cwd=folder, env=outside, input=text, text=True)
    return done.returncode == 0


@pytest.mark.holds(since="00")
def test_answers_keep_what_their_step_can_do(step, tmp_path):
    """All go into one copy, as with a reader; what does not fit there gets another."""
    copies = {}  # folder: the lines of the chapter whose answers are in it
    for answer in (b for b in read_chapter(step) if b.kind == "answer"):
        fitting = (folder for folder in copies if apply(answer.text, folder))
        folder = next(fitting, None)
        if folder is None:
            folder = copy_folder(step.path, tmp_path / f"line {answer.line}")
            assert apply(answer.text, folder), f"line {answer.line} does not apply"
        copies.setdefault(folder, []).append(answer.line)
    assert copies
    for folder, lines in copies.items():
        options = ("-x", "-q", "--tb=short", ROOT / "tests/spec")
        status, said = run_spec(step, folder, *options)
        assert status == 0, f"the answers in the lines {lines}:\n{said}"
