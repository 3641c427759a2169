"""`tutorial deploy`, tried from outside, on a copy of the steps and the tool."""

import os
import shutil
import signal
import socket
import sys
import urllib.request

import pytest

from tests.support.deadline import DEADLINE
from tests.support.folders import copy_folder
from tests.support.nginx import HTTP, HTTPS, METRICS, nginx
from tests.support.tool import answer_of, running
from tutorial.__main__ import main
from tutorial.shared.ports import any_certificate, free_port
from tutorial.shared.steps import ROOT, all_steps
from tutorial.verbs.deploy import environment

pytestmark = pytest.mark.server
LAST = all_steps()[-1]


@pytest.fixture(scope="module")
def ports():
    """The ports on which NGINX listens here instead of those of the chapters."""
    return {port: free_port() for port in (HTTP, HTTPS, METRICS)}


@pytest.fixture(scope="module")
def house(tmp_path_factory, ports):
    """A folder with copies of `steps/` and `src/`, and with ports of its own."""
    nginx()
    folder = tmp_path_factory.mktemp("house")
    for name in ("steps", "src"):
        copy_folder(ROOT / name, folder / name)
    settings = folder / "steps" / LAST.name / "deploy/nginx.conf"
    text = settings.read_text()
    for shown, own in ports.items():
        text = text.replace(shown, str(own))
    settings.write_text(text)
    return folder


def test_a_step_is_deployed_until_ctrl_c_and_leaves_nothing_behind(house, ports):
    unused = f"redis://127.0.0.1:{free_port()}/0"
    with running(house, "deploy", REDIS_URL=unused) as tool:
        said = tool.wait_until_said("Stop with Ctrl-C.\n\n")
        url = f"https://localhost:{ports[HTTPS]}/"
        assert f"No Redis answers at {unused}: started Valkey" in said
        assert f"{LAST.name} is running: open {url} in a browser." in said
        tool.wait_until_said("nginx entered RUNNING state")
        page = urllib.request.urlopen(url, timeout=DEADLINE, context=any_certificate())
        assert page.url == f"{url}accounts/login/?next=/"
        assert {"nginx", "supervisord", "daphne"} <= tool.names()
        assert tool.stop(signal.SIGINT) == (0, [])


# Runs Python with its arguments in a terminal, which SIGTERM closes.
TERMINAL = """
import os, pty, signal, sys
child, terminal = pty.fork()
if not child:
    os.execv(sys.executable, [sys.executable, *sys.argv[1:]])

def close(*_):
    os.close(terminal)
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))

signal.signal(signal.SIGTERM, close)
while said := os.read(terminal, 1000):
    os.write(1, said)
"""


def test_a_closed_terminal_ends_a_deployment_and_leaves_nothing_behind(house):
    command = (sys.executable, "-c", TERMINAL, "-um", "tutorial", "deploy")
    with running(house, command=command) as tool:
        tool.wait_until_said("Stop with Ctrl-C.")
        tool.wait_until_said("nginx entered RUNNING state")
        assert {"nginx", "supervisord", "daphne"} <= tool.names()
        _, left = tool.stop(signal.SIGTERM)
        assert left == []


def test_variables_for_other_programs_do_not_change_a_deployment(house):
    variables = {
        "https_proxy": f"http://127.0.0.1:{free_port()}",
        # The tests themselves go around every proxy.
        "no_proxy": "",
        "NO_PROXY": "",
        "DJANGO_SETTINGS_MODULE": "mysite.settings",
    }
    with running(house, "deploy", **variables) as tool:
        tool.wait_until_said(f"{LAST.name} is running: open")


def test_a_step_without_a_folder_deploy_is_refused(house):
    status, lines = answer_of(house, "deploy", "05")
    assert status == 2
    others = [step.name for step in all_steps() if step.number >= "17"]
    assert lines == [
        "tutorial: 05_async has no deploy/nginx.conf, so it cannot be deployed; "
        f"choose one of {', '.join(others)}."
    ]


def test_a_taken_port_is_reported_with_the_file_to_change(house, ports):
    with socket.create_server(("127.0.0.1", ports[HTTPS])):
        status, lines = answer_of(house, "deploy")
    assert status == 2
    assert len(lines) == 1
    assert f"port {ports[HTTPS]} cannot be used" in lines[0]
    assert f"listen 127.0.0.1:{ports[HTTPS] + 1} in deploy/nginx.conf" in lines[0]


# In place of deploy/start: another program that answers every request with 200.
OTHER_SITE = """#!/bin/sh
openssl req -x509 -nodes -newkey rsa:2048 -subj /CN=localhost \\
    -keyout key.pem -out certificate.pem 2>openssl.log
exec openssl s_server -quiet -www -accept 127.0.0.1:{port} \\
    -key key.pem -cert certificate.pem
"""


def test_another_site_that_answers_is_not_taken_for_this_one(house, ports):
    deploy = house / "steps" / all_steps()[-2].name / "deploy"
    shutil.copy(house / "steps" / LAST.name / "deploy/nginx.conf", deploy)
    (deploy / "start").write_text(OTHER_SITE.format(port=ports[HTTPS]))
    status, lines = answer_of(house, "deploy", all_steps()[-2].name)
    assert status == 2
    assert f"port {ports[HTTPS]} cannot be used" in lines[-1]


@pytest.mark.parametrize("command", ["nginx", "openssl", "curl"])
def test_what_is_missing_is_named_with_the_way_to_install_it(
    monkeypatch, capsys, command
):
    monkeypatch.setattr(shutil, "which", lambda name, path: name != command)
    assert main(["deploy"]) == 2
    said = f"{command} is missing: install it, on Debian with apt install {command}, "
    assert said in capsys.readouterr().err


def test_without_a_path_the_system_s_own_places_are_searched(monkeypatch):
    monkeypatch.delenv("PATH")
    monkeypatch.setattr(shutil, "which", lambda name, path: name)
    assert os.defpath in environment()["PATH"]
