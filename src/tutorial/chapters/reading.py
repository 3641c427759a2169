"""Read a chapter: the fences of a step's README.md, and what each of them means.

CONTRIBUTING.md lists the forms. A fence with any other form raises a TutorialError.
"""

import re
from dataclasses import dataclass

from markdown_it import MarkdownIt

from ..shared.messages import TutorialError

# The kinds of blocks that take the reader's folder from one step to the next.
EDITS = ("file", "diff", "copy")
# Beside them, a command that writes a part of the project, or makes it executable.
WRITES = re.compile(r"^\$ (python manage\.py makemigrations .+|chmod .+)", re.MULTILINE)
# The whole info string of a fence, and its kind.
KINDS = {kind: kind for kind in ("diff", "copy", "pycon", "browser", "mermaid")}
KINDS |= {"diff break": "break", "diff answer": "answer", "js console": "js"}


@dataclass(frozen=True)
class Block:
    """A fence, or an "undo": the place where the reader undoes a break.

    `kind` is "file", "console", "illustration", "undo" or one of KINDS' values. `line`
    is the number of the fence's first line, `section` the heading above it, `name` the
    path of a file, the terminal of a console, or the reason of an illustration.
    """

    kind: str
    text: str
    line: int
    section: str
    name: str = ""

    @property
    def writing(self):
        """The commands in a console that write a part of the project, as typed."""
        return WRITES.findall(self.text) if self.kind == "console" else []


def read_chapter(step):
    """Return the Blocks of a step's chapter, in order."""
    file = step.path / "README.md"
    try:
        return list(blocks_of(file.read_text(encoding="utf-8")))
    except TutorialError as error:
        raise TutorialError(f"steps/{step.name}/README.md, {error}")


def blocks_of(text):
    """Yield the Blocks in the Markdown of a chapter."""
    section, before, inside = "", "", None
    for token in MarkdownIt().parse(text):
        if token.type.endswith("_open"):
            inside = token
        elif token.type in ("inline", "html_block"):
            before = token.content
            if token.type == "inline" and inside.tag in ("h1", "h2", "h3"):
                section = before
            if "Put it back." in before or "</details>" in before:
                yield Block("undo", "", token.map[0] + 1, section)
        elif token.type == "fence":
            line = token.map[0] + 1
            kind, name = meaning(token.info.strip(), before, line)
            yield Block(kind, token.content, line, section, name)
            before = ""


def meaning(info, before, line):
    """Return the kind and the name of a fence; `before` is the text above it."""
    if match := re.fullmatch(r"<!-- illustration: (.+) -->\s*", before):
        return "illustration", match[1]
    if match := re.fullmatch(r"\*\*`(\S+)`\*\*", before):
        return "file", match[1]
    if info in KINDS:
        return KINDS[info], ""
    if info.split(" ")[0] == "console":
        return "console", info.removeprefix("console").strip()
    raise TutorialError(f"line {line}: there is no such form of a fence: {info!r}")


def anchor(heading):
    """Return the anchor that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
