"""The chapters' diagrams as SVG files: `python -m tests.readme.diagrams` draws them.

Mermaid draws them in a browser. A drawing contains no HTML and nothing that it does not
use, and it is the same whenever it is drawn again on the same machine.
"""

import asyncio
from pathlib import Path

from tests.support.browser import chromium, from_npm
from tutorial.chapters.diagrams import DRAWINGS, drawing_of
from tutorial.chapters.reading import read_chapter
from tutorial.shared.steps import all_steps

DRAW = Path(__file__).with_name("diagrams.js")


def diagrams():
    """Return {path of the drawing: text} of all diagrams in the chapters."""
    return {
        drawing_of(step, block.text): block.text
        for step in all_steps()
        for block in read_chapter(step)
        if block.kind == "mermaid"
    }


async def draw(browser, text):
    """Return the drawing of a diagram; a page of its own numbers its parts from 0."""
    page = await browser.new_page()
    await page.set_content("<!doctype html><body>")
    await page.add_script_tag(path=from_npm("mermaid.min.js"))
    await page.add_script_tag(path=DRAW)
    svg = await page.evaluate("text => draw(text)", text)
    await page.close()
    return svg


async def main():
    wanted = diagrams()
    DRAWINGS.mkdir(exist_ok=True)
    for drawing in set(DRAWINGS.iterdir()) - set(wanted):
        drawing.unlink()
    async with chromium() as browser:
        for drawing, text in wanted.items():
            drawing.write_text(await draw(browser, text) + "\n", encoding="utf-8")


if __name__ == "__main__":
    asyncio.run(main())
