"""The slides: all that a chapter changes, and nothing else, in its order."""

import pytest

from tutorial.chapters.edits import words
from tutorial.shared.git import compare
from tutorial.shared.steps import all_steps, step_before
from tutorial.stage.slides import drawn, marked, pieces_of, slides

CHAPTERS = all_steps()[1:]


@pytest.mark.parametrize("step", CHAPTERS, ids=lambda step: step.number)
def test_the_slides_show_each_changed_line_once(step):
    before = step_before(step)
    patch = compare(before.path, step.path)
    changed = [line for line in patch.splitlines() if line[:1] in ("+", "-")]
    changed = [line for line in changed if line[:4] not in ("+++ ", "--- ")]
    shown = [
        sign + "".join(text for text, _ in pieces)
        for slide in slides(step)
        for sign, pieces in slide["rows"]
        if sign != " "
    ]
    assert sorted(words("\n".join(shown))) == sorted(words("\n".join(changed)))


@pytest.mark.parametrize("step", CHAPTERS, ids=lambda step: step.number)
def test_a_slide_begins_at_a_method_or_near_a_change(step):
    for slide in slides(step):
        signs = [sign for sign, _ in slide["rows"]]
        if not signs:
            assert not (step.path / slide["file"]).read_bytes()
            continue
        assert set(signs) - {" "}
        # What is not changed comes first for as long as its method is.
        assert signs.index(next(s for s in signs if s != " ")) < 25


def test_the_words_that_differ_are_marked_and_only_in_lines_that_are_alike():
    old, new = pieces_of("    def connect(self):", "    async def connect(self):")
    assert [text for text, differs in old if differs] == []
    assert "".join(text for text, differs in new if differs).strip() == "async"
    assert pieces_of("import json", "    self.close()") == (
        [["import json", False]],
        [["    self.close()", False]],
    )


def test_the_first_step_has_no_slides():
    assert slides(all_steps()[0]) == []


def test_a_slide_is_drawn_with_its_signs_and_marks_and_its_code_as_text():
    rows = [
        (" ", "def look():"),
        ("-", "    now(<b>)"),
        ("+", "    await now(<b>)"),
    ]
    assert drawn(marked(rows)) == (
        '<div class="same"> <span>def look():</span></div>'
        '<div class="minus">-    <span>now(&lt;b&gt;)</span></div>'
        '<div class="plus">+    <mark>await </mark><span>now(&lt;b&gt;)</span></div>'
    )


def test_what_git_says_about_the_end_of_a_file_is_drawn_as_a_line():
    rows = [("+", "last"), ("\\", " No newline at end of file")]
    assert drawn(marked(rows)).endswith("<span>No newline at end of file</span></div>")
