"""The pinned requirements: whole, with hashes, from wherever pip is told to look."""

import re
import tomllib

import pytest

from tutorial.steps import ROOT

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


def test_every_direct_dependency_is_pinned():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    groups = project["dependency-groups"]
    wanted = {
        "requirements.txt": project["project"]["dependencies"],
        "requirements-dev.txt": [d for d in groups["test"] if isinstance(d, str)],
        "requirements-notebooks.txt": groups["notebooks"],
        "requirements-uv.txt": groups["install"],
    }
    for name, dependencies in wanted.items():
        pinned = {line.split("==")[0] for line in pins(ROOT / name)}
        names = {re.match(r"[\w-]+", dependency)[0] for dependency in dependencies}
        assert names <= pinned


def test_what_runs_needs_nothing_of_what_the_notebooks_need_nor_they_of_the_tests():
    run, notebooks, dev = (
        {line.split(" ")[0] for line in pins(ROOT / f"requirements{name}.txt")}
        for name in ("", "-notebooks", "-dev")
    )
    assert run < notebooks < dev
    assert not any(line.startswith(("jupyter", "matplotlib")) for line in run)
    assert not any(line.startswith(("pytest", "playwright")) for line in notebooks)
