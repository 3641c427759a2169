"""`tutorial start`, in this process, in a house with two small steps."""

import os
import signal

import pytest

from tutorial.__main__ import main
from tutorial.shared.steps import all_steps


@pytest.fixture
def house(tmp_path, monkeypatch):
    """The folder that `steps/` is in: 00_site and 01_chat, with what running leaves."""
    for name, text in {
        "00_site/README.md": "# Step 00",
        "00_site/manage.py": "import django",
        "00_site/site/views.py": "",
        "00_site/site/__pycache__/views.pyc": "bytecode",
        "00_site/db.sqlite3": "rows",
        "00_site/site/static/style.css": "",
        "00_site/static/style.css": "collected",
        "00_site/run/secret_key": "secret",
        "01_chat/README.md": "# Step 01",
        "01_chat/manage.py": "import channels",
    }.items():
        file = tmp_path / "steps" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    monkeypatch.setattr("tutorial.shared.steps.ROOT", tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def files_in(folder):
    """Return {path: text} for all files of a folder."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(file.relative_to(folder)): file.read_text() for file in files}


@pytest.fixture
def refused(capsys):
    """A function that starts chapter 01, or another, and returns the one line of no."""

    def start(folder, step="01"):
        assert main(["start", step, str(folder)]) == 2
        said = capsys.readouterr()
        assert said.out == ""
        assert said.err.count("\n") == 1
        return said.err.removeprefix("tutorial: ").rstrip()

    return start


@pytest.mark.parametrize("name", ["1", "01", "01_chat"])
def test_a_chapter_starts_from_the_step_before_it(house, capsys, name):
    assert main(["start", name, "my chat"]) == 0
    assert files_in(house / "my chat") == {
        "manage.py": "import django",
        "site/views.py": "",
        "site/static/style.css": "",
    }
    assert capsys.readouterr().out.splitlines() == [
        "my chat is a copy of 00_site for you to change.",
        f"Read {house}/steps/01_chat/README.md and follow it in your folder:",
        "    cd 'my chat'",
    ]


def test_the_new_folder_may_be_in_the_home_folder(house, monkeypatch):
    monkeypatch.setenv("HOME", str(house))
    assert main(["start", "01", "~/mine"]) == 0
    assert (house / "mine/manage.py").exists()


def test_the_first_chapter_starts_from_nothing(house, refused):
    said = refused("mine", step="00")
    assert said == "chapter 00 is the site itself: start with 01."
    assert not (house / "mine").exists()


def test_for_an_unknown_step_the_tool_lists_the_steps(house, refused):
    assert refused("mine", step="07").startswith("there is no step '07': choose 00 to ")


@pytest.mark.parametrize(
    "make",
    [
        lambda path: path.mkdir(),
        lambda path: path.write_text("mine"),
        lambda path: path.symlink_to("nowhere"),
        lambda path: path.symlink_to(path),
    ],
    ids=["folder", "file", "dangling symlink", "symlink to itself"],
)
def test_what_exists_is_not_overwritten(house, refused, make):
    make(house / "mine")
    before = (house / "mine").lstat().st_mtime_ns
    assert refused("mine") == "mine exists: choose another name, or remove it."
    assert (house / "mine").lstat().st_mtime_ns == before
    assert not (house / "nowhere").exists()
    assert main(["start", "01", "another"]) == 0


def test_the_folders_above_are_made(house):
    assert main(["start", "01", "a/b/mine"]) == 0
    assert (house / "a/b/mine/manage.py").exists()


def test_a_place_that_cannot_be_written_is_reported_in_one_line(house, refused):
    (house / "note").write_text("a file")
    assert refused("note/mine") == "note/mine cannot be written: Not a directory."


def test_a_folder_inside_the_steps_is_refused(house, refused):
    for folder in ("steps/02_mine", "steps/00_site/mine", house / "steps"):
        said = refused(folder)
        assert said == f"{folder} is inside steps/: choose another folder."
    assert [step.name for step in all_steps()] == ["00_site", "01_chat"]


def test_an_incomplete_copy_is_removed(house, refused):
    unreadable = house / "steps/00_site/unreadable"
    unreadable.symlink_to("nowhere")
    assert refused("mine").startswith("mine cannot be written: [Errno 2] No such file")
    assert not (house / "mine").exists()
    unreadable.unlink()
    assert main(["start", "01", "mine"]) == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_copy_is_removed(house, monkeypatch, number):
    def interrupted(top, *patterns):
        def ignore(folder, names):
            if folder != str(top):
                assert (house / "mine").is_dir()
                os.kill(os.getpid(), number)
            return ()

        return ignore

    with monkeypatch.context() as patched:
        patched.setattr("tutorial.verbs.start.ignoring", interrupted)
        assert main(["start", "01", "mine"]) == 130
    assert not (house / "mine").exists()
    assert main(["start", "01", "mine"]) == 0


def test_a_folder_that_appears_meanwhile_is_left_as_it_is(house, refused, monkeypatch):
    mkdir = os.mkdir

    def slow_mkdir(path, *args):
        if os.fspath(path) == "mine":
            mkdir(path)
            (house / "mine/theirs").write_text("theirs")
        mkdir(path, *args)

    monkeypatch.setattr(os, "mkdir", slow_mkdir)
    assert refused("mine") == "mine exists: choose another name, or remove it."
    assert files_in(house / "mine") == {"theirs": "theirs"}


@pytest.mark.parametrize("step", all_steps()[1:], ids=lambda step: step.number)
def test_every_chapter_starts_from_the_whole_step_before_it(step, tmp_path, capfd):
    folder = tmp_path / "mine"
    assert main(["start", step.number, str(folder)]) == 0
    before = all_steps()[all_steps().index(step) - 1]
    capfd.readouterr()
    assert main(["diff", before.number, str(folder)]) == 0
    said = capfd.readouterr().out
    assert said == f"Nothing is left to do: {folder} is {before.name}.\n"
