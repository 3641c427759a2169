"""TROUBLESHOOTING.md, provoked: what provoked/NN.md does on step NN has that effect."""

import shutil

import pytest

from tests.chapters.troubles import Provoker, read_troubles
from tests.support.folders import copy_folder

TROUBLES = read_troubles()
# One test for all entries of a step, so that its server is started once.
STEPS = [
    pytest.param(number, marks=pytest.mark.holds(since=number, until=number))
    for number in sorted({trouble.step for trouble in TROUBLES if trouble.step})
]

pytestmark = [pytest.mark.chapter, pytest.mark.asyncio(loop_scope="session")]


@pytest.mark.parametrize("number", STEPS)
async def test_what_provokes_the_entries_of_a_step_has_that_effect(
    number, step, site, browser, tmp_path
):
    folder = copy_folder(step.path, tmp_path / "mychat")
    shutil.copy(site.folder / "db.sqlite3", folder)
    async with Provoker(step, folder, browser) as provoker:
        await provoker.provoke([t for t in TROUBLES if t.step == number])
