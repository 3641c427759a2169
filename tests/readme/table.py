"""The README's tables of the steps: `python -m tests.readme.table` writes them.

One lists the steps, with the headings of their chapters. The other says what each step
can do: its rows are the `can` texts of the tests, in the order of the files and of the
tests in them; a cell is marked where the test that claims it holds.
"""

import importlib

from tests.conftest import holds_at
from tests.spec.order import ORDER
from tutorial.shared.steps import ROOT, all_steps

README = ROOT / "README.md"
# The order of the rows: what a visitor meets first.
MODULES = [
    *(f"spec.test_{name}" for name in ORDER),
    "servers.test_daphne",
    "servers.test_manage",
    "servers.test_valkey_restart",
    "servers.test_two_servers",
    "servers.test_random_run",
    "browser.test_room",
    "browser.test_rooms",
    "browser.test_accessibility",
]
STEPS = "<!-- steps: make table -->\n", "<!-- end of the steps -->\n"
CLAIMS = "<!-- table: make table -->\n", "<!-- end of the table -->\n"


def claims():
    """Return {what a step can do: its `holds` mark} in the order of the table."""
    found = {}
    for name in MODULES:
        module = importlib.import_module(f"tests.{name}")
        tests = [value for key, value in vars(module).items() if key[:5] == "test_"]
        for mark in (mark for test in tests for mark in test.pytestmark):
            if mark.name == "holds" and "can" in mark.kwargs:
                found[mark.kwargs["can"]] = mark
    return found


def list_of_steps():
    """Return the table of the steps in Markdown: the folder, and its heading."""
    rows = ["| step | its chapter |", "| --- | --- |"]
    for step in all_steps():
        with (step.path / "README.md").open(encoding="utf-8") as chapter:
            title = chapter.readline().partition(": ")[2].strip()
        title = f"{title[0].upper()}{title[1:]}."
        rows.append(f"| [{step.name}](steps/{step.name}) | {title} |")
    return "".join(f"{row}\n" for row in rows)


def table():
    """Return the table of what each step can do in Markdown."""
    steps = all_steps()
    head = ["What you can do", *(step.number for step in steps)]
    rows = [head, ["---", *(":-:" for _ in steps)]]
    for can, mark in claims().items():
        cells = ("✓" if holds_at(mark, step.number) else "" for step in steps)
        rows.append([can, *cells])
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def with_tables(text):
    """Return the README's text with its tables as they should be now."""
    for (begin, end), new in ((STEPS, list_of_steps()), (CLAIMS, table())):
        before, rest = text.split(begin)
        text = before + begin + new + end + rest.split(end)[1]
    return text


def main():
    README.write_text(with_tables(README.read_text()))


if __name__ == "__main__":
    main()
