"""Which tests run: the steps that a test holds for, and a worker for each step."""

import fcntl
import os
import signal
from pathlib import Path

import pytest
import pytest_asyncio

from conftest import HELD_BACK
from tests.support.project import NotReady, Project
from tutorial.shared.messages import TutorialError
from tutorial.shared.steps import all_steps, find_step

HERE = Path(__file__).parent
LANES = 4
# Tests that belong to no step; each of these folders gets a worker of its own.
STEPLESS = ("notebooks", "house", "mutants")


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config):
    """Without --step, give every step a worker process of its own.

    Two steps cannot share a process: both have a package `config` and an app `chat`.
    """
    alone = (config.option.step, config.option.collectonly, config.option.usepdb)
    if not any(alone) and not named_part(config) and not is_worker(config):
        parts = [f"step{step.number}" for step in all_steps()] + list(STEPLESS)
        config.option.dist = "each"
        config.option.tx = [f"popen//id={part}" for part in reversed(parts)]


def is_worker(config):
    """Return whether this is one of the worker processes, not the first process."""
    return hasattr(config, "workerinput")


def named_part(config):
    """Return the folder without steps in which all named tests are, if there is one."""
    for part in STEPLESS:
        if all(
            (HERE / part) in Path(a.split("::")[0], "x").absolute().parents
            for a in config.args
        ):
            return part


def pytest_configure(config):
    """Set `config.part`: the Project under test, a folder without steps, or None."""
    config.part = None
    # Whoever ends the tests, by Ctrl-C or SIGTERM, ends the servers that they started.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if config.option.project and not config.option.step:
        raise pytest.UsageError("--project goes with --step, as in --step 03.")
    worker = config.workerinput["workerid"] if is_worker(config) else named_part(config)
    if worker in STEPLESS:
        config.part = worker
        return
    name = config.option.step or (worker or "").removeprefix("step")
    if name:
        if is_worker(config):
            os.nice(10)  # the folders without steps go first
        try:
            step = find_step(name)
            config.part = Project(step, config.option.project or step.path)
        except (TutorialError, NotReady) as error:
            raise pytest.UsageError(str(error))


@pytest.hookimpl(wrapper=True)
def pytest_runtestloop(session):
    """Let no more than LANES steps run at once: more would only wait for each other.

    The folders without steps wait much and work little, so they go first.
    """
    if not (is_worker(session.config) and isinstance(session.config.part, Project)):
        return (yield)
    lane = all_steps()[int(session.config.part.step.number) % LANES]
    with (lane.path / "manage.py").open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        return (yield)


def pytest_unconfigure(config):
    if isinstance(config.part, Project):
        config.part.close()


def pytest_ignore_collect(collection_path, config):
    """Do not even read the files of which no test belongs to this part."""
    folder = collection_path.relative_to(HERE).parts[:1] if config.part else ()
    if folder and (HERE / folder[0]).is_dir():
        if isinstance(config.part, Project):
            return folder[0] in STEPLESS or None
        return folder[0] != config.part or None


def pytest_collection_modifyitems(config, items):
    """Keep the tests of this part that the options do not hold back.

    Those that wait come last: who has made a mistake hears of it sooner.
    """
    keep, drop = [], []
    for item in items:
        (keep if is_wanted(item, config) else drop).append(item)
    items[:] = sorted(keep, key=lambda item: bool(item.get_closest_marker("waiting")))
    config.hook.pytest_deselected(items=drop)


def is_wanted(item, config):
    """Return whether `item` belongs to this part and is not held back."""
    folder = item.path.relative_to(HERE).parts[0]
    if isinstance(config.part, Project):
        mark = item.get_closest_marker("holds")
        if mark is None or not holds_at(mark, config.part.step.number):
            return False
    elif config.part is not None and folder != config.part:
        return False
    if config.option.everything or config.option.markexpr:
        return True
    return not any(item.get_closest_marker(name) for name in HELD_BACK)


def holds_at(mark, number):
    """Return whether a `holds` mark covers the step with this number."""
    until = mark.kwargs.get("until")
    return mark.kwargs["since"] <= number and (until is None or number <= until)


def pytest_report_header(config):
    if not (config.option.everything or config.option.markexpr):
        return f"held back: {', '.join(HELD_BACK)}; --everything runs them, too"


@pytest.fixture(scope="session")
def project(request):
    """The Project under test: its folder, its step, its Django, its application."""
    return request.config.part


@pytest.fixture(scope="session")
def step(project):
    """The Step that the project under test has reached."""
    return project.step


@pytest.fixture(scope="session")
def site(project, tmp_path_factory):
    """A Site: a copy of the project under test, with the same Valkey as the spec."""
    from tests.support.site import Site
    from tests.support.valkey import url_of

    folder = tmp_path_factory.mktemp("site") / "copy"
    return Site(project.path, folder, project.valkey and url_of(project.valkey))


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser():
    """A headless Browser, one for all tests of a worker."""
    from tests.support.browser import chromium

    async with chromium() as browser:
        yield browser
