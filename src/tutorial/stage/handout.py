"""A step on a page that prints well: its chapter, its change, and the answers last."""

from html import escape

from ..chapters.reading import anchor
from .markup import rendered
from .slides import drawn, slides, without_slides

PAGE = """<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>{title}</title>
    <link rel="stylesheet" href="/diff.css">
    <link rel="stylesheet" href="/handout.css">
    <style>@page {{ @bottom-left {{ content: "{title_in_css}" }} }}</style>
  </head>
  <body>
    <header>Print this page with your browser, or save it as a PDF. The answers begin
    on a new page, so that you can leave them out.</header>
    <main>
{chapter}
<p><a href="#answers">The answers</a> are at the end of this hand-out.</p>
<section id="change"><h2>{heading}</h2>
{change}
</section>
<section id="addresses"><h2>Addresses of the links</h2>
<ol>{addresses}</ol>
</section>
<section id="answers"><h2>Answers</h2>
{answers}
</section>
    </main>
  </body>
</html>
"""


def handout(step, folder=None):
    """Return the hand-out of a step as HTML.

    With a `folder`, its change is what the folder lacks of the step.
    """
    text = (step.path / "README.md").read_text(encoding="utf-8")
    title = text.partition("\n")[0].removeprefix("# ")
    chapter, answers, addresses = rendered(step, text)
    change = "".join(map(drawn_slide, slides(step, folder)))
    heading = "What this chapter changes"
    if folder:
        heading = f"What {folder.name} lacks of step {step.number}"
    links = (f'<li><a href="{escape(it)}">{escape(it)}</a></li>' for it in addresses)
    return PAGE.format(
        title=escape(title),
        title_in_css=in_css(title),
        chapter=chapter,
        heading=escape(heading),
        change=change or f"<p>{without_slides(folder)}</p>",
        addresses="\n".join(links),
        answers=answers,
    )


def drawn_slide(slide):
    """Return a slide as HTML, with a link to the section that makes its change."""
    file, section = slide["file"], slide["section"]
    link = f'<a href="#{anchor(section)}">{escape(section)}</a>' if section else ""
    heading = f"<h3><code>{escape(file)}</code> {link}</h3>"
    return f'{heading}\n<pre class="diff">{drawn(slide["rows"])}</pre>\n'


def in_css(text):
    """Return a text as it is written between the quotes of a string in a stylesheet."""
    return "".join(c if c.isalnum() or c == " " else f"\\{ord(c):x} " for c in text)
