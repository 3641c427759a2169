"""Read a chapter: the fences of a step's README.md, and what each one means.

CONTRIBUTING.md lists the forms. A fence that has none of them is a ChapterError.
"""

import re
from dataclasses import dataclass

from markdown_it import MarkdownIt

from ..shared.messages import TutorialError

# What takes the reader's folder from one step to the next.
EDITS = ("file", "diff", "copy")
PATH = re.compile(r"\*\*`(\S+)`\*\*")
ILLUSTRATION = re.compile(r"<!-- illustration: (.+) -->\s*")
# The whole info string of a fence, and what it means.
KINDS = {
    "diff": "diff",
    "diff break": "break",
    "diff answer": "answer",
    "copy": "copy",
    "pycon": "pycon",
    "browser": "browser",
    "js console": "js",
    "mermaid": "mermaid",
}


class ChapterError(TutorialError):
    """A chapter that does not keep the form: where, and what is wrong."""


@dataclass(frozen=True)
class Block:
    """A fence, or an "undo": the place at which the reader puts a break back.

    `kind` is "file", "diff", "copy", "break", "answer", "console", "pycon", "browser",
    "js", "mermaid", "illustration" or "undo"; `text` is what stands in the fence,
    `line` the number of its first line, `section` the heading above it. `name` is
    the path of a file, the terminal of a console, the reason of an illustration.
    """

    kind: str
    text: str
    line: int
    section: str
    name: str = ""


def read_chapter(step):
    """Return the Blocks of a step's chapter, in order."""
    file = step.path / "README.md"
    try:
        return list(blocks_of(file.read_text(encoding="utf-8")))
    except ChapterError as error:
        raise ChapterError(f"steps/{step.name}/README.md, {error}")


def blocks_of(text):
    """Yield the Blocks in the Markdown of a chapter."""
    section, before, inside = "", "", None
    for token in MarkdownIt().parse(text):
        if token.type.endswith("_open"):
            inside = token
        elif token.type == "inline":
            before = token.content
            if inside.tag in ("h1", "h2", "h3"):
                section = before
            if "Put it back." in before:
                yield Block("undo", "", token.map[0] + 1, section)
        elif token.type == "html_block":
            before = token.content
            if "</details>" in before:
                yield Block("undo", "", token.map[0] + 1, section)
        elif token.type == "fence":
            line = token.map[0] + 1
            kind, name = meaning(token.info.strip(), before, line)
            yield Block(kind, token.content, line, section, name)
            before = ""


def meaning(info, before, line):
    """Return the kind and the name of a fence; `before` is what stands above it."""
    if match := ILLUSTRATION.fullmatch(before):
        return "illustration", match[1]
    if match := PATH.fullmatch(before):
        return "file", match[1]
    if info in KINDS:
        return KINDS[info], ""
    if info.split(" ")[0] == "console":
        return "console", info.removeprefix("console").strip()
    raise ChapterError(f"line {line}: a fence of no form: {info!r}")


def anchor(heading):
    """Return the anchor that the web gives a heading, as GitHub does."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
