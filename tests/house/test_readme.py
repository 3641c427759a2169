"""The README, the table of what each step can do, and the pictures."""

import re

import pytest

from tests.readme.screenshot import DOCS, SCENES
from tests.readme.table import MODULES, PAGE, table, with_table
from tutorial.__main__ import VERBS
from tutorial.shared.steps import ROOT, all_steps

README = (ROOT / "README.md").read_text(encoding="utf-8")
HOURS = {"half an hour": 30, "an hour": 60, "an hour and a half": 90, "two hours": 120}
TIME = re.compile(rf"about (\d+ minutes|{'|'.join(sorted(HOURS, reverse=True))})")


def rows_below(heading):
    """Return the cells of each row of the table in a section of the README."""
    section = README.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [line.strip("| ").split(" | ") for line in lines[2:]]


def test_the_table_says_what_the_tests_declare():
    assert table().count("\n") > 20
    assert PAGE.read_text() == with_table(PAGE.read_text())
    assert "](docs/steps.md)" in README


def test_the_table_asks_every_file_of_the_spec():
    folders = ("spec", "servers", "browser")
    files = [f for folder in folders for f in (ROOT / "tests" / folder).glob("test_*")]
    assert {f"{f.parent.name}.{f.stem}" for f in files} == set(MODULES)


def test_the_path_has_a_row_for_each_step_in_order_with_its_link_and_minutes():
    rows = rows_below("The path")
    assert len(rows) == len(all_steps())
    for step, (chapter, *texts, minutes) in zip(all_steps(), rows, strict=True):
        heading = (step.path / "README.md").read_text(encoding="utf-8").split("\n")[0]
        title = heading.partition(": ")[2]
        title = f"{step.number} {title[0].upper()}{title[1:]}"
        assert chapter == f"[{title}](steps/{step.name}/README.md)"
        assert len(texts) == 2
        assert int(minutes)


@pytest.mark.parametrize("step", all_steps(), ids=lambda step: step.number)
def test_the_path_and_the_chapter_agree_on_how_long_it_takes(step):
    text = (step.path / "README.md").read_text(encoding="utf-8")
    needs = text.partition("**What you need.**")[2].partition("**New words.**")[0]
    time = TIME.search(re.sub(r"\s+>?\s*", " ", needs))
    if time:
        minutes = HOURS.get(time[1]) or int(time[1].split()[0])
        assert rows_below("The path")[all_steps().index(step)][-1] == str(minutes)


def test_one_screen_leads_to_the_start():
    before = README.partition("\n## Start learning\n")[0]
    assert 10 < before.count("\n") <= 55


def test_the_readme_names_every_verb_of_the_tool():
    commands = {command for command, _ in rows_below("How it works")}
    assert {command.split()[1].strip("`") for command in commands} == set(VERBS)


def test_each_step_has_its_picture_and_none_is_large():
    assert set(SCENES) == {"room", *(step.number for step in all_steps())}
    pictures = {picture.stem: picture for picture in DOCS.glob("*.png")}
    assert set(pictures) == {"stage", *SCENES}
    for name, picture in pictures.items():
        assert picture.stat().st_size < (160_000 if name == "stage" else 90_000)
