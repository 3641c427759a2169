"""TROUBLESHOOTING.md: each entry has all that it owes, and nothing is made up."""

import re
from dataclasses import replace

import pytest

from tests.chapters.troubles import (
    FIX,
    PAGE,
    PROVOKED,
    read_troubles,
    section_blocks,
)
from tutorial.chapters.reading import anchor
from tutorial.shared.steps import find_step

TROUBLES = read_troubles()
# A text that nobody has seen is a rumour: of ten entries at most one may be.
MOST_ILLUSTRATIONS = 0.1
# The stages in which a learner meets the entries.
GROUPS = [
    *(
        "Install",
        "Page",
        "Connect",
        "Messages",
        "Redis",
        "Async",
        "Presence",
        "History",
        "Access",
        "Server",
    ),
    "Shells, notebooks and tests",
]

each_trouble = pytest.mark.parametrize(
    "trouble", TROUBLES, ids=lambda trouble: anchor(trouble.heading)
)


@each_trouble
def test_an_entry_has_a_text_a_cause_a_fix_and_a_chapter(trouble):
    [(info, text)] = trouble.fences
    assert info == "text"
    assert text.strip()
    *causes, fix, chapter = trouble.prose
    assert causes
    assert not any(cause.startswith(FIX) for cause in causes)
    assert fix.startswith(FIX)
    assert chapter.startswith("Chapter: ")


@each_trouble
def test_an_entry_leads_to_a_section_of_a_chapter(trouble):
    [(text, path, section)] = trouble.links
    number, title = text.split(", ", 1)
    assert path == f"steps/{find_step(number).name}/README.md"
    assert section_blocks(path, section) is not None
    assert anchor(title) == section


@each_trouble
def test_what_an_entry_shows_is_seen_in_its_chapter_or_when_it_is_provoked(trouble):
    if trouble.reason:
        assert not trouble.step
    elif trouble.step:
        find_step(trouble.step)
        assert trouble.is_shown_in(trouble.blocks)
    else:
        [(_, path, section)] = trouble.links
        assert trouble.is_shown_in(section_blocks(path, section))


def test_what_nobody_has_seen_is_not_shown():
    seen = next(trouble for trouble in TROUBLES if trouble.step)
    rumour = replace(seen, fences=[("text", "NameError: made up\n")])
    assert seen.is_shown_in(seen.blocks)
    assert not rumour.is_shown_in(seen.blocks)


def test_nothing_is_provoked_that_no_entry_shows():
    files = sorted(PROVOKED.glob("*.md"))
    texts = [file.read_text(encoding="utf-8") for file in files]
    provoked = [h for text in texts for h in re.findall("^### (.+)", text, re.M)]
    assert sorted(provoked) == sorted(t.heading for t in TROUBLES if t.step)


def test_few_entries_are_illustrations():
    illustrations = [t.heading for t in TROUBLES if t.reason]
    assert len(illustrations) <= MOST_ILLUSTRATIONS * len(TROUBLES), illustrations


def test_no_two_entries_have_the_same_heading():
    anchors = [anchor(trouble.heading) for trouble in TROUBLES]
    assert len(set(anchors)) == len(anchors) > 40


def test_the_page_opens_with_a_table_of_ten_symptoms_that_lead_to_entries():
    opening, _, _ = text_of_page().partition("<!-- contents -->")
    row = r"^\| [^|]+ \| [^|]+ \| \[[^|]+\]\(#(\S+)\) \|$"
    anchors = re.findall(row, opening, re.M)
    assert len(set(anchors)) == len(anchors) == 10
    assert set(anchors) <= {anchor(trouble.heading) for trouble in TROUBLES}


def test_the_groups_are_the_stages_in_order():
    assert list(dict.fromkeys(trouble.group for trouble in TROUBLES)) == GROUPS


def test_the_contents_lead_to_every_entry_in_order():
    lines = re.search(
        r"<!-- contents -->\n(.*)<!-- end of the contents -->", text_of_page(), re.S
    )[1].splitlines()
    expected = []
    for trouble in TROUBLES:
        group = f"- [{trouble.group}](#{anchor(trouble.group)})"
        if group not in expected:
            expected.append(group)
        expected.append(f"  - [{trouble.heading}](#{anchor(trouble.heading)})")
    assert lines == expected


def test_the_prose_fits_into_80_columns():
    prose = re.sub(r"^```.*?^```", "", text_of_page(), flags=re.M | re.S)
    long = [line for line in prose.splitlines() if len(line) > 80]
    assert [line for line in long if not re.search(r"^#|\]\(|<!--", line)] == []


def text_of_page():
    return PAGE.read_text(encoding="utf-8")
