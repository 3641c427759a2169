"""What somebody has exported, or git for its hook, changes nothing in the tests."""

import os
import subprocess

import pytest

from tests.support import warm
from tutorial.shared.steps import ROOT

AUTHOR = ("-c", "user.name=a", "-c", "user.email=a@example.org")


def run_tests(*arguments, **variables):
    """Run pytest; return its exit status and what it has printed."""
    command = ["-m", "pytest", "-q", "--tb=short", *map(str, arguments)]
    return warm.run(command, ROOT, os.environ | variables)


@pytest.fixture
def repository(tmp_path):
    """A function that calls git in a repository with one commit."""

    def git(*arguments):
        command = ["git", "-C", tmp_path, *AUTHOR, *arguments]
        return subprocess.check_output(command, text=True)

    git("init", "--quiet")
    git("commit", "--quiet", "--allow-empty", "--message", "The only one")
    return git


def test_settings_of_another_site_do_not_reach_the_steps():
    exported = {"DEBUG": "true", "PGDATABASE": "x", "BROKER": "pigeon"}
    exported["DJANGO_SETTINGS_MODULE"] = "mysite.settings"
    status, said = run_tests("--step", "16", "tests/spec/test_pages.py", **exported)
    assert status == 0, said


def test_in_a_hook_the_tests_do_not_touch_the_repository(repository, tmp_path):
    file, name = "tests/tool/test_carry.py", "test_carried_twice_is_carried_once"
    before = repository("rev-parse", "HEAD")
    status, said = run_tests(f"{file}::{name}", GIT_DIR=str(tmp_path / ".git"))
    assert repository("rev-parse", "HEAD") == before
    assert status == 0, said


def test_a_proxy_does_not_come_between_the_tests_and_a_server():
    file = "tests/servers/test_daphne.py"
    name = "test_each_person_receives_only_their_own_messages"
    nowhere = {"http_proxy": "http://127.0.0.1:9", "no_proxy": "", "NO_PROXY": ""}
    status, said = run_tests(
        "--step", "01", "--everything", f"{file}::{name}", **nowhere
    )
    assert status == 0, said
