"""A chapter's Markdown as HTML for a page that fetches nothing and runs nothing."""

import base64
import mimetypes
import re
from html import escape
from itertools import groupby

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML

from ..chapters.diagrams import drawing_of
from ..chapters.reading import anchor
from ..shared.steps import ROOT, all_steps
from .slides import drawn, marked

PICTURES = ROOT / "docs"
COMMENT = re.compile(r"(<!--.*?-->\s*)+", re.DOTALL)
PLACE = re.compile(r"(--- |\+\+\+ |@@ )")


def rendered(step, text):
    """Return (chapter, answers, addresses): a chapter's Markdown as HTML, in two parts.

    What is in <details> is an answer. Pictures are in the HTML itself, and links to
    other chapters lead to their hand-outs. `addresses` are those of other sites; a link
    to one has its number there, from 1. Other HTML is shown as it is written.
    """
    env = {"step": step, "addresses": []}
    parts = [], []
    is_answer = False
    for token in MARKDOWN.parse(text, env):
        is_html = token.type == "html_block"
        if is_html and token.content.startswith(("<details>", "</details>")):
            is_answer = token.content.startswith("<details>")
        else:
            parts[is_answer].append(token)
    paper = MARKDOWN.renderer
    chapter, answers = (paper.render(part, MARKDOWN.options, env) for part in parts)
    return chapter, answers, env["addresses"]


class Paper(RendererHTML):
    """Renders what is different on paper; markdown-it calls a method by its token."""

    def heading_open(self, tokens, idx, options, env):
        tokens[idx].attrSet("id", anchor(tokens[idx + 1].content))
        return self.renderToken(tokens, idx, options, env)

    def link_open(self, tokens, idx, options, env):
        href = tokens[idx].attrGet("href")
        env["end"] = "</a>"
        if re.match("https?:", href):
            if href not in env["addresses"]:
                env["addresses"].append(href)
            env["end"] += f"<sup>{env['addresses'].index(href) + 1}</sup>"
        else:
            href = href_here(env["step"], href)
        if not href:
            env["end"] = ""
            return ""
        return f'<a href="{escape(href)}">'

    def link_close(self, tokens, idx, options, env):
        return env.pop("end")

    def image(self, tokens, idx, options, env):
        alt = self.renderInlineAsText(tokens[idx].children, options, env)
        file = (env["step"].path / tokens[idx].attrGet("src")).resolve()
        if file.parent != PICTURES or not file.is_file():
            return escape(alt)
        return picture(file, alt)

    def fence(self, tokens, idx, options, env):
        info, text = tokens[idx].info.strip(), tokens[idx].content
        if info == "mermaid" and (file := drawing_of(env["step"], text)).exists():
            return f"<figure>{picture(file, text)}</figure>\n"
        if info.partition(" ")[0] == "diff":
            return f'<pre class="diff">{drawn_diff(text)}</pre>\n'
        return f"<pre>{escape(text)}</pre>\n"

    def html_block(self, tokens, idx, options, env):
        content = tokens[idx].content
        return "" if COMMENT.fullmatch(content.strip()) else escape(content)

    html_inline = html_block


MARKDOWN = MarkdownIt("commonmark", renderer_cls=Paper).enable("table")


def href_here(step, href):
    """Return where a link of a chapter leads from its hand-out, or "" if nowhere."""
    name, _, heading = href.partition("#")
    if not name:
        return href
    target = (step.path / name).resolve()
    numbers = {other.path / "README.md": other.number for other in all_steps()}
    if target not in numbers:
        return ""
    return f"/handout/{numbers[target]}" + (heading and f"#{heading}")


def picture(file, alt):
    """Return an <img> that contains the picture in a file."""
    kind = mimetypes.guess_type(file.name)[0]
    data = base64.b64encode(file.read_bytes()).decode()
    return f'<img alt="{escape(alt)}" src="data:{kind};base64,{data}">'


def drawn_diff(text):
    """Return a diff as HTML; lines that say where a change belongs have a class."""
    html = ""
    lines = text.splitlines()
    for is_place, part in groupby(lines, lambda line: bool(PLACE.match(line))):
        if is_place:
            html += "".join(f'<div class="place">{escape(line)}</div>' for line in part)
        else:
            html += drawn(marked([(line[:1] or " ", line[1:]) for line in part]))
    return html
