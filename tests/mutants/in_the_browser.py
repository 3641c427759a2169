"""A plugin of pytest: each test in the browser runs without a mistake, then with it.

All mistakes of a step's script are tried in one process, with one server and one
browser. That a test passes without the mistake, after all that has failed before it,
shows that it fails only because of the mistake.
"""

import itertools
import os
import time

import pytest
from playwright.async_api import expect

from tests.mutants.test_mutants import MUTANTS, mutate
from tests.support.deadline import DEADLINE

# Seconds in which a page without a mistake has to show what is expected; with one, it
# has the short DEADLINE, because most mistakes are found only when it is over.
PATIENCE = 60
# A browser asks for a script again by its time, in whole seconds (RFC 9110, 8.8.2).
later = itertools.count(round(time.time()))


def pytest_generate_tests(metafunc):
    here = metafunc.definition.nodeid.removeprefix("tests/")
    step = metafunc.config.step.number
    mutants = [it for it in MUTANTS if (it.step, it.red) == (step, here)]
    runs = [(it, wrong) for it in mutants for wrong in (False, True)]
    names = [f"{'with' if wrong else 'without'}: {it.mistake}" for it, wrong in runs]
    metafunc.parametrize("script", runs, indirect=True, ids=names)


@pytest.fixture(autouse=True)
def script(request, project, site, server):
    """The script that the server sends, with a mistake or without it."""
    mutant, is_wrong = request.param
    expect.set_options(timeout=1000 * (DEADLINE if is_wrong else PATIENCE))
    file, text = site.folder / mutant.file, (project.path / mutant.file).read_text()
    # From step 17 on it has been collected, under a name with a hash.
    collected = (site.folder / "static").glob(f"*/{file.stem}.*{file.suffix}")
    for each in (file, *collected):
        each.write_text(mutate(text, mutant) if is_wrong else text)
        os.utime(each, (next(later),) * 2)
