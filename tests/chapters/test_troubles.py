"""TROUBLESHOOTING.md, provoked: what no chapter shows comes about on its step."""

import shutil

import pytest

from tests.chapters.troubles import Provoker, read_troubles
from tests.support.project import Project
from tests.support.site import copy_folder

pytestmark = [pytest.mark.chapter, pytest.mark.asyncio(loop_scope="session")]


def pytest_generate_tests(metafunc):
    """One test for all entries of a step, so that its server is started once."""
    part = metafunc.config.part
    number = part.step.number if isinstance(part, Project) else None
    troubles = [trouble for trouble in read_troubles() if trouble.step == number]
    metafunc.parametrize("troubles", [troubles] if troubles else [], ids=[number])


@pytest.mark.holds(since="00")
async def test_what_no_chapter_shows_comes_about_as_the_page_says(
    troubles, step, site, browser, tmp_path
):
    folder = copy_folder(step.path, tmp_path / "mychat")
    shutil.copy(site.folder / "db.sqlite3", folder)
    async with Provoker(step, folder, browser) as provoker:
        await provoker.provoke(troubles)
