"""`tutorial carry`, on a small repository with four steps."""

import os
import subprocess

import pytest

from tests.support.folders import contents
from tutorial.__main__ import main

LINES = [f"line {number}\n" for number in range(1, 13)]
POEM = "".join(LINES)
DONE = "Now run `make test`: it lists the chapter blocks that need the change.\n"
TO_RESOLVE = DONE.replace("Now run", "Resolve the conflicts, then run")
RESOLVE_03 = "Resolve 03, then run `tutorial carry 03`.\n"


class House:
    """A git repository with steps: read, write and remove files by step and name."""

    def __init__(self, root):
        self.root = root
        (self.steps,) = root.glob("steps")

    def path(self, step, name):
        (folder,) = self.steps.glob(f"{step}_*")
        return folder / name

    def read(self, step, name="poem.txt"):
        return self.path(step, name).read_text()

    def write(self, step, text, name="poem.txt"):
        path = self.path(step, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())

    def git(self, *arguments):
        return subprocess.run(
            ["git", *arguments],
            cwd=self.root,
            check=True,
            capture_output=True,
            text=True,
        ).stdout

    def commit(self):
        author = ("-c", "user.name=a", "-c", "user.email=a@example.org")
        self.git("add", ".")
        self.git(*author, "commit", "--quiet", "--message", "Steps")

    def contents(self):
        """Return {path: bytes} of all files in the steps."""
        return contents(self.steps)


@pytest.fixture
def house(tmp_path, monkeypatch):
    """A House with steps 01 to 04, in which line 12 of the poem says the step."""
    monkeypatch.setattr("tutorial.shared.steps.ROOT", tmp_path)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "no-settings"))
    for name in ("01_one", "02_two", "03_three", "04_four"):
        folder = tmp_path / "steps" / name
        folder.mkdir(parents=True)
        (folder / "poem.txt").write_text(POEM.replace("line 12", name))
        (folder / "same.txt").write_text(POEM)
        (folder / "README.md").write_text(f"# {name}\n")
        if name < "03":
            (folder / "old.txt").write_text(POEM)
    (tmp_path / ".gitignore").write_text("db.sqlite3\n")
    house = House(tmp_path)
    house.git("init", "--quiet")
    house.commit()
    return house


@pytest.fixture
def carry(house, capsys):
    """A function that carries a step and returns the exit status and what is said."""

    def carry(name):
        status = main(["carry", name])
        said = capsys.readouterr()
        return status, said.out if status != 2 else said.err

    return carry


def results(said):
    """Return {(step, file): result} from what `carry` says."""
    found = {}
    for line in said.splitlines()[:-1]:
        path, _, result = line.partition(": ")
        step, _, file = path.partition("/")
        found[step[:2], file] = result
    return found


def test_a_changed_line_reaches_every_later_step_and_no_earlier_one(house, carry):
    house.write("02", house.read("02").replace("line 3", "LINE 3"))
    assert carry("02") == (
        0,
        f"03_three/poem.txt: changed\n04_four/poem.txt: changed\n{DONE}",
    )
    assert house.read("04") == POEM.replace("line 3", "LINE 3").replace(
        "line 12", "04_four"
    )
    assert "LINE 3" in house.read("03")
    assert "LINE 3" not in house.read("01")


def test_a_change_that_is_staged_is_carried_and_the_index_stays_as_it_is(house, carry):
    house.write("02", house.read("02").replace("line 3", "LINE 3"))
    house.git("add", ".")
    before = house.git("ls-files", "--stage")
    assert carry("02")[0] == 0
    assert "LINE 3" in house.read("03")
    assert house.git("ls-files", "--stage") == before


def test_a_change_that_is_committed_is_not_carried(house, carry):
    house.write("02", house.read("02").replace("line 3", "LINE 3"))
    house.commit()
    assert carry("02") == (
        2,
        "tutorial: 02_two has no uncommitted changes outside README.md.\n",
    )


@pytest.mark.parametrize("stage", [False, True])
@pytest.mark.parametrize("text", ["new\n", b"\0\xff binary"])
def test_a_new_file_is_carried_and_an_ignored_one_is_not(house, carry, text, stage):
    house.write("02", text, "a/b/new file")
    house.write("02", "ignored", "db.sqlite3")
    if stage:
        house.git("add", ".")
    assert results(carry("02")[1]) == {
        ("03", "a/b/new file"): "new",
        ("04", "a/b/new file"): "new",
    }
    source, target = (house.path(step, "a/b/new file") for step in ("02", "04"))
    assert target.read_bytes() == source.read_bytes()
    assert not house.path("03", "db.sqlite3").exists()


