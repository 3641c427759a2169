"""Each chapter, followed to the letter, gives its step, byte for byte."""

import os

import pytest

from tests.chapters.reader import Reader
from tests.support.folders import contents

pytestmark = [pytest.mark.chapter, pytest.mark.asyncio(loop_scope="session")]


@pytest.mark.holds(since="00")
async def test_the_chapter_leads_to_its_step(step, browser, tmp_path):
    async with Reader(step, tmp_path, browser) as reader:
        await reader.follow()
        expected = contents(step.path)
        del expected["README.md"]
        assert contents(reader.folder) == expected
        assert executables(reader.folder) == executables(step.path)


def executables(folder):
    """Return the paths of the files in a folder that can be executed."""
    return {name for name in contents(folder) if os.access(folder / name, os.X_OK)}
