"""What every chapter owes its readers: form, links, pictures."""

import re
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from tests.chapters.compare import assert_is_the_step
from tests.support.browser import from_npm
from tests.support.folders import contents, copy_folder
from tutorial.chapters.reading import anchor, read_chapter
from tutorial.shared.steps import ROOT, all_steps

STEPS = all_steps()
by_step = pytest.mark.parametrize("step", STEPS, ids=lambda step: step.number)
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "TROUBLESHOOTING.md")),
    ROOT / "docs/scale.md",
    ROOT / "docs/steps.md",
    ROOT / "notebooks/README.md",
    *(step.path / "README.md" for step in STEPS),
]
by_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.parent.name)


def prose_of(page):
    """Return the lines of a page that stand in no fence, "" for the others."""
    inside, lines = False, []
    for line in page.read_text(encoding="utf-8").splitlines():
        is_fence = line.lstrip().startswith("```")
        inside ^= is_fence
        lines.append("" if inside or is_fence else line)
    return lines


def anchors_of(page):
    """Return the anchors of the headings of a page."""
    found = (re.fullmatch(r"#+ (.+)", line) for line in prose_of(page))
    return {anchor(match[1]) for match in found if match}


def test_blocks_that_are_not_executed_are_few_and_say_why():
    blocks = [block for step in STEPS for block in read_chapter(step)]
    marked = [block for block in blocks if block.kind == "illustration"]
    assert {block.name for block in marked} == {
        "Prometheus is no part of this course's installation",
        "a test asks a real Prometheus for them",
        "it depends on when Redis comes back",
        "it is for a server of your own",
        "it takes minutes, and its figures differ everywhere",
        "it makes the environment in which every other block is run",
        "it needs a PostgreSQL server, which not everybody has",
        "it needs a second Redis; tests/servers/test_brokers.py runs it",
        "one line of a file that stands there already",
        "the Valkey that comes with this tutorial was built without TLS",
        "the files that this chapter touches",
        "this tutorial has installed it with the others",
    }
    assert len(marked) <= len(blocks) / 10


@by_step
def test_a_chapter_has_the_parts_of_a_chapter(step):
    text = (step.path / "README.md").read_text(encoding="utf-8")
    assert text.startswith(f"# Step {step.number}: ")
    parts = ["**Where you are.**", "**Where you will be.**", "**What you need.**"]
    parts += ["**New words.**", f"](../../docs/{step.number}.png)"]
    parts += ["<!-- illustration: the files that this chapter touches -->"]
    parts += ["\n## What you learned\n\n| word | what it is | in the code |\n"]
    parts += ["**What is still wrong.**"]
    parts += ["\n## Exercises\n", "<summary>Answers</summary>"]
    if step.number == "00":
        parts.remove("<!-- illustration: the files that this chapter touches -->")
    places = [text.find(part) for part in parts]
    assert -1 not in places
    assert places == sorted(places)
    kinds = {block.kind for block in read_chapter(step)}
    assert {"console", "browser", "answer"} <= kinds
    if step.number > "00":
        assert {"diff", "break", "undo"} <= kinds
        assert f"tutorial check {step.number} ." in text


@by_step
def test_what_was_learned_leads_to_the_official_pages(step):
    text = (step.path / "README.md").read_text(encoding="utf-8")
    table = text.partition("\n## What you learned\n")[2].partition("\n> ")[0]
    rows = [line for line in table.splitlines() if line.startswith("| ")][2:]
    assert len(rows) >= 3
    assert sum("](https://" in row for row in rows) > len(rows) / 2


@by_step
def test_the_tree_names_the_files_that_the_chapter_changes(step):
    """A name alone will do: the folders are drawn."""
    text = (step.path / "README.md").read_text(encoding="utf-8")
    rest = text.partition("illustration: the files that this chapter touches")[2]
    if step.number > "00":
        before = STEPS[STEPS.index(step) - 1]
        old, new = (contents(it.path) for it in (before, step))
        changed = {path for path in old | new if old.get(path) != new.get(path)}
        tree = rest.partition("```\n")[0]
        names = {Path(path).name for path in changed - {"README.md"}}
        scripts = r"(?<= )(?:environment|rabbitmq|start|update)\b"
        form = rf"[\w.]+\.(?:py|js|css|html|json|conf|yml)|{scripts}"
        assert names == set(re.findall(form, tree))


@by_page
def test_the_words_that_the_replay_acts_on_stand_in_one_line(page):
    assert not re.search(r"\b(Put\nit back|Put it\nback)", page.read_text())


@by_step
def test_a_chapter_breaks_nothing_that_it_does_not_put_back(step):
    broken = False
    for block in read_chapter(step):
        if block.kind == "break":
            broken = True
        elif block.kind == "undo":
            broken = False
        elif block.kind == "answer":
            assert not broken, block.line
    assert not broken


@by_page
def test_prose_is_at_most_80_columns_wide(page):
    assert any(len(line) > 60 for line in prose_of(page))
    # A table, a link or a picture cannot be broken.
    wide = [
        line
        for line in prose_of(page)
        if len(line) > 80 and not re.search(r"^\||\]\(|<!--", line)
    ]
    assert wide == []


@by_page
def test_a_link_of_a_page_leads_to_a_file_and_to_a_heading(page):
    links = re.findall(r"\]\((?!https?:)([^)]+)\)", "\n".join(prose_of(page)))
    for link in links:
        name, _, heading = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), link
        if heading:
            assert heading in anchors_of(target), link


@by_step
def test_a_chapter_leads_to_the_one_before_and_the_next(step):
    text = (step.path / "README.md").read_text(encoding="utf-8")
    number = STEPS.index(step)
    for neighbour in (*STEPS[max(number - 1, 0) : number], *STEPS[number + 1 :][:1]):
        assert f"](../{neighbour.name}/README.md)" in text


def test_every_make_command_of_a_page_is_a_target():
    makefile = (ROOT / "Makefile").read_text()
    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    commands = set(re.findall(r"(?:^ {4}|^\$ |`)make (\w+)", text, re.MULTILINE))
    assert {"run", "test", "install"} <= commands
    for command in commands:
        assert f"\n{command}:" in makefile


@pytest.mark.browser
@pytest.mark.asyncio(loop_scope="session")
async def test_every_diagram_can_be_drawn(browser):
    page = await browser.new_page()
    await page.set_content("<p>")
    await page.add_script_tag(path=from_npm("mermaid.min.js"))
    draw = "async text => (await mermaid.render('diagram', text)).svg"
    fences = (t for p in PAGES for t in MarkdownIt().parse(p.read_text()))
    diagrams = [fence.content for fence in fences if fence.info == "mermaid"]
    assert len(diagrams) >= len(STEPS)
    for diagram in diagrams:
        assert "<svg" in await page.evaluate(draw, diagram)
    with pytest.raises(Exception, match="Parse error"):
        await page.evaluate(draw, diagrams[0] + "\n--> nowhere ((")


def test_a_chapter_that_leads_elsewhere_is_reported_with_the_lines_that_differ(
    tmp_path,
):
    folder = copy_folder(STEPS[0].path, tmp_path / "mychat")
    (folder / "README.md").unlink()
    assert_is_the_step(folder, STEPS[0])
    with (folder / "manage.py").open("a") as file:
        file.write("oops = 1\n")
    with pytest.raises(pytest.fail.Exception, match=r"(?m)^-oops = 1$"):
        assert_is_the_step(folder, STEPS[0])
