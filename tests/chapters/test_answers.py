"""The answers to the exercises keep the spec, in their step and in those after it.

The folder with the answers that may stay is tested at every step. With
`--first-and-last`, only what is new at the step, or holds there for the last time, is
tested in it: whatever else an answer may break, the last step's folder, which has the
answers of all chapters, shows.
"""

import itertools

import pytest

from tests.chapters import by_hand
from tests.chapters.by_hand import Keeper, apply
from tests.support.folders import contents, copy_folder
from tests.support.spec_run import run_spec
from tutorial.chapters.edits import first_gap
from tutorial.shared.steps import ROOT, all_steps

pytestmark = pytest.mark.chapter


@pytest.mark.holds(since="00")
def test_a_folder_with_the_answers_that_may_stay_can_follow_this_chapter(
    step, tmp_path, request
):
    """The reader keeps the answers of all chapters before it, and those of this one."""
    steps = [other for other in all_steps() if other <= step]
    reader = Keeper(steps[0], tmp_path)
    for before, chapter in itertools.pairwise(steps):
        for answer in by_hand.to_be_kept(before):
            reader.answer(before, answer)
        reader.follow(chapter)
    right, expected = contents(reader.right), contents(step.path)
    assert right | {"README.md": b""} == expected | {"README.md": b""}
    assert first_gap(step, reader.own) is None
    for answer in by_hand.to_be_kept(step):
        reader.answer(step, answer)
    ends_only = bool(request.config.option.first_and_last)
    assert_it_can_do_what_the_step_can(reader.own, step, ends_only)


@pytest.mark.holds(since="00")
def test_answers_that_may_not_stay_keep_what_their_step_can_do(step, tmp_path):
    """Each answer of a chapter fits its step; these go into a copy of it each."""
    undone = by_hand.to_be_undone(step)
    for answer in by_hand.answers(step):
        folder = copy_folder(step.path, tmp_path / f"line {answer.line}")
        assert apply(answer.text, folder), f"line {answer.line} does not apply"
        if answer in undone:
            assert_it_can_do_what_the_step_can(folder, step)


def assert_it_can_do_what_the_step_can(folder, step, ends_only=False):
    """Run the quick spec of a step on a folder; of all that holds there, or of what
    holds for the first or for the last time.
    """
    options = ["-x", "-q", "--tb=short", ROOT / "tests/spec"]
    options += ["--first-and-last=all"] if ends_only else []
    status, said = run_spec(step, folder, *options)
    # 5: at some steps no test holds for the first or for the last time.
    assert status in ((0, 5) if ends_only else (0,)), f"{folder}:\n{said}"


@pytest.mark.holds(since="00")
def test_a_chapter_says_which_answers_may_stay(step):
    """And of those that may not, how to begin the next chapter without them."""
    undone, kept = by_hand.to_be_undone(step), by_hand.to_be_kept(step)
    assert {*undone, *kept} == {*by_hand.answers(step)}
    if undone:
        following = next(other for other in all_steps() if other > step)
        assert f"`tutorial start {following.number} " in by_hand.advice(step)
