"""The deletion test's own parts: what it deletes, what it remembers, how it ends."""

import ast
import contextlib
import signal
import subprocess
import sys

import pytest

from tests.deletion.cuts import cuts_of, without
from tests.deletion.record import (
    NO_REASON,
    code_of_tests,
    digest,
    read_survivors,
    write_survivors,
)
from tests.deletion.trial import Trials, outermost, pieces_of, red_test
from tests.support.folders import copy_folder
from tests.support.tool import running
from tutorial.shared.steps import ROOT, Step, all_steps

STEPS = all_steps()
# What a source is, and what becomes of it without each of its pieces, in order.
SOURCES = {
    "statements on several lines": (
        "a = f(\n    1,\n)\nb = 2\n",
        ["pass\nb = 2\n", "a = f(\n    1,\n)\npass\n"],
    ),
    "statements on one line": (
        "a = 'é'; b = 2\nif a: b = 3\n",
        [
            "pass; b = 2\nif a: b = 3\n",
            "a = 'é'; pass\nif a: b = 3\n",
            "a = 'é'; b = 2\npass\n",
            "a = 'é'; b = 2\nif a: pass\n",
        ],
    ),
    "the last statement of each branch": (
        "if a:\n    b()\nelif c:\n    d()\nelse:\n    e()\n",
        [
            "pass\n",
            "if a:\n    pass\nelif c:\n    d()\nelse:\n    e()\n",
            "if a:\n    b()\npass\n",
            "if a:\n    b()\nelif c:\n    pass\nelse:\n    e()\n",
            "if a:\n    b()\nelif c:\n    d()\nelse:\n    pass\n",
        ],
    ),
    "what is tried, caught and done in any case": (
        "try:\n    a()\nexcept E:\n    b()\nfinally:\n    c()\n",
        [
            "pass\n",
            "try:\n    pass\nexcept E:\n    b()\nfinally:\n    c()\n",
            "try:\n    a()\nexcept E:\n    pass\nfinally:\n    c()\n",
            "try:\n    a()\nexcept E:\n    b()\nfinally:\n    pass\n",
        ],
    ),
    "a function and its decorators": (
        "@a\n@b(\n    1\n)\nasync def f():\n    return 1\n",
        [
            "pass\n",
            "\n@b(\n    1\n)\nasync def f():\n    return 1\n",
            "@a\n\nasync def f():\n    return 1\n",
            "@a\n@b(\n    1\n)\nasync def f():\n    pass\n",
        ],
    ),
    "entries of lists and dicts": (
        "a = [1, {'b': c, **d}]\n",
        [
            "pass\n",
            "a = [*(), {'b': c, **d}]\n",
            "a = [1, *()]\n",
            "a = [1, {**{}, **d}]\n",
        ],
    ),
    "nothing that only people read, no import, no target": (
        '"""Doc."""\nimport a\n\nclass B:\n    """Doc."""\n    [c, d] = f"{[1]}"\n',
        [
            '"""Doc."""\nimport a\n\npass\n',
            '"""Doc."""\nimport a\n\nclass B:\n    """Doc."""\n    pass\n',
        ],
    ),
}


@pytest.mark.parametrize(("source", "left"), SOURCES.values(), ids=SOURCES)
def test_each_piece_is_deleted_and_python_is_left(source, left):
    assert [without(source, [cut]) for cut in cuts_of(source)] == left
    for rest in left:
        ast.parse(rest)


def test_a_piece_is_called_by_where_it_is_and_by_its_first_line():
    source = "class A:\n    def b(self):\n        c(\n            1)\n        c(\n"
    source += "            2)\n@d\ndef e(): ...\n"
    names = ["class A:", "A: def b(self):", "A.b: c(", "A.b: c( (2)", "@d", "e: @d"]
    assert [cut.name for cut in cuts_of(source)] == [*names, "e: ..."]


def test_two_pieces_are_deleted_together():
    source = "a = 1\nb = [2, 3]\nc = 4\n"
    first, whole, *entries, last = cuts_of(source)
    assert without(source, [last, first]) == "pass\nb = [2, 3]\npass\n"
    assert without(source, entries) == "a = 1\nb = [*(), *()]\nc = 4\n"
    assert all(whole.holds(entry) for entry in entries)
    assert not any(whole.holds(other) for other in (first, whole, last))


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.number)
def test_every_piece_of_a_step_can_be_deleted_and_has_a_name_of_its_own(step):
    pieces = pieces_of(step)
    assert len({piece.key for piece in pieces}) == len(pieces) > 80
    for piece in pieces:
        source = (step.path / piece.path).read_text()
        ast.parse(without(source, [piece.cut]))


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.number)
def test_every_listed_survivor_is_in_its_step_and_has_a_reason(step):
    listed = read_survivors()[step.number]
    there = outermost([piece for piece in pieces_of(step) if piece.key in listed])
    assert {piece.key for piece in there} == set(listed)
    assert NO_REASON not in listed.values()


