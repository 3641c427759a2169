"""The README: its tables are current."""

from tests.readme.table import MODULES, README, list_of_steps, table, with_tables
from tutorial.shared.steps import ROOT, all_steps


def test_the_tables_list_every_step_and_say_what_the_tests_declare():
    assert table().count("\n") > 20
    assert list_of_steps().count("\n") == len(all_steps()) + 2
    assert README.read_text() == with_tables(README.read_text())


def test_the_table_asks_every_file_of_the_spec():
    folders = ("spec", "servers", "browser")
    files = [f for folder in folders for f in (ROOT / "tests" / folder).glob("test_*")]
    assert {f"{f.parent.name}.{f.stem}" for f in files} == set(MODULES)
