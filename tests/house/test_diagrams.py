"""The drawings of the chapters' diagrams: as new as the chapters, small, and safe."""

import re
from xml.etree import ElementTree

import pytest

from tests.readme.diagrams import diagrams, draw
from tutorial.chapters.diagrams import DRAWINGS, drawing_of
from tutorial.shared.steps import all_steps

FILES = sorted(DRAWINGS.iterdir())
SVG = "{http://www.w3.org/2000/svg}"
SHAPES = ["path", "rect", "circle", "line", "polygon", "text", "tspan"]
DRAWN = [SVG + name for name in ("svg", "g", "defs", "style", "marker", *SHAPES)]


def dangers(svg):
    """Return what in a drawing runs, or leads out of it, or is not a part of one."""
    found = re.findall(r"""(?:url\(|href=)["']?([^#"'][^)>]*)""", svg)
    found += re.findall(r"@import|@font-face|<!|<\?", svg)
    for element in ElementTree.fromstring(svg).iter():
        if element.tag not in DRAWN:
            found.append(element.tag)
        found += [name for name in element.attrib if name.startswith("on")]
    return found


def test_each_diagram_of_a_chapter_has_its_drawing_and_there_is_no_other():
    wanted = diagrams()
    assert len(wanted) >= 10  # those of the chapters up to 10
    assert set(FILES) == set(wanted), (
        "A diagram has changed: run `make diagrams`, and commit docs/diagrams."
    )


def test_a_changed_diagram_has_no_drawing():
    for drawing, text in diagrams().items():
        [step] = [it for it in all_steps() if drawing.name.startswith(it.number)]
        assert drawing_of(step, text) == drawing
        assert not drawing_of(step, text.replace("a", "b", 1)).exists()


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_drawing_is_small_and_runs_and_fetches_nothing(file):
    assert dangers(file.read_text(encoding="utf-8")) == []
    assert file.stat().st_size < 40_000


@pytest.mark.parametrize(
    "part",
    [
        "<script/>",
        "<foreignObject/>",
        '<image href="https://evil.example/"/>',
        '<rect onclick="alert()"/>',
        '<rect style="fill: url(//evil.example)"/>',
        "<style>@import 'evil.css'</style>",
    ],
)
def test_what_could_run_or_fetch_would_be_found(part):
    drawing = '<svg xmlns="http://www.w3.org/2000/svg">{}</svg>'
    assert dangers(drawing.format('<rect style="fill: url(#a)"/>')) == []
    assert dangers(drawing.format(part))


@pytest.mark.browser
@pytest.mark.asyncio(loop_scope="session")
async def test_a_diagram_is_drawn_with_its_words_and_the_same_when_drawn_again(browser):
    text = next(iter(diagrams().values()))
    svg = await draw(browser, text)
    assert dangers(svg) == []
    assert "GET /courses/1/" in "".join(ElementTree.fromstring(svg).itertext())
    assert await draw(browser, text) == svg
