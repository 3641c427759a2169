"""The hand-outs: whole, without the network, and in pages that have numbers."""

import functools
import io
import re
import urllib.error
import urllib.request
from html.parser import HTMLParser

import pytest
import pytest_asyncio
from playwright.async_api import expect
from pypdf import PdfReader

from tests.support.deadline import DEADLINE
from tests.support.folders import copy_folder
from tutorial.chapters.patches import read_diff
from tutorial.chapters.reading import read_chapter
from tutorial.shared.git import compare
from tutorial.shared.steps import all_steps, find_step, step_before
from tutorial.stage.handout import handout
from tutorial.stage.markup import rendered

STEPS = all_steps()
by_step = pytest.mark.parametrize("step", STEPS, ids=lambda step: step.number)
in_the_browser = pytest.mark.asyncio(loop_scope="session")
# What is left of the narrower paper, A4, between its margins, in CSS pixels.
WIDTH, HEIGHT = 672, 990
# What is wider than the page, and what contains a text that is wider than itself.
OUTSIDE = """() => [...document.querySelectorAll("main *")]
    .filter((it) => it.getBoundingClientRect().right > innerWidth + 1 ||
        (it.clientWidth && it.scrollWidth > it.clientWidth + 1))
    .map((it) => it.outerHTML.slice(0, 100))"""


class Seen(HTMLParser):
    """What a page contains: `text`, and the attributes of each tag, {tag: [dict]}."""

    def __init__(self, html):
        super().__init__()
        self.text, self.tags = "", {}
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.setdefault(tag, []).append(dict(attrs))

    def handle_endtag(self, tag):
        self.text += "\n" if tag == "div" else ""

    def handle_data(self, data):
        self.text += data

    def of(self, tag, name):
        """Return the values of an attribute of all tags of a kind that have it."""
        return [attrs[name] for attrs in self.tags.get(tag, []) if name in attrs]


@functools.cache
def html_of(step):
    return handout(step)


def text_of(step):
    return (step.path / "README.md").read_text(encoding="utf-8")


def without_ends(text):
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


@by_step
def test_a_hand_out_has_the_whole_chapter_and_every_changed_file(step):
    seen = Seen(html_of(step))
    text = without_ends(seen.text)
    blocks = [block for block in read_chapter(step) if block.kind != "undo"]
    diagrams = [block for block in blocks if block.kind == "mermaid"]
    [title] = re.findall(r"\A# (.+)$", text_of(step), re.MULTILINE)
    assert text.count(title) == 2  # in the head, too
    for heading in re.findall(r"^## (.+)$", text_of(step), re.MULTILINE):
        assert heading.replace("`", "") in text
    for block in blocks:
        assert (without_ends(block.text) in text) == (block not in diagrams), block.line
    drawings = [
        src for src in seen.of("img", "src") if src.startswith("data:image/svg")
    ]
    assert len(drawings) == len(diagrams)
    assert len(seen.of("img", "src")) == len(diagrams) + text_of(step).count("\n![")
    assert "<!--" not in text
    if step.number > "00":
        changes = read_diff(compare(step_before(step).path, step.path))
        change = text.partition("What this chapter changes")[2]
        for file in changes:
            assert file.name in change
    else:
        assert "This is the site before the chat." in text


@by_step
def test_a_hand_out_fetches_nothing_but_its_stylesheets_and_has_no_script(step):
    seen = Seen(html_of(step))
    assert seen.of("link", "href") == ["/diff.css", "/handout.css"]
    assert all(src.startswith("data:image/") for src in seen.of("img", "src"))
    assert not {"script", "iframe", "object", "details", "form"} & set(seen.tags)


@by_step
def test_a_link_leads_to_a_hand_out_to_a_heading_or_has_a_number(step):
    html = html_of(step)
    seen = Seen(html)
    chapter, _, rest = html.partition('<section id="addresses">')
    addresses = re.findall(r"<li><a href=\"(https?://[^\"]+)\">\1</a></li>", rest)
    assert addresses
    for href, number in re.findall(r'<a href="(http[^"]+)">.*?</a><sup>(\d+)', chapter):
        assert addresses[int(number) - 1] == href
    for href in seen.of("a", "href"):
        page, _, heading = href.partition("#")
        if href not in addresses:
            assert page == "" or page.startswith("/handout/")
            other = find_step(page.removeprefix("/handout/") or step.number)
            assert not heading or f'id="{heading}"' in html_of(other)


def test_a_link_to_what_has_no_hand_out_is_only_its_text():
    text = "[one](../../TROUBLESHOOTING.md) [two](../01_echo/README.md#a-consumer)"
    html, _, _ = rendered(STEPS[0], text)
    assert html == '<p>one <a href="/handout/01#a-consumer">two</a></p>\n'


def test_answers_are_the_last_and_not_folded():
    html = html_of(find_step("03"))
    order = ["<h1", ">Exercises</h2>", 'id="change"', 'id="addresses"', 'id="answers"']
    places = [html.index(part) for part in order]
    assert places == sorted(places)
    assert html.index("Two, one for each tab") > places[-1]


def test_a_diagram_without_a_drawing_is_shown_as_its_text():
    step = find_step("03")
    [diagram, *_] = [b.text for b in read_chapter(step) if b.kind == "mermaid"]
    drawn, changed = (
        rendered(step, f"```mermaid\n{text}```\n")[0]
        for text in (diagram, diagram.replace("alice", "zoe"))
    )
    assert '<img alt="flowchart LR' in drawn
    assert "<pre>flowchart LR\n    A[zoe&#x27;s ChatConsumer]" in changed


