"""Each chapter, followed to the letter, gives its step, byte for byte."""

import os
import tempfile
from pathlib import Path

import pytest

from tests.chapters.reader import Reader
from tests.support.folders import contents

pytestmark = [pytest.mark.chapter, pytest.mark.asyncio(loop_scope="session")]


@pytest.mark.holds(since="00")
async def test_the_chapter_leads_to_its_step(step, home, browser):
    async with Reader(step, home, browser) as reader:
        await reader.follow()
        expected = contents(step.path)
        del expected["README.md"]
        assert contents(reader.folder) == expected
        assert executables(reader.folder) == executables(step.path)


@pytest.fixture
def home():
    """An empty folder with a short path: that of a unix socket has 107 bytes at most.

    (unix(7), sun_path)
    """
    with tempfile.TemporaryDirectory(prefix="home-") as home:
        yield Path(home)


def executables(folder):
    """Return the paths of the files in a folder that can be executed."""
    return {name for name in contents(folder) if os.access(folder / name, os.X_OK)}
