"""`tutorial redis`, tried from outside."""

import signal

import pytest
import redis

from tests.support.tool import answer_of, running
from tests.support.valkey import url_of, valkey
from tutorial.channel_redis import answers, free_port
from tutorial.steps import ROOT

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


def test_a_redis_that_answers_is_named_and_left_running():
    with valkey() as server:
        url = url_of(server)
        with running(ROOT, "redis", REDIS_URL=url) as tool:
            said = tool.wait_until_said("Stop with Ctrl-C.")
            assert f"Using the Redis that answers at {url}" in said
        assert server.is_running()


def test_a_redis_that_wants_a_password_is_answered_in_one_line():
    with valkey() as server, redis.Redis.from_url(url_of(server)) as client:
        client.config_set("requirepass", "secret")
        status, lines = answer_of(ROOT, "redis", REDIS_URL=url_of(server))
    assert (status, len(lines)) == (2, 1)
    assert "wants a password" in lines[0]
