"""`make`, with an npm that fetches from a folder, and in a .venv that is empty."""

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile

import pytest

from tests.support.deadline import DEADLINE
from tutorial.shared.steps import ROOT

# `npm pack --silent left@1.0`, which make calls in .venv, copies ../left-1.0.tgz.
NPM = """#!/bin/sh
name=$(echo "$3" | tr @ -)
cat "../$name.tgz" > "$name.tgz"
"""
# All that the recipe needs: on macOS there is no sha512sum.
COMMANDS = ("sh", "make", "tar", "sed", "tr", "cat", "gzip", "rm", "touch")
NO_NETWORK = (
    "npm could not fetch what the browser tests load: try again with a network."
)


@pytest.fixture
def house(tmp_path):
    """A folder with a Makefile, a .venv that needs only npm's files, and a PATH."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / ".venv/bin").mkdir(parents=True)
    (tmp_path / ".venv/bin/python").symlink_to(sys.executable)
    (tmp_path / "requirements-uv.txt").touch()
    (tmp_path / ".venv/uv.done").touch()
    (tmp_path / "path").mkdir()
    for name in COMMANDS:
        (tmp_path / "path" / name).symlink_to(shutil.which(name))
    (tmp_path / "path/npm").write_text(NPM)
    (tmp_path / "path/npm").chmod(0o755)
    return tmp_path


def packed(house, name):
    """Make a package with a file x.js, as npm does; return what the Makefile says."""
    (house / name).mkdir()
    (house / name / "x.js").write_text(f"/* {name} */")
    with tarfile.open(house / f"{name}-1.0.tgz", "w:gz") as package:
        package.add(house / name / "x.js", f"package/{name}.js")
    digest = hashlib.sha512((house / f"{name}-1.0.tgz").read_bytes()).hexdigest()
    return f"{name}-1.0 {name}.js {digest}"


def make(house, **variables):
    """Return the exit status of `make .venv/npm.done`, and what it has printed."""
    # The tests themselves may have been started by make.
    env = {k: v for k, v in os.environ.items() if not k.startswith("MAKE")}
    done = subprocess.run(
        ["make", ".venv/npm.done", *(f"{k}={v}" for k, v in variables.items())],
        cwd=house,
        env=env | {"PATH": str(house / "path")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=DEADLINE,
    )
    return done.returncode, done.stdout.splitlines()


def test_what_the_browser_tests_load_is_unpacked_into_the_environment(house):
    left, right = packed(house, "left"), packed(house, "right")
    assert make(house, MERMAID=left, AXE=right) == (0, [])
    for name in ("left", "right"):
        assert (house / f".venv/{name}.js").read_text() == f"/* {name} */"
        assert not (house / f".venv/{name}-1.0.tgz").exists()
    assert (house / ".venv/npm.done").exists()


@pytest.mark.parametrize("wrong", ["offline", "another file"])
def test_what_npm_does_not_fetch_is_reported_in_one_line(house, wrong):
    left, right = packed(house, "left"), packed(house, "right")
    if wrong == "offline":
        (house / "right-1.0.tgz").unlink()
    else:
        shutil.copy(house / "left-1.0.tgz", house / "right-1.0.tgz")
    status, lines = make(house, MERMAID=left, AXE=right)
    assert (status, lines[0]) == (2, NO_NETWORK)
    assert not any(line for line in lines[1:] if not line.startswith("make: "))
    assert not (house / ".venv/right.js").exists()
    assert not (house / ".venv/npm.done").exists()


def test_without_npm_make_goes_on(house):
    (house / "path/npm").unlink()
    assert make(house) == (0, [])
    assert (house / ".venv/npm.done").exists()
