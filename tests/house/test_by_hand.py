"""The reader who makes a chapter's edits by hand, around answers that are kept."""

import pytest

from tests.chapters.by_hand import UNDO, Collision, merge

BEFORE = ["a", "b", "c"]


@pytest.mark.parametrize(
    ("own", "after", "merged"),
    [
        ("a b c", "a B c", "a B c"),
        ("a x b c", "a B c", "a x B c"),
        ("a b x c", "a b B c", "a b B x c"),
        ("x b c", "a B c", "x B c"),
        ("a b x c", "a c", "a x c"),
    ],
)
def test_an_edit_is_made_around_the_lines_of_an_answer(own, after, merged):
    assert merge(own.split(), BEFORE, after.split()) == merged.split()


@pytest.mark.parametrize(
    ("own", "after", "reason"),
    [
        ("a x c", "a B c", "this line is not there: 'b'"),
        ("x b c", "N a b c", "no place for this line: 'N'"),
    ],
)
def test_an_edit_of_a_line_that_an_answer_has_changed_is_a_collision(
    own, after, reason
):
    with pytest.raises(Collision, match=reason):
        merge(own.split(), BEFORE, after.split())


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("so undo exercise 1 before you continue", ("1", "")),
        ("undo the answer to exercise 2", ("2", "")),
        ("undo exercises 1 and 2", ("1", "2")),
        ("undo the answers to exercises 1 and 2", ("1", "2")),
    ],
)
def test_a_chapter_can_tell_its_reader_to_undo_an_answer(text, numbers):
    assert UNDO.findall(text) == [numbers]