def test_a_deleted_file_is_deleted_everywhere_and_so_is_its_empty_folder(house, carry):
    for step in ("02", "03"):
        house.write(step, "x", "a/b/gone.txt")
    house.commit()
    house.path("02", "a/b/gone.txt").unlink()
    status, said = carry("02")
    assert (status, results(said)) == (
        0,
        {
            ("03", "a/b/gone.txt"): "deleted",
            ("04", "a/b/gone.txt"): "has the change already",
        },
    )
    assert not house.path("03", "a").exists()


def test_a_deleted_file_that_differs_in_a_later_step_is_a_conflict(house, carry):
    house.path("02", "poem.txt").unlink()
    house.path("02", "same.txt").unlink()
    status, said = carry("02")
    assert status == 1
    assert results(said)["03", "same.txt"] == "deleted"
    assert results(said)["03", "poem.txt"] == (
        "conflict: git says: error: steps/03_three/poem.txt: patch does not apply"
    )
    assert "03_three" in house.read("03")


def test_a_file_that_a_later_step_no_longer_has_is_a_conflict(house, carry):
    house.write("01", POEM + "more\n", "old.txt")
    missing = "conflict: git says: error: steps/{}/old.txt: does not exist in index"
    status, said = carry("01")
    assert (status, results(said)) == (
        1,
        {
            ("02", "old.txt"): "changed",
            ("03", "old.txt"): missing.format("03_three"),
            ("04", "old.txt"): missing.format("04_four"),
        },
    )
    assert not house.path("03", "old.txt").exists()


def test_the_chapter_is_not_carried(house, carry):
    house.write("02", "# Another\n", "README.md")
    assert carry("02")[0] == 2
    house.write("02", "new\n", "new.txt")
    assert carry("02")[0] == 0
    assert house.read("03", "README.md") == "# 03_three\n"
    assert house.read("03", "new.txt") == "new\n"


def test_a_conflict_leaves_markers_and_does_not_hold_up_the_other_files(house, carry):
    house.write("02", house.read("02").replace("02_two", "last"))
    house.write("02", POEM.replace("line 3", "LINE 3"), "same.txt")
    status, said = carry("02")
    assert status == 1
    assert said.endswith(RESOLVE_03)
    assert results(said)["03", "poem.txt"] == "conflict"
    assert results(said)["03", "same.txt"] == "changed"
    assert house.read("03") == POEM.replace(
        "line 12\n", "<<<<<<< ours\n03_three\n=======\nlast\n>>>>>>> theirs\n"
    )
    assert "LINE 3" in house.read("03", "same.txt")


def test_a_resolution_is_carried_from_its_step_on(house, carry):
    house.write("01", house.read("01").replace("01_one", "last"))
    assert carry("01") == (
        1,
        "02_two/poem.txt: conflict\nResolve 02, then run `tutorial carry 02`.\n",
    )
    assert house.read("03") == POEM.replace("line 12", "03_three")
    house.write("02", POEM.replace("line 12", "last\n02_two"))
    assert carry("02") == (1, f"03_three/poem.txt: conflict\n{RESOLVE_03}")
    house.write("03", POEM.replace("line 12", "last\n03_three"))
    # No step comes after the last one.
    assert carry("03") == (1, f"04_four/poem.txt: conflict\n{TO_RESOLVE}")


def test_a_new_file_that_is_there_in_another_form_is_a_conflict(house, carry):
    house.write("02", "mine\n", "new.txt")
    house.write("03", "theirs\n", "new.txt")
    status, said = carry("02")
    assert (status, results(said)) == (
        1,
        {("03", "new.txt"): "conflict"},
    )
    assert "theirs\n=======\nmine\n" in house.read("03", "new.txt")


def test_a_binary_file_that_differs_is_a_conflict_and_stays(house, carry):
    house.write("02", b"\0one", "same.txt")
    house.write("03", b"\0two", "same.txt")
    status, said = carry("02")
    assert status == 1
    assert said.endswith(TO_RESOLVE)
    assert results(said)["04", "same.txt"] == "changed"
    conflict = "conflict: git says: warning: Cannot merge binary files: "
    assert results(said)["03", "same.txt"].startswith(conflict)
    assert house.path("03", "same.txt").read_bytes() == b"\0two"
    assert house.path("04", "same.txt").read_bytes() == b"\0one"


def test_a_change_that_a_later_step_has_already_is_no_conflict(house, carry):
    for step in ("02", "03"):
        house.write(step, house.read(step).replace("line 3", "LINE 3"))
    status, said = carry("02")
    assert (status, results(said)) == (
        0,
        {("03", "poem.txt"): "has the change already", ("04", "poem.txt"): "changed"},
    )


def test_carried_twice_is_carried_once(house, carry):
    house.write("02", house.read("02").replace("line 3", "line 3\nline 3a"))
    house.write("02", "new\n", "new.txt")
    house.path("02", "same.txt").unlink()
    assert carry("02")[0] == 0
    once = house.contents()
    status, said = carry("02")
    assert status == 0
    assert set(results(said).values()) == {"has the change already"}
    assert house.contents() == once
    assert house.read("04").count("line 3a") == 1


