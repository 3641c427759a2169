"""Which tests run: those that hold at the step, or, without one, all in a pool."""

import contextlib
import os
import signal
import tempfile
from pathlib import Path

import pytest
import pytest_asyncio

from conftest import HELD_BACK, SLOW
from tests import pool
from tests.digests import allow_only
from tests.support.project import NotReady, Project
from tutorial.shared.messages import TutorialError
from tutorial.shared.steps import SETTINGS, all_steps, find_step

HERE = Path(__file__).parent
# Tests that belong to no step.
STEPLESS = ("house", "tool", "stage", "notebooks")
# Git sets these for a hook. With them, every git works on the hook's repository.
OF_A_HOOK = ("DIR", "WORK_TREE", "INDEX_FILE", "PREFIX", "OBJECT_DIRECTORY")
OF_A_HOOK = [f"GIT_{name}" for name in (*OF_A_HOOK, "COMMON_DIR")]
# Git without anybody's settings, also where another user has the files, and no proxy
# between programs of this machine.
OF_THE_TESTS = {
    "GIT_CONFIG_GLOBAL": str(HERE / "support/gitconfig"),
    "GIT_CONFIG_NOSYSTEM": "1",
    "no_proxy": "127.0.0.1,127.0.0.2,localhost",
    "NO_PROXY": "127.0.0.1,127.0.0.2,localhost",
}


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config):
    """Set `config.step`, the Step that is tested or None; run many parts in a pool.

    If no file is named, each part of the tests has a process of its own.
    """
    option = config.option
    leave_surroundings(with_settings=bool(option.project))
    # Whoever ends the tests, by Ctrl-C or SIGTERM, ends the servers that they started.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if option.project and not option.step:
        raise pytest.UsageError("--project goes with --step, as in --step 03.")
    try:
        config.step = find_step(option.step) if option.step else None
    except TutorialError as error:
        raise pytest.UsageError(str(error))
    if "PART" in os.environ:
        number, _, kind = os.environ["PART"].rpartition(" ")
        allow_only(kind, find_step(number) if number else None)
    named = config.args_source is not config.ArgsSource.TESTPATHS
    one = config.step and not option.everything
    if not (named or one or option.collectonly or option.usepdb or option.help):
        return pool.run(config.step, config.invocation_params.args, option.everything)
    # In the background both may be ignored, and then what the tests start ignores them.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def leave_surroundings(with_settings):
    """Let no variable that somebody has exported decide whether a test passes.

    The variables that the steps' settings read stay only `with_settings`: whoever
    tests a folder of their own has set them for it.
    """
    names = [] if with_settings else ["DJANGO_SETTINGS_MODULE", *SETTINGS]
    for name in (*OF_A_HOOK, *names):
        os.environ.pop(name, None)
    os.environ.update(OF_THE_TESTS)


def pytest_ignore_collect(collection_path, config):
    """Do not even read the files of which no test belongs to the step."""
    folder = collection_path.relative_to(HERE).parts[:1]
    return (config.step is not None and folder and folder[0] in STEPLESS) or None


def pytest_collection_modifyitems(config, items):
    """Keep the tests of this step that the options do not hold back.

    Those that wait come last: who has made a mistake hears of it sooner.
    """
    keep = [item for item in items if is_wanted(item, config)]
    if config.option.share:
        share, shares = map(int, config.option.share.split("/"))
        keep = keep[share - 1 :: shares]
    kept = set(keep)
    drop = [item for item in items if item not in kept]
    items[:] = sorted(keep, key=lambda item: bool(item.get_closest_marker("waiting")))
    config.hook.pytest_deselected(items=drop)


def pytest_collection_finish(session):
    """Load the project under test if a test needs it; say in one line what it lacks."""
    config = session.config
    config.project = None
    if any("project" in item.fixturenames for item in session.items):
        try:
            path = config.option.project or config.step.path
            config.project = Project(config.step, path)
        except NotReady as error:
            raise pytest.UsageError(str(error))


def pytest_unconfigure(config):
    if getattr(config, "project", None):
        config.project.close()


def is_wanted(item, config):
    """Return whether `item` belongs to the step and is not held back."""
    mark = item.get_closest_marker("holds")
    if mark and not (config.step and holds_at(mark, config.step.number)):
        return False
    if item.get_closest_marker("deletion"):
        return "deletion" in config.option.markexpr
    ends_only = config.option.first_and_last
    concerned = mark and (ends_only == "all" or (ends_only and is_slow(item)))
    if concerned and config.step.number not in ends_of(mark):
        return False
    if config.option.everything or config.option.markexpr:
        return True
    return not any(item.get_closest_marker(name) for name in HELD_BACK)


def is_slow(item):
    return any(item.get_closest_marker(name) for name in SLOW)


def ends_of(mark):
    """Return the numbers of the first and the last step that a `holds` mark covers."""
    return mark.kwargs["since"], mark.kwargs.get("until") or all_steps()[-1].number


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
    return request.config.project


@pytest.fixture(scope="session")
def step(request):
    """The Step that is tested."""
    return request.config.step


@pytest.fixture(scope="session")
def site(project):
    """A Site: a copy of the project under test, with the same Valkey as the spec."""
    from tests.support.site import Site
    from tests.support.valkey import url_of

    redis_url = project.valkey and url_of(project.valkey)
    with tempfile.TemporaryDirectory(prefix="site-") as folder:
        yield Site(project.path, Path(folder, "copy"), redis_url)


@pytest.fixture(scope="session")
def deployed(site):
    """The site behind NGINX, as deploy/start starts it (since step 17)."""
    with site.deployed() as deployed:
        yield deployed


@pytest.fixture
def warm_runs(monkeypatch):
    """Let `check`, called in this process, run the spec in a warm one."""
    from tests.support.spec_run import WarmRun
    from tutorial.verbs import check

    def run(*command, **options):
        return contextlib.nullcontext(WarmRun(*command, **options))

    monkeypatch.setattr(check, "process_group", run)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser():
    """A headless Browser, one for all tests of a process."""
    from tests.support.browser import chromium

    async with chromium() as browser:
        yield browser
