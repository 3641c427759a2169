"""What is remembered between two runs: the survivors, and the steps that were tried.

`survivors.txt` has a reason on a line of its own. Below it, indented, is what survives
for that reason: the numbers of the steps, the file, and the name of the piece.

`tried.txt` has a digest for each step. It changes with whatever decides what survives:
the step's Python, templates and demo data, the tests in tests/spec and tests/servers
that hold at the step, and the step's survivors. It does not change with comments,
docstrings and empty lines, with the names of tests and their order, with tests of other
steps and the files in which there are no others, or with scripts and styles, which only
a browser reads. The helpers in tests/support are left out because they change often,
and tests/mutants shows in every run of all tests that the spec still notices mistakes
with them.
"""

import ast
import hashlib
import io
import tokenize
from pathlib import Path

import pytest

from tests.conftest import holds_at
from tutorial.shared.steps import ROOT, all_steps

from .cuts import is_docstring

SURVIVORS = Path(__file__).parent / "survivors.txt"
TRIED = Path(__file__).parent / "tried.txt"
NO_REASON = "?"
# Of what is not Python in a step, a test without a browser sees these.
SEEN = (".html", ".json")


def read_survivors(file=SURVIVORS):
    """Return {number of a step: {(path, name of a piece): reason}}."""
    listed = {step.number: {} for step in all_steps()}
    for line in file.read_text(encoding="utf-8").splitlines():
        if not line.startswith(" "):
            reason = line
        else:
            numbers, path, name = line.split(maxsplit=2)
            for number in numbers.split(","):
                listed[number][path, name] = reason
    return listed


def write_survivors(listed, file=SURVIVORS):
    """Write what `read_survivors` returns."""
    by_reason = {}
    for number, survivors in sorted(listed.items()):
        for key, reason in sorted(survivors.items()):
            by_reason.setdefault(reason, {}).setdefault(key, []).append(number)
    text = ""
    for reason, survivors in by_reason.items():
        text += f"{reason}\n"
        for (path, name), numbers in sorted(survivors.items()):
            text += f"    {','.join(numbers)} {path} {name}\n"
    file.write_text(text, encoding="utf-8")


def read_tried():
    """Return {name of a step: its digest when it was tried}."""
    return dict(line.split() for line in TRIED.read_text().splitlines())


def changed_steps(listed):
    """Return the steps that have changed since they were tried."""
    tried = read_tried()
    return [s for s in all_steps() if tried.get(s.name) != digest(s, listed[s.number])]


def write_tried(step, listed):
    """Remember that a step has been tried as it is."""
    tried = read_tried() | {step.name: digest(step, listed[step.number])}
    TRIED.write_text("".join(f"{name} {tried[name]}\n" for name in sorted(tried)))


def digest(step, survivors):
    """Return 16 hexadecimal digits for a step and the keys of its survivors."""
    parts = [f"{path} {name}" for path, name in sorted(survivors)]
    for file in sorted(step.path.rglob("*")):
        if file.suffix == ".py":
            parts += [file.relative_to(step.path).as_posix(), written(read(file)[0])]
        elif file.suffix in SEEN:
            parts += [file.name, file.read_text(encoding="utf-8")]
    parts += code_of_tests(step.number)
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def code_of_tests(number):
    """Return the code of the tests that hold at a step, and of what is beside them."""
    code = []
    for folder in ("spec", "servers"):
        for file in (ROOT / "tests" / folder).glob("*.py"):
            lines, tree = read(file)
            if file.name == "order.py" or not concerns(number, tree):
                continue
            code += [written(lines[part]) for part in parts_at(number, lines, tree)]
    return sorted(code)


def concerns(number, tree):
    """Return whether a file has a test that holds at a step, or no tests at all."""
    marks = [mark for node in tree.body for mark in marks_of(node)]
    return not marks or any(holds_there(mark, number) for mark in marks)


def parts_at(number, lines, tree):
    """Yield slices of a test file's lines; clear the names and marks of its tests."""
    for node in tree.body:
        marks = marks_of(node)
        for mark in marks:
            clear(lines, mark)
            line = lines[node.lineno - 1]
            lines[node.lineno - 1] = line.replace(node.name, "test")
        if all(holds_there(mark, number) for mark in marks):
            decorators = getattr(node, "decorator_list", [])
            first = min(each.lineno for each in (node, *decorators))
            yield slice(first - 1, node.end_lineno)


def marks_of(node):
    """Return the ASTs of the `holds` marks of a statement."""
    decorators = getattr(node, "decorator_list", [])
    return [each for each in decorators if ".holds(" in ast.unparse(each)]


def holds_there(mark, number):
    """Return whether the AST of a `holds` mark covers the step with this number."""
    kwargs = {each.arg: ast.literal_eval(each.value) for each in mark.keywords}
    return holds_at(pytest.mark.holds(**kwargs), number)


def read(file):
    """Return the lines of a Python file, without comments and docstrings; its AST."""
    text = file.read_text(encoding="utf-8")
    lines, tree = text.splitlines(), ast.parse(text)
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            line, column = token.start
            lines[line - 1] = lines[line - 1][:column]
    for node in filter(is_docstring, ast.walk(tree)):
        clear(lines, node)
    return lines, tree


def clear(lines, node):
    """Make the lines of a node empty."""
    for line in range(node.lineno - 1, node.end_lineno):
        lines[line] = ""


def written(lines):
    """Return lines as a text, without those that are empty."""
    return "\n".join(line.rstrip() for line in lines if line.strip())
