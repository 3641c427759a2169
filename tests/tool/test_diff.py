"""`tutorial diff`, in this process: on small steps, and on the real ones."""

import io
import os
import re
import shutil
import subprocess
import sys

import pytest

from tests.chapters.terminal import environment, python_for
from tests.support import warm
from tests.support.deadline import DEADLINE
from tests.support.folders import contents
from tutorial.__main__ import main
from tutorial.chapters.patches import read_diff
from tutorial.chapters.reading import EDITS, read_chapter
from tutorial.shared.steps import all_steps

CHAPTER_01 = """\
# Step 01: the time

## A view

**`clock/views.py`**

```python
def now(request):
    return render(request, "now.html")
```

```copy
clock/__init__.py
clock/style.css
```

## Its `address`

```diff
--- a/config/urls.py
+++ b/config/urls.py
@@ -1,3 +1,4 @@
 urlpatterns = [
     path("", front),
+    path("now/", now),
 ]
```

```diff break
--- a/config/urls.py
+++ b/config/urls.py
@@ -3,2 +3,2 @@
-    path("now/", now),
+    path("broken", now),
 ]
```

```console
$ python manage.py check
```

Put it back.

<details>

```diff answer
--- a/config/urls.py
+++ b/config/urls.py
@@ -3,2 +3,2 @@
-    path("now/", now),
+    path("answer/", now),
 ]
```

</details>
"""
CHAPTER_02 = """\
# Step 02: the date

```diff
--- a/clock/views.py
+++ b/clock/views.py
@@ -1,2 +1,2 @@
 def now(request):
-    return render(request, "now.html")
+    return render(request, "now.html", {"date": timezone.localdate()})
```
"""
URLS = 'urlpatterns = [\n    path("", front),\n]\n'
NOW = 'def now(request):\n    return render(request, "now.html")\n'
SITE = {"manage.py": "import django\n", "config/urls.py": URLS}
CLOCK = {
    "manage.py": "import django\n",
    "config/urls.py": URLS.replace("]", '    path("now/", now),\n]'),
    "clock/__init__.py": "",
    "clock/style.css": "body {\n  color: red;\n}\n",
    "clock/views.py": NOW,
}
DATE = CLOCK | {
    "clock/views.py": NOW.replace('")', '", {"date": timezone.localdate()})'),
    "clock/style.css": "body {\n  color: blue;\n}\n",
}


def write(folder, files):
    """Write the files {path: text or bytes} into a folder and return it."""
    for name, content in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        content = content.encode() if isinstance(content, str) else content
        file.write_bytes(content)
    return folder


def apply(patch, folder):
    """Apply a patch to a folder, as `git apply` does, whatever repository it is in."""
    environment = os.environ | {"GIT_CEILING_DIRECTORIES": str(folder.parent)}
    git = ["git", "apply"]
    subprocess.run(git, input=patch, cwd=folder, env=environment, text=True, check=True)


@pytest.fixture
def house(tmp_path, monkeypatch):
    """The folder that `steps/` is in; the last step has no chapter yet."""
    write(tmp_path / "steps/00_site", SITE | {"README.md": "# Step 00\n"})
    write(tmp_path / "steps/01_time", CLOCK | {"README.md": CHAPTER_01})
    write(tmp_path / "steps/02_date", DATE | {"README.md": CHAPTER_02})
    write(tmp_path / "steps/03_zone", DATE | {"README.md": "# Step 03: soon\n"})
    monkeypatch.setattr("tutorial.shared.steps.ROOT", tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def diff(capfd):
    """A function that runs `tutorial diff` and returns what it prints."""

    def run(*arguments):
        status = main(["diff", *map(str, arguments)])
        said = capfd.readouterr()
        assert (status, said.err) == (0, "")
        return said.out

    return run


@pytest.fixture
def refused(capfd):
    """A function that runs `tutorial diff` and returns the one line of its no."""

    def run(*arguments):
        status = main(["diff", *map(str, arguments)])
        said = capfd.readouterr()
        assert (status, said.out, said.err.count("\n")) == (2, "", 1)
        return said.err.removeprefix("tutorial: ").rstrip()

    return run


# What a chapter changes


def test_the_edits_come_in_the_order_of_the_chapter_under_its_headings(house, diff):
    assert diff("00", "01") == (
        "# Step 01: the time\n"
        "\n"
        "## A view\n"
        "\n"
        "--- /dev/null\n"
        "+++ b/clock/views.py\n"
        "@@ -0,0 +1,2 @@\n"
        "+def now(request):\n"
        '+    return render(request, "now.html")\n'
        "\n"
        "copied from the step: clock/__init__.py, clock/style.css\n"
        "\n"
        "## Its `address`\n"
        "\n"
        "--- a/config/urls.py\n"
        "+++ b/config/urls.py\n"
        "@@ -1,3 +1,4 @@\n"
        " urlpatterns = [\n"
        '     path("", front),\n'
        '+    path("now/", now),\n'
        " ]\n"
    )


@pytest.mark.parametrize("arguments", [["1"], ["01_time"], ["00_site", "1"]])
def test_a_chapter_has_several_names(house, diff, arguments):
    assert diff(*arguments) == diff("00", "01")


def test_several_chapters_come_in_order_each_with_its_title(house, diff):
    assert diff("00", "02") == diff("00", "01") + "\n" + diff("01", "02")
    assert diff("01", "02").startswith("# Step 02: the date\n\n---")


def test_what_is_piped_is_a_patch(house, diff):
    folder = write(house / "mine", SITE)
    apply(diff("01"), folder)
    for name in ("clock/views.py", "config/urls.py"):
        assert (folder / name).read_text() == CLOCK[name]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["00"], "chapter 00 is the site itself: start with 01."),
        (["02", "01"], "01_time does not come after 02_date: put the earlier step"),
        (["01", "1"], "01_time does not come after 01_time: put the earlier step"),
        (["09"], "there is no step '09': choose 00 to 03."),
        (["01", "09"], "there is no step '09': choose 00 to 03."),
        (["01", "/nowhere"], "/nowhere has no manage.py: name the folder of your "),
    ],
)
def test_what_cannot_be_shown_is_refused_in_one_line(
    house, refused, arguments, sentence
):
    assert refused(*arguments).startswith(sentence)


