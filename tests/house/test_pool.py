"""What `make test` runs, and what it leaves out because it has passed."""

import os
import py_compile
import shutil
import signal
import subprocess
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from tests import digests, pool
from tests.support import nginx
from tests.support.deadline import DEADLINE, until
from tests.support.tool import running
from tutorial.shared.steps import ROOT, find_step


@dataclass(frozen=True)
class Step:
    """A step of a small house."""

    name: str
    path: Path

    @property
    def number(self):
        return self.name[:2]


@pytest.fixture
def house(tmp_path, monkeypatch):
    """A repository with two steps and a test, whose parts all pass."""
    root = tmp_path / "house"
    for file in ("steps/00_start/page.html", "steps/01_echo/chat.py"):
        (root / file).parent.mkdir(parents=True)
        (root / file).write_text(file)
    (root / ".gitignore").write_text("db.sqlite3\n")
    subprocess.run(["git", "init", "-q", root], check=True)
    steps = [Step(path.name, path) for path in sorted((root / "steps").iterdir())]
    for module in (pool, digests):
        monkeypatch.setattr(module, "ROOT", root)
        monkeypatch.setattr(module, "all_steps", lambda: steps)
    monkeypatch.setattr(pool, "PASSED", tmp_path / "passed.json")
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.delenv("ALL_STEPS", raising=False)
    return root


@pytest.fixture
def run(house, monkeypatch):
    """A function that runs the pool; it returns the names of the parts that ran.

    Those in `failing` fail, and those in `empty` find no test. Meanwhile somebody saves
    the file `saved`.
    """

    def run(*arguments, step=None, failing=(), empty=(), saved=None):
        names = []

        def run_all(parts, *_, few):
            for part in parts:
                names.append(part.name)
                part.status = 5 if part.name in empty else part.name in failing
            if saved:
                (house / saved).write_text("saved meanwhile")

        monkeypatch.setattr(pool, "run_all", run_all)
        assert pool.run(step, arguments, everything=True) == (1 if failing else 0)
        return set(names)

    return run


ALL = (
    {*pool.NO_STEP}
    | {f"00 {kind}" for kind in pool.KINDS}
    | {f"01 {kind}" for kind in pool.LAST_KINDS}
)
OF_01 = {name for name in ALL if not name.startswith("00")}
CHAPTERS, MUTANTS = (
    {f"{step} {kind}" for step in ("00", "01")} for kind in ("chapter", "mutants")
)
NO_CHAPTER = {*pool.LAST_KINDS} - {"chapter"}
HOUSE, STAGE, NOTEBOOKS = {"house", "tool", "check"}, {"stage"}, {"notebooks"}


def test_what_has_passed_runs_again_only_when_something_has_changed(run, capsys):
    assert run() == ALL
    assert run() == set()
    said = capsys.readouterr().out
    assert "Nothing has changed since these passed: 00 chapter, 00 live," in said
    assert "===== nothing to run in " in said


@pytest.mark.parametrize(
    ("file", "parts"),
    [
        ("requirements.txt", ALL),
        ("src/tutorial/verbs/run.py", ALL),
        ("tests/conftest.py", ALL),
        ("tests/support/people.py", ALL),
        ("tests/spec/test_rooms.py", ALL - STAGE - NOTEBOOKS - {"01 browser"}),
        ("tests/browser/test_room.py", {"00 live", "01 browser"} | MUTANTS | HOUSE),
        ("tests/stage/test_wire.py", STAGE | HOUSE),
        ("README.md", CHAPTERS | HOUSE | STAGE),
        ("docs/room.png", CHAPTERS | HOUSE | STAGE),
        ("notebooks/one.ipynb", CHAPTERS | HOUSE | STAGE | NOTEBOOKS),
        ("steps/00_start/page.html", ALL),
        ("steps/00_start/README.md", ALL - {f"01 {kind}" for kind in NO_CHAPTER}),
        ("steps/01_echo/chat.py", OF_01),
        ("steps/01_echo/new.py", OF_01),
        ("steps/01_echo/db.sqlite3", set()),
    ],
)
def test_a_changed_file_affects_only_the_parts_that_depend_on_it(
    house, run, file, parts
):
    run()
    (house / file).parent.mkdir(parents=True, exist_ok=True)
    with (house / file).open("a") as changed:
        changed.write("more")
    assert run() == parts
    assert run() == set()


