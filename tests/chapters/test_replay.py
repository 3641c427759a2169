"""Each chapter, followed to the letter, gives its step, byte for byte."""

import pytest

from tests.chapters.reader import Reader
from tests.house.test_steps import files_of

pytestmark = [pytest.mark.chapter, pytest.mark.asyncio(loop_scope="session")]


@pytest.mark.holds(since="00")
async def test_the_chapter_leads_to_its_step(step, browser, tmp_path):
    async with Reader(step, tmp_path, browser) as reader:
        await reader.follow()
        assert contents(reader.folder) == {
            str(file.relative_to(step.path)): file.read_bytes()
            for file in files_of(step)
        }


def contents(folder):
    """Return {path: bytes} of a reader's folder, without the database."""
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file() and file.name != "db.sqlite3"
    }