def test_a_chapter_without_edits_has_only_its_title(house, diff):
    assert diff("03") == "# Step 03: soon\n"
    assert diff("01", "03") == diff("02") + "\n# Step 03: soon\n"


# How it is shown


def test_stat_counts_the_lines_between_the_folders(house, diff):
    title, _, *files, total = diff("00", "02", "--stat").splitlines()
    assert title == "# From 00_site to 02_date"
    assert [line.split() for line in files] == [
        ["clock/__init__.py", "|", "0"],
        ["clock/style.css", "|", "3", "+++"],
        ["clock/views.py", "|", "2", "++"],
        ["config/urls.py", "|", "1", "+"],
    ]
    assert total.strip() == "4 files changed, 6 insertions(+)"
    # Also what the chapter does not say, and where there is no chapter yet.
    assert re.search(r"clock/style.css \| +2 \+-\n", diff("02", "--stat"))
    assert diff("03", "--stat") == "# From 02_date to 03_zone\n\n"


class Terminal(io.TextIOWrapper):
    """A standard output that says it is a terminal."""

    def isatty(self):
        return True


@pytest.fixture
def paged(house, monkeypatch):
    """A function that runs `tutorial diff 01` with a pager, which writes `text`."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("TERM", "xterm")
    for name in ("GIT_PAGER", "LESS", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)

    def run(pager):
        monkeypatch.setenv("PAGER", pager)
        terminal = Terminal(io.BytesIO(), encoding="utf-8")
        monkeypatch.setattr(sys, "stdout", terminal)
        assert main(["diff", "01"]) == 0
        return (house / "text").read_text(), terminal.buffer.getvalue().decode()

    return run


def test_a_terminal_gets_colours_in_a_pager_that_shows_them(house, diff, paged):
    text, _ = paged('printf %s "$LESS" > options; cat > text')
    assert set("FRX") <= set((house / "options").read_text())
    lines = text.splitlines()
    assert lines[0] == "\x1b[1m# Step 01: the time\x1b[m"
    assert "\x1b[1m+++ b/clock/views.py\x1b[m" in lines
    assert '\x1b[32m+    path("now/", now),\x1b[m' in lines
    assert '     path("", front),' in lines


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_a_terminal_that_wants_no_colours_gets_none(paged, monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    text, _ = paged("cat > text")
    assert "# Step 01: the time" in text
    assert "\x1b" not in text


def test_what_is_piped_has_no_colours(house, diff):
    assert "\x1b" not in diff("00", "02")


def test_ctrl_c_is_for_the_pager(paged):
    text, _ = paged("kill -INT $PPID; cat > text")
    assert "# Step 01: the time" in text


@pytest.mark.parametrize("pager", ["no-such-pager", "./text", "exec ./text"])
def test_without_the_pager_the_text_is_printed(house, paged, pager):
    (house / "text").touch(mode=0o600)
    _, printed = paged(pager)
    assert "# Step 01: the time" in printed


def test_a_pager_that_fails_by_itself_is_not_replaced(paged):
    text, printed = paged("cat > text; exit 2")
    assert "# Step 01: the time" in text
    assert printed == ""


def test_a_terminal_that_does_not_know_utf_8_gets_it_all_the_same():
    options = {"capture_output": True, "timeout": DEADLINE}
    command = [sys.executable, "-X", "utf8=0", "-m", "tutorial", "diff", "11"]
    env = {**os.environ, "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0"}
    done = subprocess.run(command, env=env, **options)
    assert (done.returncode, done.stderr) == (0, b"")
    assert "Connecting \u2026".encode() in done.stdout


def test_without_git_the_tool_says_so_in_one_line(house, refused, monkeypatch):
    monkeypatch.setenv("PATH", str(house))
    assert refused("01", "--stat") == "git is missing: install it."


# What is still to do in a folder


def test_what_is_left_to_do_is_added_and_what_is_too_much_is_taken_away(house, diff):
    folder = write(house / "mine", CLOCK | {"clock/extra.py": "pass\n"})
    said = diff("02", folder)
    assert said.startswith(f"# From {folder} to 02_date\n\nAdd the lines with a +, ")
    changes = [row for row in said.splitlines() if re.match(r"[+-](?![+-])", row)]
    assert changes == [
        "-pass",
        "-  color: red;",
        "+  color: blue;",
        '-    return render(request, "now.html")',
        '+    return render(request, "now.html", {"date": timezone.localdate()})',
    ]
    apply(said, folder)
    nothing = f"Nothing is left to do: {folder} is 02_date.\n"
    assert diff("02", folder) == nothing
    assert diff("02", folder, "--stat") == nothing


def test_what_is_not_part_of_the_project_does_not_count(house, diff):
    noise = (
        *("README.md", ".git/HEAD", ".env", "clock/__pycache__/a.pyc"),
        *("db.sqlite3", "db.sqlite3-journal"),
        *("clock/views.py~", "clock/#views.py#", "clock/.views.py.swp", "a.orig"),
        *("environment/pyvenv.cfg", "environment/lib/site.py"),
        *("run/secret_key", "static/clock/style.css"),
    )
    write(house / "mine", DATE | dict.fromkeys(noise, "noise\n"))
    assert diff("02", "mine").startswith("Nothing is left to do: ")
    for name in ("lib/site.py", "clock/static/clock/style.css"):
        write(house / "mine", {name: "pass\n"})
        assert name in diff("02", "mine")


def test_what_your_own_gitignore_hides_counts_all_the_same(house, diff):
    folder = write(house / "mine", DATE | {".gitignore": "views.py\n"})
    assert diff("02", folder).startswith("Nothing is left to do: ")
    (folder / "clock/views.py").write_text(NOW)
    assert "+++ b/clock/views.py" in diff("02", folder)


def test_a_picture_that_is_too_much_is_taken_away(house, diff):
    folder = write(house / "mine", DATE | {"me.png": b"\x89PNG\x00\xff"})
    apply(diff("02", folder), folder)
    assert contents(folder) == contents(write(house / "right", DATE))


def test_a_file_is_shown_by_its_name_in_any_alphabet(house, diff):
    folder = write(house / "mine", DATE | {"clock/ü.py": "pass\n"})
    said = diff("02", folder)
    assert [file.name for file in read_diff(said)] == ["clock/ü.py"]
    apply(said, folder)
    assert not (folder / "clock/ü.py").exists()


def test_lines_that_are_only_counted_need_no_way_to_read_them(house, diff):
    folder = write(house / "mine", CLOCK)
    said = diff("02", folder, "--stat").splitlines()
    assert said[:2] == [f"# From {folder} to 02_date", ""]
    assert said[2].startswith(" clock/style.css ")


def test_an_empty_file_that_is_missing_is_shown(house, diff):
    folder = write(house / "mine", CLOCK)
    assert diff("01", folder).startswith("Nothing is left to do: ")
    (folder / "clock/__init__.py").unlink()
    said = diff("01", folder)
    new = "diff --git a/clock/__init__.py b/clock/__init__.py\nnew file mode 100644\n"
    assert new in said
    apply(said, folder)
    assert (folder / "clock/__init__.py").read_text() == ""


def test_a_last_line_without_an_end_is_shown(house, diff):
    write(house / "mine", CLOCK | {"config/urls.py": CLOCK["config/urls.py"].rstrip()})
    assert "-]\n\\ No newline at end of file\n+]\n" in diff("01", "mine")


def test_line_ends_of_windows_are_no_difference(house, diff):
    windows = {name: text.replace("\n", "\r\n") for name, text in CLOCK.items()}
    assert diff("01", write(house / "mine", windows)).startswith("Nothing is left")


def test_the_right_to_execute_a_file_is_no_difference(house, diff):
    folder = write(house / "mine", CLOCK)
    (folder / "manage.py").chmod(0o755)
    assert diff("01", folder).startswith("Nothing is left")


def test_bytes_that_are_not_text_are_no_obstacle(house, capfdbinary):
    strange = {
        "picture.png": b"\x89PNG\0\xff",
        "clock/views.py": NOW.encode() + b"# caf\xe9 \x1b[31m\x0c\n",
        os.fsdecode(b"caf\xe9.txt"): b"",
    }
    write(house / "mine", CLOCK | strange)
    assert main(["diff", "01", "mine"]) == 0
    said = capfdbinary.readouterr().out
    assert b"a/caf\xe9.txt " in said
    assert b"-# caf\xe9" in said
    assert b"diff --git a/picture.png b/picture.png" in said


def test_the_settings_of_git_change_nothing(house, diff, monkeypatch):
    folder = write(house / "mine", CLOCK)
    before = diff("02", folder)
    write(house, {"settings": "[color]\nui = always\n[diff]\nnoprefix = true\n"})
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(house / "settings"))
    assert diff("02", folder) == before


def test_another_program_for_differences_changes_nothing(house, diff, monkeypatch):
    before = diff("00", "02", "--stat"), diff("01", "./steps/00_site")
    monkeypatch.setenv("GIT_EXTERNAL_DIFF", "/bin/echo")
    assert (diff("00", "02", "--stat"), diff("01", "./steps/00_site")) == before


def test_variables_that_git_sets_for_a_hook_change_nothing(
    house, diff, monkeypatch, tmp_path_factory
):
    folder = write(house / "mine", CLOCK)
    before = diff("02", folder)
    other = write(tmp_path_factory.mktemp("other"), DATE)
    subprocess.run(["git", "init", "-q", other], check=True)
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other))
    monkeypatch.setenv("GIT_OBJECT_DIRECTORY", str(other / ".git/objects"))
    monkeypatch.setenv("GIT_DIFF_OPTS", "-u0")
    monkeypatch.setenv("GIT_CONFIG_PARAMETERS", "'diff.noprefix'='true'")
    assert diff("02", folder) == before
    assert not list((other / ".git/objects").glob("??"))


def test_a_folder_in_the_folder_may_be_a_repository_of_its_own(house, diff):
    folder = write(house / "mine", CLOCK)
    for inner in ("clock", "clock/deeper"):
        subprocess.run(["git", "init", "-q", folder / inner], check=True)
    assert diff("01", folder).startswith("Nothing is left to do")
    write(folder, {"clock/deeper/extra.py": "", "clock/deeper/extra.pyc": ""})
    added = re.findall("^diff --git (.+)", diff("01", folder), re.MULTILINE)
    assert added == ["a/clock/deeper/extra.py b/clock/deeper/extra.py"]


def test_a_folder_may_be_in_the_home_folder(house, diff, monkeypatch):
    monkeypatch.setenv("HOME", str(house))
    write(house / "mine", CLOCK)
    assert diff("01", "~/mine") == "Nothing is left to do: ~/mine is 01_time.\n"


def test_a_folder_may_be_called_like_a_step(house, diff, refused):
    write(house / "01", CLOCK)
    assert refused("01", "01").startswith("01_time does not come after")
    assert diff("01", "./01").startswith("Nothing is left")


# The real steps


@pytest.mark.parametrize("step", all_steps()[1:], ids=lambda step: step.number)
def test_every_chapter_is_shown_whole_and_makes_its_step(step, diff, tmp_path):
    said, position = diff(step.number), 0
    for block in read_chapter(step):
        if block.kind in EDITS:
            before = {"file": "+", "copy": "", "diff": ""}[block.kind]
            for line in block.text.splitlines():
                position = said.index(f"{before}{line}", position) + 1
    assert position > 0
    folder = tmp_path / "mine"
    main(["start", step.number, str(folder)])
    for names in re.findall("^copied from the step: (.+)", said, re.MULTILINE):
        for name in names.split(", "):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(step.path / name, folder / name)
    apply(said, folder)
    for command in re.findall("^typed: (.+)", said, re.MULTILINE):
        status, printed = warm.run(python_for(command), folder, environment())
        assert status == 0, printed
    assert "Nothing is left to do: " in diff(step.number, folder)


@pytest.mark.parametrize("step", all_steps()[1:], ids=lambda step: step.number)
def test_what_is_counted_is_how_much_longer_a_step_is(step, diff, tmp_path):
    before = all_steps()[all_steps().index(step) - 1]
    total = diff(step.number, "--stat").splitlines()[-1]
    counts = (re.search(rf"(\d+) {word}", total) for word in ("insertion", "deletion"))
    added, removed = (int(count[1]) if count else 0 for count in counts)
    assert added > 0
    assert added - removed == lines_in(step) - lines_in(before)


def lines_in(step):
    """Return how many lines the files of a step have, its chapter aside."""
    files = contents(step.path)
    del files["README.md"]
    return sum(len(text.splitlines()) for text in files.values())
