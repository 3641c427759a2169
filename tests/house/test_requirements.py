"""The pinned requirements: whole, with hashes, from wherever pip is told to look."""

import re
import shutil
import subprocess
import sys
import tomllib

import pytest

from tests.pythons import TESTS
from tutorial.shared.steps import ROOT

FILES = sorted(ROOT.glob("requirements*.txt"))


def pins(file):
    """Return the lines of a requirements file that name a package, joined with theirs.

    Comments are left out.
    """
    text = re.sub(r"^\s*#.*\n", "", file.read_text(), flags=re.MULTILINE)
    return text.replace("\\\n", " ").splitlines()


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_every_line_is_a_pinned_package_with_hashes(file):
    assert pins(file)
    for line in pins(file):
        assert re.match(r"[a-z0-9.-]+==\S+( ; [^-]+)?(\s+--hash=sha256:\w{64})+$", line)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_no_file_names_a_place_to_download_from(file):
    assert "://" not in file.read_text()
    assert "index" not in file.read_text()


def test_every_direct_dependency_is_pinned_to_one_version():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    groups = project["dependency-groups"]
    wanted = {
        "requirements.txt": project["project"]["dependencies"],
        "requirements-dev.txt": groups["test"],
        "requirements-notebooks.txt": groups["notebooks"],
        "requirements-uv.txt": groups["install"],
    }
    for name, dependencies in wanted.items():
        pinned = [line.split("==")[0] for line in pins(ROOT / name)]
        names = {re.match(r"[\w-]+", dependency)[0] for dependency in dependencies}
        # Once: one version for every Python, so that all see what the chapters show.
        assert {name: pinned.count(name) for name in names} == dict.fromkeys(names, 1)


# Collects the spec where the packages that are named cannot be imported.
COLLECTS = """
import sys
import pytest
sys.modules |= dict.fromkeys(sys.argv[1].split())
sys.exit(pytest.main(["--collect-only", "-q", "--step", "21", "tests/spec"]))
"""


@pytest.mark.parametrize("missing", [set(), {"pytest_asyncio"}])
def test_the_spec_needs_only_what_make_pythons_installs(missing):
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]
    others = {*groups["test"]} - {*TESTS} | missing
    command = [sys.executable, "-c", COLLECTS, " ".join(others)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode != 0) == bool(missing), done.stdout + done.stderr


def test_who_runs_tests_or_opens_notebooks_gets_what_he_needs_and_no_more():
    run, notebooks, dev = (
        {line.split(" ")[0] for line in pins(ROOT / f"requirements{name}.txt")}
        for name in ("", "-notebooks", "-dev")
    )
    assert run < notebooks
    assert run < dev
    # With IPython `manage.py shell` would not look as the chapters show it.
    assert not any(pin.startswith(("jupyter", "ipython", "matplotlib")) for pin in dev)
    assert not any(pin.startswith(("pytest", "playwright")) for pin in notebooks)


def test_tests_and_notebooks_fit_into_one_environment():
    notebooks, dev = (
        dict(re.findall(r"^([a-z0-9-]+)==(\S+)", (ROOT / name).read_text(), re.M))
        for name in ("requirements-notebooks.txt", "requirements-dev.txt")
    )
    both = notebooks.keys() & dev.keys()
    assert "websockets" in both
    assert {n: notebooks[n] for n in both} == {n: dev[n] for n in both}


@pytest.mark.parametrize(
    ("version", "makes"),
    [
        ("(3, 10)", False),
        ("(3, 11)", True),
        ("(3, 14)", True),
        ("(3, 15)", False),
        (None, False),
    ],
)
def test_only_a_supported_python_makes_an_environment(version, makes, tmp_path):
    """A Python that calls itself older stands for one that is not everywhere."""
    for name in ("Makefile", "requirements-uv.txt"):
        shutil.copy(ROOT / name, tmp_path)
    python = tmp_path / "python"
    if version:
        # Before `-m venv` it ends, so that a new one makes no environment either.
        setup = f"import sys; sys.version_info = {version}; exec(sys.argv[-1])"
        python.write_text(
            f'#!/bin/sh\n[ "$1" = -c ] && {sys.executable} -c "{setup}" "$2"\n'
        )
        python.chmod(0o755)
    done = subprocess.run(
        ["make", "--no-print-directory", "run", f"PYTHON={python}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    advice = (
        f"{python} is not Python 3.11 to 3.14: add, for example, PYTHON=python3.13.\n"
    )
    making = "Making .venv, which takes a minute or two ...\n"
    assert done.stdout == (making if makes else advice)
    assert not (tmp_path / ".venv").exists()
