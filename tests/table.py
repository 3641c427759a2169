"""The README's table of what each step can do: `python -m tests.table` writes it.

The rows are the `can` texts of the tests, in the order of the files and of the tests in
them; a cell is marked where the test that claims it holds.
"""

import importlib
import re

from tests.conftest import holds_at
from tutorial.steps import ROOT, all_steps

README = ROOT / "README.md"
# The order of the rows: what a visitor meets first.
MODULES = [
    "spec.test_pages",
    "spec.test_handshake",
    "spec.test_messages",
    "spec.test_context",
    "spec.test_bad_input",
    "spec.test_load",
    "servers.test_daphne",
    "servers.test_valkey_restart",
    "browser.test_room",
]
BEGIN, END = "<!-- table: make table -->\n", "<!-- end of the table -->\n"


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


def table():
    """Return the table in Markdown."""
    steps = all_steps()
    head = ["What you can do", *(step.number for step in steps)]
    rows = [head, ["---", *(":-:" for _ in steps)]]
    for can, mark in claims().items():
        cells = ("✓" if holds_at(mark, step.number) else "" for step in steps)
        rows.append([can, *cells])
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def with_table(text, new):
    """Return the README's text with `new` in the place of its table."""
    pattern = re.escape(BEGIN) + ".*?" + re.escape(END)
    return re.sub(pattern, lambda _: BEGIN + new + END, text, flags=re.DOTALL)


def main():
    text = README.read_text()
    README.write_text(with_table(text, table()))


if __name__ == "__main__":
    main()