# A part that reads a file, and the chapter beside it.
READS = """
import sys
from tests.digests import allow_only
from tutorial.shared.steps import find_step
allow_only("spec", find_step("05"))
for step in ("05", sys.argv[1]):
    (find_step(step).path / sys.argv[2]).read_text()
"""


@pytest.mark.parametrize(
    ("step", "file", "refused"),
    [
        ("05", "chat/consumers.py", False),
        ("00", "manage.py", False),
        ("04", "manage.py", True),
        ("06", "manage.py", True),
    ],
)
def test_a_part_may_read_only_what_its_digest_has(step, file, refused):
    command = [sys.executable, "-c", READS, step, file]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    name = f"steps/{find_step(step).name}/{file}"
    said = f"AssertionError: spec reads {name}"
    assert (said in done.stderr) == refused
    assert (done.returncode == 0) != refused


IMPORTS = """
from tests.digests import allow_only
from tutorial.shared.steps import find_step
allow_only("spec", find_step("05"))
import tests.deletion.cuts
"""


def test_to_import_a_file_from_its_bytecode_is_to_read_it():
    py_compile.compile(ROOT / "tests/deletion/cuts.py")
    command = [sys.executable, "-c", IMPORTS]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert "AssertionError: spec reads tests/deletion/cuts.py" in done.stderr


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("/a/__pycache__/b.cpython-311.pyc", "/a/b.py"),
        ("/a/__pycache__/b.cpython-311-pytest-9.0.2.pyc", "/a/b.py"),
        ("/a/b.py", "/a/b.py"),
    ],
)
def test_bytecode_leads_to_its_source(file, source):
    assert digests.source_of(file) == source


def test_a_new_browser_is_a_change(run, tmp_path, monkeypatch):
    run()
    browser = tmp_path / "chromium-headless-shell"
    browser.touch()
    browser.chmod(0o755)
    places = f"{tmp_path}{os.pathsep}{nginx.PLACES}"
    monkeypatch.setattr(nginx, "PLACES", places)
    assert run() == ALL
    assert run() == set()


def test_a_deleted_file_is_a_change(house, run):
    run()
    (house / "steps/01_echo/chat.py").unlink()
    assert run() == OF_01


def test_a_part_that_has_failed_runs_again(run):
    run(failing={"01 spec"})
    assert run() == {"01 spec"}
    assert run() == set()


def test_what_is_saved_while_it_is_tested_is_tested_again(run):
    run(saved="steps/01_echo/chat.py")
    assert run() == OF_01
    assert run() == set()


def test_only_a_part_of_a_step_may_be_without_tests(run):
    run(empty={"01 live", "01 spec"})
    run("-k", "echo", empty={"house"})
    with pytest.raises(AssertionError):
        run("--maxfail=1", empty={"house"})


def test_a_test_that_was_skipped_is_named_below_its_part(capsys):
    skipped = "SKIPPED [1] tests/spec/test_x.py:3: There is no PostgreSQL."
    pool.report(pool.Part("01 spec", [], said=f".s\n{skipped}\n1 passed, 1 skipped"))
    assert capsys.readouterr().out == f"01 spec      1 passed, 1 skipped\n{skipped}\n"


def test_with_ci_or_for_a_step_everything_runs_always(run, monkeypatch):
    run()
    assert run(step=pool.all_steps()[0]) == {f"00 {kind}" for kind in pool.KINDS_ALONE}
    monkeypatch.setenv("CI", "true")
    assert run() == ALL


def test_a_step_in_the_middle_tests_what_holds_first_or_last(house, monkeypatch):
    first, last = pool.all_steps()

    def options(step, alone=False):
        """Return {kind: those of its arguments that choose by first and last}."""
        kinds = pool.kinds_of(step, everything=True, alone=alone)
        chosen = {kind: it[-1] for kind, it in kinds.items() if it[-1][:7] == "--first"}
        return {kind: option.rpartition("=")[2] for kind, option in chosen.items()}

    assert options(first) == options(last) == {}
    monkeypatch.setattr(pool, "LAST_QUICK", "")
    of_a_kind = {"chapter": "slow", "mutants": "slow", "live": "slow", "spec": "all"}
    assert options(first) == of_a_kind
    assert options(last) == options(first, alone=True) == {}
    monkeypatch.setenv("ALL_STEPS", "true")
    assert options(first) == {}


