"""Which of the variables that a reader has exported reach a step."""

import queue

import pytest

from tests.support.deadline import DEADLINE
from tests.support.valkey import url_of, valkey
from tutorial.shared.steps import all_steps, plain_environment
from tutorial.stage.stage import Play

# For another project, and for the settings of chapters 16 and 19.
OTHERS = {"DJANGO_SETTINGS_MODULE": "mysite.settings"}
OWN = {
    "PGDATABASE": "real",
    "DEBUG": "off",
    "SECRET_KEY": "secret",
    "ALLOWED_HOSTS": "example.com",
    "BROKER": "rabbitmq",
}


@pytest.fixture(autouse=True)
def exported(monkeypatch):
    """What the reader has exported, in these tests."""
    for name, value in (OTHERS | OWN | {"PGHOST": "127.0.0.1"}).items():
        monkeypatch.setenv(name, value)


def test_a_step_gets_what_its_own_settings_read():
    environment = plain_environment()
    assert not environment.keys() & OTHERS.keys()
    assert environment.items() >= OWN.items()


def test_a_copy_gets_nothing_that_would_lead_it_to_the_real_database():
    environment = plain_environment(own_database=True)
    assert not environment.keys() & {*OTHERS, *OWN}
    assert environment["PGHOST"] == "127.0.0.1"


@pytest.mark.server
def test_on_the_stage_a_step_has_a_database_and_settings_of_its_own(tmp_path):
    step, events = all_steps()[-1], queue.Queue()
    with valkey() as server:
        play = Play(step, step.path, tmp_path / step.number, url_of(server), None)
        play.start(lambda _, event: events.put(event))
        try:
            assert events.get(timeout=DEADLINE) == {"kind": "ready"}
        finally:
            play.stop()
