"""What each step can do: `python -m tests.readme.table` writes the table in docs.

Its rows are the `can` texts of the tests, in the order of the files and of the tests in
them; a cell is marked where the test that claims it holds.
"""

import importlib

from tests.conftest import holds_at
from tests.spec.order import ORDER
from tutorial.shared.steps import ROOT, all_steps

PAGE = ROOT / "docs/steps.md"
# The order of the rows: what a visitor meets first.
MODULES = [
    *(f"spec.test_{name}" for name in ORDER),
    "servers.test_daphne",
    "servers.test_manage",
    "servers.test_valkey_restart",
    "servers.test_two_servers",
    "servers.test_history",
    "servers.test_may_stay",
    "servers.test_limits",
    "servers.test_settings",
    "servers.test_postgresql",
    "servers.test_production",
    "servers.test_update",
    "servers.test_brokers",
    "servers.test_metrics",
    "servers.test_uvicorn",
    "servers.test_scale",
    "servers.test_random_run",
    "browser.test_room",
    "browser.test_rooms",
    "browser.test_history",
    "browser.test_reconnect",
    "browser.test_catch_up",
    "browser.test_outbox",
    "browser.test_random_run",
    "browser.test_may_stay",
    "browser.test_limits",
    "browser.test_update",
    "browser.test_accessibility",
]
BEGIN, END = "<!-- table: make table -->\n", "<!-- end of the table -->\n"


def claims():
    """Return {what a step can do: its `holds` marks} in the order of the table."""
    found = {}
    for name in MODULES:
        module = importlib.import_module(f"tests.{name}")
        tests = [value for key, value in vars(module).items() if key[:5] == "test_"]
        for mark in (mark for test in tests for mark in test.pytestmark):
            if mark.name == "holds" and "can" in mark.kwargs:
                found.setdefault(mark.kwargs["can"], []).append(mark)
    return found


def table():
    """Return the table of what each step can do in Markdown."""
    steps = all_steps()
    links = (f"[{it.number}](../steps/{it.name}/README.md)" for it in steps)
    head = ["What you can do", *links]
    rows = [head, ["---", *(":-:" for _ in steps)]]
    for can, marks in claims().items():
        held = [any(holds_at(mark, it.number) for mark in marks) for it in steps]
        rows.append([can, *("✓" if holds else "" for holds in held)])
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def with_table(text):
    """Return the page's text with its table as it should be now."""
    before, rest = text.split(BEGIN)
    return before + BEGIN + table() + END + rest.split(END)[1]


def main():
    PAGE.write_text(with_table(PAGE.read_text()))


if __name__ == "__main__":
    main()
