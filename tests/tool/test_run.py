"""`tutorial run`, tried from outside, on a copy of the steps and the tool."""

import contextlib
import os
import shutil
import signal
import sqlite3
import sys
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.deadline import DEADLINE
from tests.support.folders import copy_folder
from tests.support.tool import answer_of, running
from tests.support.valkey import valkey
from tutorial.__main__ import main
from tutorial.shared.database import prepare
from tutorial.shared.messages import TutorialError
from tutorial.shared.ports import free_port
from tutorial.shared.steps import ROOT, Step, all_steps

pytestmark = pytest.mark.server


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """A folder with copies of `steps/` and `src/`."""
    folder = tmp_path_factory.mktemp("house")
    for name in ("steps", "src"):
        copy_folder(ROOT / name, folder / name)
    return folder


def unused_url():
    """Return a REDIS_URL at which nothing answers."""
    return f"redis://127.0.0.1:{free_port()}/0"


def test_a_step_runs_until_ctrl_c_and_leaves_nothing_behind(house):
    port, url = free_port(), unused_url()
    with running(house, "run", "05", "--port", port, REDIS_URL=url) as tool:
        said = tool.wait_until_said("Stop with Ctrl-C.")
        started = f"No Redis answers at {url}: started Valkey, redis://127.0.0.1:"
        assert started in said
        assert f"05_async is running: open http://127.0.0.1:{port}/" in said
        assert "Sign in as alice, bob, carol or teacher; the password is: demo" in said
        page = urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=DEADLINE)
        assert page.url.endswith("/accounts/login/?next=/")
        assert any("valkey" in name for name in tool.names())
        assert tool.stop(signal.SIGINT) == (0, [])
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=DEADLINE)


def test_a_step_that_is_killed_leaves_nothing_behind(house):
    port, url = free_port(), unused_url()
    with running(house, "run", "05", "--port", port, REDIS_URL=url) as tool:
        tool.wait_until_said("Stop with Ctrl-C.")
        assert tool.stop(signal.SIGKILL) == (-signal.SIGKILL, [])


def test_a_step_runs_with_its_own_settings_whatever_your_other_project_needs(house):
    other = {"DJANGO_SETTINGS_MODULE": "mysite.settings"}
    with running(house, "run", "00", "--port", free_port(), **other) as tool:
        tool.wait_until_said("Stop with Ctrl-C.")


def test_a_closed_terminal_ends_a_step_that_needs_no_redis(house):
    with running(house, "run", "00", "--port", free_port()) as tool:
        assert "Redis" not in tool.wait_until_said("Stop with Ctrl-C.")
        assert tool.family()
        assert tool.stop(signal.SIGHUP) == (0, [])


@pytest.fixture
def house_with_make(house):
    """The house with the Makefile, and with the environment of these tests."""
    for name in (
        "Makefile",
        "pyproject.toml",
        "requirements.txt",
        "requirements-uv.txt",
    ):
        shutil.copy(ROOT / name, house)
        # Older than the environment, which is not to be made anew.
        os.utime(house / name, (0, 0))
    (house / ".venv").symlink_to(sys.prefix)
    yield house
    (house / ".venv").unlink()


def test_a_signal_to_make_stops_everything(house_with_make):
    house, port = house_with_make, free_port()
    with running(
        house,
        *("run", "STEP=03", f"PORT={port}"),
        command=("make",),
        PYTHONUNBUFFERED="1",
        REDIS_URL=unused_url(),
    ) as tool:
        tool.wait_until_said("Stop with Ctrl-C.")
        assert any("valkey" in name for name in tool.names())
        _, alive = tool.stop(signal.SIGTERM)
        assert alive == []


def test_a_saved_edit_restarts_the_server(house):
    file = house / "steps/01_echo/chat/consumers.py"
    with running(house, "run", "01", "--port", free_port()) as tool:
        tool.wait_until_said("01_echo is running")
        # A save before the reloader's first look, a second later, is no change to it;
        # and one before the server has started makes it begin again.
        for second in range(1, 16):
            os.utime(file, (file.stat().st_mtime + second,) * 2)
            if tool.has_said("Starting ASGI", times=2, timeout=second):
                return
        pytest.fail(tool.wait_until_said("01_echo is running"))


def test_a_second_start_does_not_undo_what_the_person_has_changed(house):
    step = Step("00", house / "steps/00_start")
    prepare(step)
    database = step.path / "db.sqlite3"
    with contextlib.closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("update courses_course set title = 'Mine'")
        connection.execute("delete from auth_user where username = 'bob'")
    prepare(step)
    with contextlib.closing(sqlite3.connect(database)) as connection:
        titles = connection.execute("select distinct title from courses_course")
        assert titles.fetchall() == [("Mine",)]
        names = connection.execute("select username from auth_user order by username")
        assert names.fetchall() == [("alice",), ("carol",), ("teacher",)]


def test_the_same_step_may_be_started_several_times_at_once(house):
    step = Step("03", house / "steps/03_channel_layer")
    (step.path / "db.sqlite3").unlink(missing_ok=True)
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(prepare, [step] * 4))
    database = sqlite3.connect(step.path / "db.sqlite3")
    with contextlib.closing(database) as connection:
        assert connection.execute("select count(*) from auth_user").fetchone() == (4,)


def test_for_an_unknown_step_the_tool_lists_the_steps(house):
    status, lines = answer_of(house, "run", "77")
    assert status == 2
    last = all_steps()[-1].number
    assert lines == [f"tutorial: there is no step '77': choose 00 to {last}."]


def test_for_a_taken_port_the_tool_suggests_another_with_its_own_option(house):
    with valkey() as anything:
        port = anything.port
        status, lines = answer_of(house, "run", "01", "--port", port)
    assert status == 2
    assert lines == [
        f"tutorial: port {port} cannot be used (Address already in use): stop the "
        "program that uses it, or choose another port, for example "
        f"--port {port + 1}."
    ]


@pytest.mark.parametrize(
    "port", ["http", "0", "70000", "-1", "", "8" * 5000, "000800099999"]
)
def test_what_is_not_a_port_is_reported_in_one_line(capsys, port):
    assert main(["run", "01", f"--port={port}"]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "is not a port: use a number like 8000" in said


def test_a_step_that_ends_without_a_word_is_reported_with_its_status(tmp_path):
    (tmp_path / "config").mkdir()
    (tmp_path / "config/settings.py").write_text("import os; os._exit(3)")
    with pytest.raises(TutorialError, match="it ended with status 3"):
        prepare(Step("00", tmp_path))


def test_a_step_with_a_mistake_says_what_and_where(house):
    settings = house / "steps/04_context/config/settings.py"
    right = settings.read_text()
    settings.write_text(right + "oops(\n")
    try:
        status, lines = answer_of(house, "run", "04", "--port", free_port())
    finally:
        settings.write_text(right)
    assert status == 2
    assert len(lines) == 1
    assert "04_context does not start: SyntaxError" in lines[0]
