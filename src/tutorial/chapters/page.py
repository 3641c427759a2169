"""The page that `tutorial diff --html` writes."""

import html
import string

MARK = '<meta name="generator" content="tutorial diff">'
PAGE = string.Template("""<!doctype html>
<html lang="en">
<meta charset="utf-8">
$mark
<meta name="viewport" content="width=device-width">
<title>$title</title>
<style>
body { width: fit-content; max-width: 100%; box-sizing: border-box; margin: 0 auto;
  padding: 1rem; font: 1.1rem/1.4 sans-serif; color: #111; background: #fff; }
h2 { margin: 3rem 0 0; }
h3 { margin: 1.5rem 0 0.4rem; font: bold 1.1rem monospace; overflow-wrap: anywhere; }
p { white-space: pre-line; }
pre { margin: 0; overflow-x: auto; border: 1px solid #bbb; font: 1rem/1.3 monospace; }
pre span { display: inline-block; }
@page { size: A4 $paper; margin: 1cm; }
@media print {
  body { padding: 0; -webkit-print-color-adjust: exact; print-color-adjust: exact; }
  h1, h2, h3 { break-after: avoid; }
  pre { font-size: 12px; }
}
</style>
$body
</html>
""")


def page(elements, landscape):
    """Return a whole page of HTML that needs no other file.

    `elements` are pairs (tag, content): text, or HTML in a "pre". The first is the
    title. On paper the page is upright, or `landscape`.
    """
    elements = [
        (tag, content if tag == "pre" else html.escape(content))
        for tag, content in elements
    ]
    return PAGE.substitute(
        mark=MARK,
        title=elements[0][1],
        paper="landscape" if landscape else "portrait",
        body="\n".join(f"<{tag}>{content}</{tag}>" for tag, content in elements),
    )


def is_page(file):
    """Return whether `file` is a page that was made here."""
    if not file.is_file():
        return False
    with file.open("rb") as content:
        return MARK.encode() in content.read(200)
