"""Draw a diff: in a terminal, as plain text, or as a page of HTML.

What is drawn is a list of parts, which are pairs: ("h1", title), ("h2", heading),
("p", text), ("stat", [(path, added, removed), ...]) and ("diff", a unified diff).
"""

import io
import itertools
import os
import re
import shutil
import signal
import subprocess
import sys
from contextlib import nullcontext

from rich import box
from rich.console import Console, Group
from rich.pager import Pager
from rich.segment import Segment, Segments
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from .page import page
from .patches import read_diff

# A theme of Pygments, and the colour behind a line with each sign.
DARK = "github-dark", {" ": "#0d1117", "+": "#12361f", "-": "#4b1113"}
LIGHT = "xcode", {" ": "#f4f4f4", "+": "#d7ffd7", "-": "#ffd7d7"}


class Less(Pager):
    """$PAGER, or else less: with colours (R), and not for a single screen (F, X)."""

    def show(self, content):
        pager = os.environ.get("PAGER", "less" if shutil.which("less") else "cat")
        env = {**os.environ, "LESS": f"-FRX {os.environ.get('LESS', '')}"}
        # Ctrl-C is for the pager: it may only end a search.
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        subprocess.run(
            pager or "cat",
            shell=True,
            input=content.encode("utf-8", "replace"),
            env=env,
        )
        signal.signal(signal.SIGINT, before)


def show(parts, side_by_side):
    """Print the parts: page by page in a terminal, and coloured if it has colours.

    Elsewhere one column is plain text: a patch, with headings, that `git apply` takes.
    """
    sys.stdout.reconfigure(errors="replace")
    console = Console(highlight=False, markup=False, emoji=False)
    plain = not console.is_terminal and not side_by_side
    paged = sys.stdout.isatty() and not console.is_dumb_terminal
    with console.pager(Less(), styles=True) if paged else nullcontext():
        for kind, content in drawn(parts, side_by_side, DARK, plain):
            if kind == "pre":
                console.print(content, crop=False, end="")
            else:
                mark = {"h1": "# ", "h2": "## "}.get(kind, "")
                style = "bold" if kind.startswith("h") else None
                console.print(mark + content, style=style, soft_wrap=True)
            if kind != "h3":
                console.print()


def html_of(parts, side_by_side):
    """Return the parts as a page of HTML."""
    elements = []
    for tag, content in drawn(parts, side_by_side, LIGHT):
        if tag == "pre":
            console = Console(
                record=True,
                file=io.StringIO(),
                force_terminal=False,
                width=126 if side_by_side else 92,
                height=1,
            )
            console.print(content)
            content = console.export_html(code_format="{code}", inline_styles=True)
        elements.append((tag, content))
    return page(elements, landscape=side_by_side)


def drawn(parts, side_by_side, palette, plain=False):
    """Yield (tag of HTML, text) for the parts, or ("pre", what rich prints)."""
    for kind, content in parts:
        if kind == "stat":
            yield "pre", stat_table(content)
        elif kind == "diff" and plain:
            yield "pre", Segments([Segment(content)])
        elif kind == "diff":
            for file in read_diff(content):
                notes = file.notes and f" ({', '.join(file.notes)})"
                yield "h3" if file.hunks else "p", f"{file.name}{notes or ''}"
                if file.hunks:
                    yield "pre", Group(*drawn_hunks(file, side_by_side, palette))
        else:
            yield kind, content


def drawn_hunks(file, side_by_side, palette):
    """Yield what rich prints for a file. A file with only one side is not split."""
    theme, colours = palette
    is_template = file.name.endswith(".html")
    lexer = "html+django" if is_template else Syntax.guess_lexer(file.name)
    syntax = Syntax("", lexer, theme=theme, word_wrap=True)
    two_sides = side_by_side and len(set(file.signs)) > 1
    for number, rows in file.hunks:
        if number > 1:
            yield Text(f"  line {number}", "dim italic")
        lines = list(highlighted(rows, syntax, colours))
        yield from [two_columns(lines)] if two_sides else lines


def highlighted(rows, syntax, colours):
    """Yield a Line for each row; the code before and after is highlighted apart."""
    # All but what would steer the terminal.
    rows = [(sign, re.sub(r"[\0-\x08\n-\x1f\x7f-\x9f]", "?", c)) for sign, c in rows]
    old, new = (
        syntax.highlight("\n".join(code for sign, code in rows if sign != other))
        for other in "+-"
    )
    old, new = (iter(side.split(allow_blank=True)) for side in (old, new))
    for sign, _ in rows:
        before = None if sign == "+" else next(old)
        after = None if sign == "-" else next(new)
        code = before if after is None else after
        yield Line(sign, code, colours.get(sign, colours[" "]))


class Line:
    """A line of code behind its sign, coloured over all the width there is."""

    def __init__(self, sign, code, colour):
        self.sign, self.code, self.colour = sign, code, colour

    def __rich_console__(self, console, options):
        indent = len(self.code) - len(self.code.plain.lstrip(" "))
        indent = min(indent, options.max_width // 2)
        margin = f"{self.sign} " + " " * indent
        width = options.max_width - len(margin)
        for part in self.code[indent:].wrap(console, width, overflow="fold"):
            line = Text(margin).append_text(part)
            line.align("left", options.max_width)
            line.stylize(f"on {self.colour}")
            yield line
            margin = " " * len(margin)


def two_columns(lines):
    """Return a table of Lines: the old ones on the left, the new ones on the right."""
    table = Table(
        box=box.MINIMAL, show_header=False, show_edge=False, padding=0, expand=True
    )
    table.add_column(ratio=1)
    table.add_column(ratio=1)
    for _, group in itertools.groupby(lines, lambda line: line.sign == " "):
        group = list(group)
        old, new = ([line for line in group if line.sign != other] for other in "+-")
        for pair in itertools.zip_longest(old, new, fillvalue=""):
            table.add_row(*pair)
    return table


def stat_table(rows):
    """Return a table of (path, added, removed), with a total."""
    table = Table(box=box.SIMPLE, show_footer=True)
    table.add_column("file", "total", overflow="fold")
    table.add_column("added", f"+{sum(row[1] for row in rows)}", justify="right")
    table.add_column("removed", f"-{sum(row[2] for row in rows)}", justify="right")
    for path, added, removed in rows:
        table.add_row(path, f"+{added}", f"-{removed}")
    return table
