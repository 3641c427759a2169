"""A notebook's form, and what two runs of it have to have in common."""

import json
import re

import nbformat
import pytest
from nbformat.v4 import (
    new_code_cell,
    new_markdown_cell,
    new_notebook,
    new_output,
)

from tutorial.maintenance import notebook
from tutorial.verbs.notebooks import FOLDER

PATHS = sorted(FOLDER.glob("*.ipynb"))
each_notebook = pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)


def cell(*outputs, tags=()):
    """Return a notebook with one cell, below a heading, that shows these outputs."""
    code = new_code_cell("1 / 0", outputs=list(outputs))
    if tags:
        code.metadata["tags"] = list(tags)
    return new_notebook(cells=[new_markdown_cell("# Title\n\n## Part\n\nText"), code])


def stream(text):
    return new_output("stream", name="stdout", text=text)


def result(kind, text):
    return new_output("execute_result", {kind: text})


PLAIN = stream("hello\n")
# What a console prints up to Python 3.12, and from 3.13 on.
REFUSED = """\
>>> await 1
  File "<console>", line 1
SyntaxError: 'await' outside function
"""
REFUSED_WITH_CARETS = """\
>>> await 1
  File "<console>", line 1
    await 1
    ^^^^^^^
SyntaxError: 'await' outside function
"""
NAME = "specific.{}!{}"


@pytest.mark.parametrize(
    ("before", "now"),
    [
        (cell(PLAIN), cell(PLAIN)),
        (
            cell(stream(NAME.format("0a" * 16, "1b" * 16))),
            cell(stream(NAME.format("2c" * 16, "3d" * 16))),
        ),
        (cell(stream("notebook-12ab:x")), cell(stream("notebook-34cd:x"))),
        (cell(stream("took 1.25 s")), cell(stream("took 17 s"))),
        (cell(stream(REFUSED)), cell(stream(REFUSED_WITH_CARETS))),
        (cell(result("image/png", "AAAA")), cell(result("image/png", "BBBB"))),
        (
            cell(stream("10 members: 3.5"), tags=["varies"]),
            cell(stream("200 members: 1,000"), tags=["varies"]),
        ),
    ],
)
def test_what_varies_is_no_difference(before, now):
    assert notebook.differences(before, now) == []


@pytest.mark.parametrize(
    ("before", "now", "lines"),
    [
        (cell(PLAIN), cell(), ['-   "hello\\n"']),
        (cell(), cell(PLAIN), ['+   "hello\\n"']),
        (cell(PLAIN), cell(PLAIN, PLAIN), ['+   "hello\\n"']),
        (
            cell(stream("3 rows")),
            cell(stream("4 rows")),
            ['-   "3 rows"', '+   "4 rows"'],
        ),
        (
            cell(),
            cell(new_output("error", ename="KeyError", evalue="'user'")),
            ['+  "ename": "KeyError",', '+  "evalue": "\'user\'",'],
        ),
        (
            cell(result("application/json", {"a": 1})),
            cell(result("application/json", {"a": 2})),
            ['-    "a": 1', '+    "a": 2'],
        ),
        (
            cell(stream("yes")),
            cell(stream("no"), tags=["varies"]),
            ['-   "yes"', '+   "no"'],
        ),
        (
            cell(stream(REFUSED)),
            cell(stream(REFUSED_WITH_CARETS.replace("Syntax", "Type"))),
            [
                """-   "SyntaxError: 'await' outside function\\n\"""",
                """+   "TypeError: 'await' outside function\\n\"""",
            ],
        ),
        (
            cell(stream("3 rows"), tags=["varies"]),
            cell(stream("3 lines"), tags=["varies"]),
            ['-   "# rows"', '+   "# lines"'],
        ),
        (
            cell(result("image/png", "AAAA")),
            cell(result("text/plain", "AAAA")),
            ['-   "image/png": ', '+   "text/plain": ['],
        ),
        (
            cell(result("text/markdown", "| a |")),
            cell(result("text/markdown", "| b |")),
            ['-    "| a |"', '+    "| b |"'],
        ),
    ],
)
def test_any_other_difference_is_shown_with_the_title_of_its_cell(before, now, lines):
    [told] = notebook.differences(before, now)
    assert told.startswith("'Part' shows something else:\n")
    assert set(lines) <= set(told.splitlines())


def test_what_an_editor_or_a_run_adds_is_not_written():
    tidy, untidy = cell(PLAIN), cell(PLAIN)
    untidy.metadata["kernelspec"] = {"display_name": "mine", "name": "mine"}
    for number, each in enumerate(untidy.cells):
        each.id = f"id-{number}"
        each.metadata["collapsed"] = True
        each.source += "\n"
    untidy.cells[1].execution_count = 7
    untidy.cells[1].metadata["execution"] = {"iopub.execute_input": "2026-01-31"}
    assert notebook.written(untidy) == notebook.written(tidy)
    untidy.cells[1].source = "2 / 0"
    assert notebook.written(untidy) != notebook.written(tidy)


def test_a_pasted_picture_is_written():
    pasted = cell()
    pasted.cells[0].attachments = {"a.png": {"image/png": "AAAA"}}
    assert '"image/png": "AAAA"' in notebook.written(pasted)


def test_tags_are_written():
    assert '"tags": [\n     "varies"' in notebook.written(cell(tags=["varies"]))


@each_notebook
def test_prose_is_at_most_80_columns_wide_and_code_88(path):
    for each in nbformat.read(path, as_version=4).cells:
        width = 80 if each.cell_type == "markdown" else 88
        lines = [line for line in each.source.splitlines() if "](" not in line]
        assert [line for line in lines if len(line) > width] == []


@each_notebook
def test_a_notebook_tells_before_it_shows_and_asks_something_to_try(path):
    cells = nbformat.read(path, as_version=4).cells
    assert cells[0].source.startswith("# ")
    prose = "\n\n".join(c.source for c in cells if c.cell_type == "markdown")
    assert prose.count("**Try.**") >= 2
    headings = [c.source for c in cells if c.source.startswith("## ")]
    assert len(headings) >= 5
    # A heading is followed by words, in the same cell.
    assert all("\n\n" in heading for heading in headings)


@each_notebook
def test_a_notebook_that_another_one_names_is_there(path):
    names = re.findall(r"\w+\.ipynb", path.read_text(encoding="utf-8"))
    assert [name for name in names if not (FOLDER / name).exists()] == []


@each_notebook
def test_nothing_of_the_machine_it_ran_on_is_in_a_notebook(path):
    for each in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        text = "".join(each["source"]) + json.dumps(each.get("outputs", []))
        assert not re.search(r"/(home|root|tmp|usr|Users)/", text)