def test_a_choice_of_tests_that_has_passed_says_nothing_of_the_others(run):
    run("-k", "echo")
    assert run() == ALL


def test_without_a_repository_everything_runs_always(house, run, monkeypatch):
    shutil.rmtree(house / ".git")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(house.parent))
    assert run() == ALL
    assert run() == ALL


@pytest.fixture
def waiter(monkeypatch):
    """A function that asks whether another part may begin, in a thread of its own.

    It takes a set of Futures, those of the parts that run, how busy the processors are,
    in %, and how many bytes of memory are free. It returns the Future that is done when
    the part may begin.
    """
    monkeypatch.setattr(pool, "PAUSE", 0.01)
    monkeypatch.setattr(pool, "report", lambda part: None)
    asked = []
    with ThreadPoolExecutor() as threads:

        def ask(running, busy, free):
            asked.extend(running)
            memory = SimpleNamespace(available=free)
            monkeypatch.setattr(psutil, "cpu_percent", lambda: busy)
            monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)
            return threads.submit(pool.wait_for_time, running, pool.FEW)

        yield ask
        for run in asked:
            if not run.done():
                run.set_result(None)


@pytest.mark.parametrize(
    ("count", "busy", "free", "begins"),
    [
        (pool.FEW - 1, 100, 0, True),
        (pool.FEW, 100, pool.ROOM + 1, False),
        (pool.FEW, pool.BUSY - 1, pool.ROOM + 1, True),
        (pool.FEW, 0, pool.ROOM, False),
        (pool.MOST, 0, pool.ROOM + 1, False),
    ],
)
def test_another_part_begins_if_few_run_or_if_the_machine_has_time_and_memory(
    waiter, count, busy, free, begins
):
    running = {Future() for _ in range(count)}
    may_begin = waiter(running, busy, free)
    if not begins:
        with pytest.raises(TimeoutError):
            may_begin.result(0.2)
        next(iter(running)).set_result(None)
        count -= 1
    may_begin.result(DEADLINE)
    assert len(running) == count


def test_the_shares_of_the_tests_are_all_of_them_once():
    def chosen(*share):
        command = ["-m", "pytest", "--collect-only", "-q", "--everything", *share]
        command += ["--step", "05", "tests/chapters/test_mistakes.py"]
        said = subprocess.check_output([sys.executable, *command], cwd=ROOT, text=True)
        return [line for line in said.splitlines() if "::" in line]

    every = chosen()
    assert len(every) > 3
    shares = [chosen(f"--share={share}/3") for share in (1, 2, 3)]
    assert shares == [every[0::3], every[1::3], every[2::3]]


# Runs the pool with a single part, which says by a file that it has begun.
POOL = """
import sys
from tests import digests, pool
pool.parts_of = lambda *_: [pool.Part("00 spec", ["--rootdir=.", sys.argv[1]])]
sys.exit(pool.run(None, [], everything=True))
"""
BEGINS_AND_WAITS = """
import pathlib, subprocess, sys
def test_waits():
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    pathlib.Path(__file__).with_name("begun").touch()
    child.wait()
"""


def test_ctrl_c_ends_what_was_started_and_is_answered_with_one_line(tmp_path):
    file = tmp_path / "test_waits.py"
    file.write_text(BEGINS_AND_WAITS)
    command = (sys.executable, "-uc", POOL)
    # With a server of forks of its own, so that what is forked is of its family.
    with running(ROOT, file, command=command, WARM_PYTHON="", CI="true") as tool:
        until((tmp_path / "begun").exists)
        assert len(tool.family()) == 3  # the server of forks, the part and its child
        assert tool.stop(signal.SIGINT) == (130, [])
        line = "Interrupted: all that was started has ended."
        assert tool.wait_until_said(f"{line}\n").strip() == line
        assert tool.process.stderr.read() == ""


def test_a_test_that_hangs_ends_its_part_and_says_where(tmp_path):
    file = tmp_path / "test_hanging.py"
    file.write_text("from signal import pause\n\ndef test_it():\n    pause()\n")
    command = [sys.executable, "-m", "pytest", "-c", ROOT / "pyproject.toml", file]
    soon = ["-o", "faulthandler_timeout=3"]
    done = subprocess.run(
        [*command, *soon], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.returncode != 0
    assert "Timeout (0:00:03)!" in done.stderr, done.stderr
    assert f'File "{file}", line 4 in test_it' in done.stderr