def test_a_conflict_that_is_not_resolved_stays_one(house, carry):
    house.write("02", house.read("02").replace("02_two", "last"))
    assert carry("02")[0] == 1
    once = house.contents()
    status, said = carry("02")
    assert status == 1
    assert set(results(said).values()) == {
        "conflict: the markers of an earlier conflict are still in the file"
    }
    assert house.contents() == once


def test_a_resolved_conflict_comes_again_until_it_is_committed(house, carry):
    house.write("02", house.read("02").replace("02_two\n", "02_two\nthe end\n"))
    assert carry("02")[0] == 1
    for step in ("03", "04"):
        house.write(step, POEM.replace("line 12\n", f"own {step}\nthe end\n"))
    assert carry("02")[0] == 1
    assert house.read("03").count("the end\n") == 1
    assert "own 03\n=======\n02_two\n>>>>>>> theirs\nthe end\n" in house.read("03")
    for step in ("03", "04"):
        house.write(step, POEM.replace("line 12\n", f"own {step}\nthe end\n"))
    house.commit()
    house.write("02", house.read("02").replace("line 3", "LINE 3"))
    assert carry("02")[0] == 0
    assert house.read("03").endswith("own 03\nthe end\n")
    assert "LINE 3" in house.read("03")


def test_changes_that_a_later_step_has_of_its_own_are_kept(house, carry):
    house.write("02", house.read("02").replace("line 3", "LINE 3"))
    house.write("03", house.read("03").replace("line 7", "LINE 7"))
    status, said = carry("02")
    assert status == 0
    assert set(results(said).values()) == {"changed"}
    assert "LINE 3" in house.read("03")
    assert "LINE 7" in house.read("03")
    assert "LINE 7" not in house.read("04")


def test_line_ends_that_git_translates_are_no_change(house, carry):
    house.git("config", "core.autocrlf", "true")
    for step in ("02", "03", "04"):
        house.write(step, house.read(step).replace("\n", "\r\n").encode())
    text = house.path("02", "poem.txt").read_bytes()
    house.write("02", text.replace(b"line 3", b"LINE 3"))
    assert carry("02")[0] == 0
    assert b"\nLINE 3\r\n" in house.path("03", "poem.txt").read_bytes()
    assert b"03_three\r\n" in house.path("03", "poem.txt").read_bytes()


def test_a_file_that_cannot_be_written_is_a_conflict(house, carry):
    house.write("02", "new\n", "same/new.txt")
    house.write("03", "a file\n", "same")
    status, said = carry("02")
    assert status == 1
    assert results(said)["03", "same/new.txt"].startswith("conflict: ")
    assert results(said)["04", "same/new.txt"] == "new"


def test_markers_in_the_step_itself_are_not_carried(house, carry):
    house.write("02", "<<<<<<< a\n1\n=======\n2\n>>>>>>> b\n")
    before = house.contents()
    status, said = carry("02")
    assert status == 1
    assert set(results(said).values()) == {
        "conflict: the markers of an earlier conflict are still in the file"
    }
    assert house.contents() == before


def test_the_last_step_and_an_unknown_one_are_refused_in_one_line(house, carry):
    house.write("04", "changed\n")
    assert carry("04") == (
        2,
        "tutorial: 04_four is the last step: no step comes after it.\n",
    )
    status, said = carry("05")
    assert status == 2
    assert said.startswith("tutorial: there is no step '05': choose 01 to ")


# It says in which language it would speak.
POLYGLOT = """#!/bin/sh
echo "fatal: LC_ALL=$LC_ALL LANGUAGE=$LANGUAGE" >&2
exit 1
"""


def test_git_is_asked_to_speak_english(house, carry, tmp_path, monkeypatch):
    house.write("02", "changed\n")
    (tmp_path / "git").write_text(POLYGLOT)
    (tmp_path / "git").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    monkeypatch.setenv("LANGUAGE", "de")
    said = "tutorial: git says: fatal: LC_ALL=C.UTF-8 LANGUAGE=\n"
    assert carry("02") == (2, said)


def test_without_a_repository_or_without_git_the_tool_says_so_in_one_line(
    house, carry, monkeypatch
):
    house.write("02", "changed\n")
    (house.root / ".git").rename(house.root / "no-git")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(house.root.parent))
    status, said = carry("02")
    assert status == 2
    assert said.startswith("tutorial: git says: fatal: not a git repository")
    assert said.count("\n") == 1
    monkeypatch.setenv("PATH", str(house.root))
    assert carry("02") == (2, "tutorial: git is missing: install it.\n")
