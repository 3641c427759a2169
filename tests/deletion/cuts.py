"""What can be deleted from a Python source, piece by piece.

A piece is a statement, a decorator, or an entry of a list, a set, a tuple or a dict.
What takes its place is nothing in the language's own words, so that no comma and no
body is left over. Imports, docstrings and `pass` stay.
"""

import ast
from collections import Counter
from dataclasses import dataclass

LEFT_ALONE = (ast.Import, ast.ImportFrom, ast.Pass)
FOR_A_STATEMENT, FOR_A_DECORATOR, FOR_AN_ENTRY, FOR_A_PAIR = "pass", "", "*()", "**{}"


@dataclass(frozen=True)
class Cut:
    """The bytes from `start` to `end` of a source give way to `instead`.

    `name` says which they are, whatever is added or deleted around them: the classes
    and functions they are in, and their first line. `line` counts from 1.
    """

    name: str
    line: int
    start: int
    end: int
    instead: str

    def holds(self, other):
        """Return whether `other` is inside this cut."""
        return self != other and self.start <= other.start and other.end <= self.end


def cuts_of(source):
    """Return the Cuts of a Python source, in order; raise SyntaxError if it is none."""
    finder = _Finder(source)
    finder.visit(ast.parse(source))
    return sorted(finder.cuts, key=lambda cut: (cut.start, -cut.end))


def without(source, cuts):
    """Return the source without these cuts, none of which is inside another."""
    rest = source.encode()
    for cut in sorted(cuts, key=lambda cut: cut.start, reverse=True):
        rest = rest[: cut.start] + cut.instead.encode() + rest[cut.end :]
    return rest.decode()


class _Finder(ast.NodeVisitor):
    def __init__(self, source):
        self.cuts = []
        self._source = source.encode()
        lines = self._source.splitlines(keepends=True)
        self._lengths = [len(line) for line in lines]
        self._scope, self._seen = [], Counter()

    def visit(self, node):
        if isinstance(node, ast.stmt) and not is_left_alone(node):
            self._cut_statement(node)
        if not isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            return super().visit(node)
        self._scope.append(node.name)
        for each in node.decorator_list:
            self._add((each.lineno, node.col_offset), each, FOR_A_DECORATOR)
        super().visit(node)
        self._scope.pop()

    def visit_JoinedStr(self, node):
        """Look into no f-string: before Python 3.12 its parts have wrong places."""

    def _cut_statement(self, node):
        decorators = getattr(node, "decorator_list", [])
        first = min([node.lineno, *(each.lineno for each in decorators)])
        self._add((first, node.col_offset), node, FOR_A_STATEMENT)

    def _cut_entries(self, node):
        if not isinstance(getattr(node, "ctx", None), (ast.Store, ast.Del)):
            for entry in node.elts:
                self._add((entry.lineno, entry.col_offset), entry, FOR_AN_ENTRY)
        self.generic_visit(node)

    visit_List = visit_Set = _cut_entries

    def visit_Dict(self, node):
        for key, value in zip(node.keys, node.values, strict=True):
            if key:  # None for **more
                self._add((key.lineno, key.col_offset), value, FOR_A_PAIR)
        self.generic_visit(node)

    def _add(self, begin, last, instead):
        start = self._offset(*begin)
        end = self._offset(last.end_lineno, last.end_col_offset)
        first_line = self._source[start:end].decode().splitlines()[0]
        name = f"{'.'.join(self._scope)}: {first_line}".removeprefix(": ")
        self._seen[name] += 1
        if self._seen[name] > 1:
            name += f" ({self._seen[name]})"
        self.cuts.append(Cut(name, begin[0], start, end, instead))

    def _offset(self, line, column):
        return sum(self._lengths[: line - 1]) + column


def is_left_alone(statement):
    """Return whether this statement is no code to delete."""
    return isinstance(statement, LEFT_ALONE) or is_docstring(statement)


def is_docstring(statement):
    """Return whether this statement is a text that nobody reads but people."""
    value = getattr(statement, "value", None)
    return (
        isinstance(statement, ast.Expr)
        and isinstance(value, ast.Constant)
        and isinstance(value.value, str)
    )