@pytest.mark.parametrize(
    ("status", "said", "red"),
    [
        (0, "...\n3 passed, 1 deselected in 0.50s", ""),
        (5, "9 deselected in 0.10s", ""),
        (1, "3 passed in 0.50s\nResourceWarning: unclosed", ""),
        (
            1,
            "FAILED tests/spec/test_a.py::test_b[1] - x\n1 failed, 3 passed in 1s",
            "b",
        ),
        (1, "ERROR tests/spec/test_a.py::test_b\n3 passed, 1 error in 1s", "b"),
        (4, "ERROR: config/settings.py cannot be used: NameError", "spec"),
        (-9, "...", "spec"),
        (-9, "3 passed in 0.50s", "spec"),
    ],
)
def test_a_run_is_red_if_a_test_is_or_if_it_cannot_begin_or_end(status, said, red):
    tests = {"": "", "b": "tests/spec/test_a.py::test_b", "spec": "tests/spec"}
    assert red_test(status, said) == tests[red]


@pytest.mark.server
def test_a_piece_survives_if_no_test_misses_it():
    names = ["Migration: initial = True", 'ROOT_URLCONF = "config.urls"']
    pieces = [piece for piece in pieces_of(STEPS[0]) if piece.cut.name in names]
    survivor, _ = sorted(pieces, key=lambda piece: names.index(piece.cut.name))
    assert Trials().survivors_among(STEPS[0], pieces) == [survivor]


def test_survivors_are_read_as_they_were_written(tmp_path):
    listed = {step.number: {} for step in STEPS}
    listed["00"]["manage.py", 'if __name__ == "__main__":'] = "One reason."
    listed["02"]["manage.py", 'if __name__ == "__main__":'] = "One reason."
    listed["02"]["chat/views.py", "def room(request):"] = "Another."
    file = tmp_path / "survivors.txt"
    write_survivors(listed, file)
    assert read_survivors(file) == listed
    assert '    00,02 manage.py if __name__ == "__main__":\n' in file.read_text()


@pytest.fixture
def copy(tmp_path):
    """A copy of step 05, as a Step."""
    return Step("05", copy_folder(STEPS[5].path, tmp_path / "05_async"))


@pytest.mark.parametrize(
    ("path", "before", "after", "is_same"),
    [
        ("chat/messages.py", "MAX_LENGTH = 2000", "\nMAX_LENGTH = 2000  # more", True),
        ("chat/messages.py", '"""Return', '"""Give back', True),
        ("chat/messages.py", "MAX_LENGTH = 2000", "MAX_LENGTH = 2001", False),
        ("chat/messages.py", "    return message", "return message", False),
        ("chat/templates/chat/room.html", "{{", "{{ ", False),
        ("chat/static/chat/room.js", "const", "let", True),
        ("README.md", "05", "005", True),
    ],
)
def test_a_step_has_changed_when_its_code_has(copy, path, before, after, is_same):
    old, file = digest(copy, {}), copy.path / path
    assert before in file.read_text()
    file.write_text(file.read_text().replace(before, after))
    assert (digest(copy, {}) == old) == is_same


def test_a_step_has_changed_when_a_survivor_is_listed_or_not_any_more(copy):
    key = "manage.py", "main()"
    assert digest(copy, {key: "One reason."}) == digest(copy, {key: "Another."})
    assert digest(copy, {key: "One reason."}) != digest(copy, {})


def test_a_step_has_changed_when_a_test_has_that_holds_there():
    assert any("chat.message" in code for code in code_of_tests("07"))
    assert not any("chat.message" in code for code in code_of_tests("06"))
    for code in code_of_tests("06"):
        assert "def test_" not in code
        assert ".holds(" not in code


@pytest.mark.server
def test_ctrl_c_ends_everything_that_was_started():
    command = (sys.executable, "-u", "-m", "tests.deletion")
    # With a server of forks of its own, so that what is forked is of its family.
    with running(ROOT, "03", command=command, WARM_PYTHON="") as tool:
        tool.wait_until_said("Trying 03_channel_layer")
        while not any("valkey" in name for name in tool.names()):
            with contextlib.suppress(subprocess.TimeoutExpired):
                tool.process.wait(0.05)
                raise AssertionError(tool.process.stderr.read())
        assert tool.stop(signal.SIGINT) == (130, [])
