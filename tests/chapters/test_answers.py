"""The answers to the exercises keep the spec, in their step and in those after it."""

import itertools

import pytest

from tests.chapters import by_hand
from tests.chapters.by_hand import Keeper, apply
from tests.support.folders import contents, copy_folder
from tests.support.spec_run import run_spec
from tutorial.chapters.edits import first_gap
from tutorial.chapters.reading import read_chapter
from tutorial.shared.steps import ROOT, all_steps

pytestmark = pytest.mark.chapter


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


@pytest.mark.holds(since="01")
def test_a_folder_with_the_answers_that_may_stay_can_follow_this_chapter(
    step, tmp_path
):
    """The reader keeps the answers of all chapters before it, not only of the last."""
    steps = [other for other in all_steps() if other <= step]
    reader = Keeper(steps[0], tmp_path)
    for before, chapter in itertools.pairwise(steps):
        for answer in by_hand.to_be_kept(before):
            reader.answer(before, answer)
        reader.follow(chapter)
    right, expected = contents(reader.right), contents(step.path)
    assert right | {"README.md": b""} == expected | {"README.md": b""}
    assert first_gap(step, reader.own) is None
    options = ("-x", "-q", "--tb=short", ROOT / "tests/spec")
    status, said = run_spec(step, reader.own, *options)
    assert status == 0, said


@pytest.mark.holds(since="00")
def test_a_chapter_says_which_answers_may_stay(step):
    """And of those that may not, how to begin the next chapter without them."""
    undone, kept = by_hand.to_be_undone(step), by_hand.to_be_kept(step)
    assert {*undone, *kept} == {*by_hand.answers(step)}
    if undone:
        following = next(other for other in all_steps() if other > step)
        assert f"`tutorial start {following.number} " in by_hand.advice(step)
