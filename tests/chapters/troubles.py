"""The entries of TROUBLESHOOTING.md, and somebody who provokes them."""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from markdown_it import MarkdownIt

from tutorial.chapters.reading import Block, anchor, blocks_of, read_chapter
from tutorial.shared.steps import ROOT, all_steps

from .compare import normal, pattern_of, with_end
from .reader import Reader

PAGE = ROOT / "TROUBLESHOOTING.md"
# In NN.md, below the heading of each entry, what provokes it on step NN.
PROVOKED = Path(__file__).with_name("provoked")
ILLUSTRATION = re.compile(r"<!-- illustration: (.+) -->\n")
LINK = re.compile(r"\[([^]]+)\]\(([^)#]+)#([^)]+)\)")
FIX = "**Fix.** "
# What a person types or does, and what is seen.
EXECUTED = ("console", "pycon", "browser", "js")

# What runs while troubles are provoked, from the step on that is named.
REDIS = "03"
START = """
```console redis
$ tutorial redis
...
Stop with Ctrl-C.
```
"""
SERVE = """
```console server
$ python manage.py runserver
...
Quit the server with CONTROL-C.
...
```
"""


@dataclass(frozen=True)
class Trouble:
    """An entry: the symptom, and how it comes about.

    `heading` is the symptom, `group` the heading above it; `fences` are the pairs
    (info string, text) of the fences that show the symptom, `prose` the paragraphs
    below them; `reason` says why it is an illustration, if it is one. `step` is the
    number of the step on which `blocks` provoke it, or "".
    """

    heading: str
    group: str
    fences: list[tuple[str, str]]
    prose: list[str]
    reason: str
    step: str
    blocks: list[Block]

    @property
    def links(self):
        """(the text, the path, the anchor) of each link to a chapter's section."""
        return LINK.findall(self.prose[-1]) if self.prose else []

    def is_shown_in(self, blocks):
        """Return whether an executed one of `blocks` shows the symptom."""
        wanted = pattern_of(self.fences[0][1])
        texts = [with_end(normal(b.text)) for b in blocks if b.kind in EXECUTED]
        return any(
            wanted.match(text, start.end())
            for text in texts
            for start in re.finditer("^", text, re.M)
        )


def read_troubles():
    """Return the Troubles of the page, in order."""
    text = PAGE.read_text(encoding="utf-8")
    provoked = read_provocations()
    troubles, group = [], ""
    for part in re.split(r"^(?=##+ )", text, flags=re.M):
        if part.startswith("## "):
            group = part.splitlines()[0][3:]
        elif part.startswith("### "):
            troubles.append(read_trouble(part, group, provoked))
    return troubles


def read_trouble(part, group, provoked):
    """Return the Trouble in the Markdown of one entry."""
    heading = part.splitlines()[0][4:]
    fences, prose = [], []
    for token in MarkdownIt().parse(part)[3:]:
        if token.type == "fence":
            fences.append((token.info, token.content))
        elif token.type == "inline":
            prose.append(token.content)
    illustrated = ILLUSTRATION.search(part)
    step, blocks = provoked.get(heading, ("", []))
    return Trouble(
        heading=heading,
        group=group,
        fences=fences,
        prose=prose,
        reason=illustrated[1] if illustrated else "",
        step=step,
        blocks=blocks,
    )


def read_provocations():
    """Return {heading of an entry: (number of the step, Blocks that provoke it)}."""
    provoked = {}
    for file in sorted(PROVOKED.glob("*.md")):
        for block in blocks_of(file.read_text(encoding="utf-8")):
            provoked.setdefault(block.section, (file.stem, []))[1].append(block)
    return provoked


@cache
def section_blocks(path, wanted):
    """Return the Blocks of a section of a chapter, None if there is no such section.

    `path` is that of the chapter, from the root; `wanted` the anchor of its heading.
    """
    for step in all_steps():
        if f"steps/{step.name}/README.md" == path:
            headings = re.findall(r"^##+ (.+)", (ROOT / path).read_text(), re.M)
            if wanted in map(anchor, headings):
                return [b for b in read_chapter(step) if anchor(b.section) == wanted]


class Provoker(Reader):
    """Provokes troubles on a copy of their step, `folder`, which has its database."""

    def __init__(self, step, folder, browser):
        super().__init__(step, folder.parent, browser)
        self.folder, self._page = folder, PROVOKED / f"{step.number}.md"

    async def provoke(self, troubles):
        """Provoke them all, those without a server first; put back after each."""
        if self._step.number >= REDIS:
            await self._play(blocks_of(START))
        for trouble in sorted(troubles, key=order):
            if needs_the_server(trouble) and "server" not in self._terminals:
                await self._play(blocks_of(SERVE))
            await self._play(trouble.blocks)
            await self._do_undo(None)
        self._look_for_untold_errors()

    async def _play(self, blocks):
        for block in blocks:
            await getattr(self, f"_do_{block.kind}")(block)


def order(trouble):
    """Sort those that need the server last; of both, those that change its code."""
    changes = [block.text for block in trouble.blocks if block.kind == "break"]
    return needs_the_server(trouble), any(".py\n" in text for text in changes)


def needs_the_server(trouble):
    """Return whether the server has to run before the trouble comes about."""
    return any(
        block.kind in ("browser", "js")
        or (block.kind == "console" and (block.name or "runserver" in block.text))
        for block in trouble.blocks
    )