def test_html_in_a_chapter_is_shown_as_text_and_comments_are_not():
    text = "<!-- a\ncomment -->\n\n<script>a()</script>\n\n`<b>` and <i>\n\n![x](y.png)"
    html, _, _ = rendered(STEPS[0], text)
    assert "comment" not in html
    assert set(Seen(html).tags) == {"p", "code"}
    assert "&lt;script&gt;a()&lt;/script&gt;" in html
    assert "&lt;i&gt;" in html


def test_a_folder_of_ones_own_has_what_it_lacks_and_its_code_as_text(tmp_path):
    step = find_step("04")
    mine = copy_folder(step.path, tmp_path / "<b>mychat")
    assert "Nothing is left to do in this folder." in handout(step, mine)
    page, consumers = mine / "chat/templates/chat/room.html", mine / "chat/consumers.py"
    page.write_text(page.read_text() + "<script>alert()</script>")
    consumers.write_text(consumers.read_text().replace("import json\n", ""))
    seen = Seen(handout(step, mine))
    change = seen.text.partition("What <b>mychat lacks of step 04")[2]
    change = change.partition("Addresses of the links")[0]
    assert "+import json\n" in change
    assert "-<script>alert()</script>\n" in change
    assert "chat/routing.py" not in change
    assert not {"script", "b"} & set(seen.tags)


def status_of(url):
    """Return the status of a response, and its headers."""
    try:
        with urllib.request.urlopen(url, timeout=DEADLINE) as response:
            return response.status, response.headers
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def paper(opened):
    """The hand-out of step 03, opened by its key, as it is laid out for A4.

    `requests` are the addresses of what it has fetched.
    """
    await opened.go_to("03")
    async with opened.page.expect_popup() as popup:
        await opened.press("h")
    page = await popup.value
    page.requests = []
    page.on("request", lambda request: page.requests.append(request.url))
    await page.set_viewport_size({"width": WIDTH, "height": HEIGHT})
    await page.emulate_media(media="print")
    yield page
    await page.close()


@pytest.mark.browser
@in_the_browser
async def test_the_key_and_the_button_open_the_hand_out_of_the_step_that_is_shown(
    instructor, paper
):
    base = f"http://127.0.0.1:{instructor.port}/handout"
    assert paper.url == f"{base}/03"
    await instructor.press("0", "0")
    await expect(instructor.title).to_contain_text("00")
    async with instructor.page.expect_popup() as popup:
        await instructor.page.get_by_role("button", name="Hand-out (H)").click()
    page = await popup.value
    heading = page.get_by_role("heading", level=1)
    await expect(heading).to_have_text("Step 00: the site before the chat")
    assert page.url == f"{base}/00"
    await page.close()
    await instructor.go_to("03")


@pytest.mark.browser
@in_the_browser
async def test_nothing_is_wider_than_the_paper_and_nothing_comes_from_elsewhere(
    instructor, paper
):
    base = f"http://127.0.0.1:{instructor.port}"
    paper.requests.clear()
    for step in STEPS:
        await paper.goto(f"{base}/handout/{step.number}")
        assert await paper.evaluate(OUTSIDE) == [], step.name
        script = "[...document.images].filter((image) => !image.naturalWidth).length"
        assert await paper.evaluate(script) == 0
    asked = {url for url in paper.requests if not url.startswith("data:")}
    pages = {f"{base}/handout/{step.number}" for step in STEPS}
    assert asked == pages | {f"{base}/diff.css", f"{base}/handout.css"}
    # What is too wide would be seen, and what is elsewhere would be refused.
    await paper.evaluate("document.querySelector('h2').style.width = '2000px'")
    await paper.evaluate("document.querySelector('pre').append('x '.repeat(500))")
    assert not any("<pre" in html for html in await paper.evaluate(OUTSIDE))
    await paper.add_style_tag(content="pre { white-space: pre !important }")
    wide = "".join(await paper.evaluate(OUTSIDE))
    assert "<h2" in wide
    assert "<pre" in wide
    refused = """() => new Promise((resolve) => {
        document.addEventListener("securitypolicyviolation", (event) =>
            resolve(event.blockedURI));
        document.querySelector("img").src = "http://192.0.2.7/picture.png";
    })"""
    assert await paper.evaluate(refused) == "http://192.0.2.7/picture.png"


@pytest.mark.browser
@in_the_browser
async def test_every_printed_page_has_its_number_and_the_title(instructor, paper):
    await paper.goto(f"http://127.0.0.1:{instructor.port}/handout/00")
    title = await paper.title()
    for size in ("A4", "Letter"):
        pages = PdfReader(io.BytesIO(await paper.pdf(format=size))).pages
        assert len(pages) > 1
        for number, page in enumerate(pages, 1):
            text = page.extract_text()
            assert f"{number} / {len(pages)}" in text
            assert title in text
    numberless = "@page { @bottom-right { content: none } }"
    await paper.add_style_tag(content=numberless)
    pages = PdfReader(io.BytesIO(await paper.pdf())).pages
    assert f"1 / {len(pages)}" not in pages[0].extract_text()


@pytest.mark.browser
@in_the_browser
async def test_an_unknown_step_has_no_hand_out_and_a_hand_out_has_a_policy(instructor):
    base = f"http://127.0.0.1:{instructor.port}/handout"
    for path in ("", "/", "/3", "/99", "/../stage.py", "/%2e%2e/style.css"):
        assert status_of(base + path)[0] == 404
    assert status_of(base[: -len("handout")] + "a" * 300)[0] == 404
    status, headers = status_of(f"{base}/03")
    assert status == 200
    assert headers["content-security-policy"].startswith("default-src 'none'")
