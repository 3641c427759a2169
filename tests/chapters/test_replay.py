"""Each chapter, followed to the letter, gives its step, byte for byte."""

import tempfile
from pathlib import Path

import pytest

from tests.chapters.compare import assert_is_the_step
from tests.chapters.reader import Reader

pytestmark = [pytest.mark.chapter, pytest.mark.asyncio(loop_scope="session")]


@pytest.mark.holds(since="00")
async def test_the_chapter_leads_to_its_step(step, home, browser):
    async with Reader(step, home, browser) as reader:
        await reader.follow()
        assert_is_the_step(reader.folder, step)


@pytest.fixture
def home():
    """An empty folder with a short path: that of a unix socket has 107 bytes at most.

    (unix(7), sun_path)
    """
    with tempfile.TemporaryDirectory(prefix="home-") as home:
        yield Path(home)
