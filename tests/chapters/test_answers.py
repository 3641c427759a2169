"""The answers to the exercises: each one, applied to its step, keeps the spec."""

import os
import subprocess

import pytest

from tests.support.site import copy_folder
from tests.support.spec_run import run_spec
from tutorial.chapters.reading import read_chapter
from tutorial.shared.steps import ROOT

pytestmark = pytest.mark.chapter


def pytest_generate_tests(metafunc):
    """One test for each answer of the step's chapter."""
    step = metafunc.config.step
    blocks = read_chapter(step) if step else []
    answers = [block for block in blocks if block.kind == "answer"]
    metafunc.parametrize("answer", answers, ids=lambda block: f"line {block.line}")


@pytest.mark.holds(since="00")
def test_an_answer_keeps_what_its_step_can_do(step, answer, tmp_path):
    copy = copy_folder(step.path, tmp_path / "copy")
    apply = ["git", "apply", "-"]
    outside = os.environ | {"GIT_CEILING_DIRECTORIES": str(tmp_path)}
    subprocess.run(
        apply, cwd=copy, env=outside, input=answer.text, text=True, check=True
    )
    # On one of the two layers: an answer has no say in which.
    options = ("-x", "-q", "--tb=short", "-k", "not valkey")
    status, said = run_spec(step, copy, *options, ROOT / "tests/spec")
    assert status == 0, said
