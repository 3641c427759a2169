"""`tutorial check`: what it prints about folders of a small house and of real steps."""

import os
import re
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from textwrap import dedent

import pytest
import watchfiles

from tests.chapters.by_hand import Keeper, answers
from tests.support.deadline import DEADLINE, until
from tests.support.folders import contents, copy_folder
from tests.support.places import explain
from tests.support.tool import running
from tutorial.__main__ import main
from tutorial.chapters.edits import first_gap
from tutorial.chapters.reading import read_chapter
from tutorial.shared.steps import ROOT, all_steps, find_step
from tutorial.verbs import check

CHAPTERS = {
    "00_start": "# Step 00\n",
    "01_one": """\
        # Step 01

        ## A greeting

        **`hello.py`**

        ```python
        hello = 1
        names = 2
        ```

        **`polite.py`**

        ```python
        polite = 1
        ```

        ```copy
        style.css
        ```

        ## No `cache`, no WSGI

        ```diff
        --- a/site.py
        +++ b/site.py
        @@ -1,3 +1,2 @@
         plain = 1
        -cached = True
         )
        --- a/wsgi.py
        +++ /dev/null
        @@ -1 +0,0 @@
        -wsgi = 1
        ```

        ## Exercises

        ```diff answer
        --- a/polite.py
        +++ b/polite.py
        @@ -1 +1 @@
        -polite = 1
        +polite = 2
        ```
        """,
    "02_two": """\
        # Step 02

        ## Who?

        ```diff break
        --- a/hello.py
        +++ b/hello.py
        @@ -1,2 +1,2 @@
         hello = 1
        -names = 2
        +names = broken
        ```

        ```diff
        --- a/hello.py
        +++ b/hello.py
        @@ -1,2 +1,3 @@
         hello = 1
        -names = 2
        +if names:
        +    names = "draft"
        ```

        ## Who, once more

        ```diff
        --- a/hello.py
        +++ b/hello.py
        @@ -1,3 +1,4 @@
         hello = 1
         if names:
        -    names = "draft"
        +    names = "final"
        +again(hello)
        ```

        ## Exercises

        ```diff answer
        --- a/hello.py
        +++ b/hello.py
        @@ -4 +4 @@
        -again(hello)
        +again(hello, hello)
        ```
        """,
}
FILES = {
    "00_start": {"site.py": "plain = 1\ncached = True\n)\n", "wsgi.py": "wsgi = 1\n"},
    "01_one": {
        "site.py": "plain = 1\n)\n",
        "hello.py": "hello = 1\nnames = 2\n",
        "polite.py": "polite = 1\n",
        "style.css": "p {}\n",
    },
    "02_two": {
        "site.py": "plain = 1\n)\n",
        "hello.py": 'hello = 1\nif names:\n    names = "final"\nagain(hello)\n',
        "polite.py": "polite = 1\n",
        "style.css": "p {}\n",
    },
}


@pytest.fixture
def house(tmp_path, monkeypatch):
    """A folder with three small steps that the tool takes for the real ones."""
    monkeypatch.setattr("tutorial.shared.steps.ROOT", tmp_path)
    for name, files in FILES.items():
        folder = tmp_path / "steps" / name
        folder.mkdir(parents=True)
        (folder / "manage.py").touch()
        (folder / "README.md").write_text(dedent(CHAPTERS[name]))
        for file, text in files.items():
            (folder / file).write_text(text)
    return tmp_path


@pytest.fixture
def mine(house):
    """A learner's copy of step 02 of the house."""
    return copy_folder(find_step("02").path, house / "mine")


LACKS = "lacks a line that the section"
STILL_HAS = "still has a line that the section"
MISPLACED = "has in the wrong place a line that the section"
MISSING = (
    'does not exist; the section "A greeting" adds it: '
    "steps/01_one/README.md#a-greeting"
)
GREETING = '"A greeting" adds: steps/01_one/README.md#a-greeting'
NO_CACHE = '"No `cache`, no WSGI" removes: steps/01_one/README.md#no-cache-no-wsgi'
WHO = '"Who?" adds: steps/02_two/README.md#who'
ONCE_MORE = '"Who, once more" adds: steps/02_two/README.md#who-once-more'


@pytest.mark.parametrize(
    ("file", "right", "wrong", "sentence"),
    [
        ("hello.py", "hello = 1\n", "", f"hello.py {LACKS} {GREETING}"),
        ("style.css", "p {}", "p", f"style.css {LACKS} {GREETING}"),
        ("hello.py", "if names", "if name", f"hello.py {LACKS} {WHO}"),
        ("hello.py", "again", "once", f"hello.py {LACKS} {ONCE_MORE}"),
        ("hello.py", '"final"', '"draft"', f"hello.py {LACKS} {ONCE_MORE}"),
        ("site.py", ")", "cached = True\n)", f"site.py {STILL_HAS} {NO_CACHE}"),
        (
            "hello.py",
            'hello = 1\nif names:\n    names = "final"\n',
            'if names:\n    names = "final"\nhello = 1\n',
            f"hello.py {MISPLACED} {GREETING}",
        ),
    ],
)
def test_a_folder_is_led_to_the_section_that_it_lacks(
    mine, file, right, wrong, sentence
):
    text = (mine / file).read_text()
    assert first_gap(find_step("02"), mine) is None
    assert right in text
    (mine / file).write_text(text.replace(right, wrong))
    assert first_gap(find_step("02"), mine) == sentence


@pytest.mark.parametrize(
    ("file", "right", "wrong"),
    [
        ("hello.py", "    names", "\n\tnames"),
        ("hello.py", "again(hello)\n", "again(hello)  \n\n"),
        ("hello.py", "hello = 1\n", "hello = 1\nown = 1\n"),
        ("site.py", "plain = 1\n)\n", ""),
    ],
    ids=["another indentation", "more space", "a line of one's own", "step 00"],
)
def test_what_no_chapter_edits_leads_nowhere(mine, file, right, wrong):
    text = (mine / file).read_text()
    assert right in text
    (mine / file).write_text(text.replace(right, wrong))
    assert first_gap(find_step("02"), mine) is None


def test_of_several_sections_the_first_to_be_read_is_named(mine):
    (mine / "hello.py").write_text("")
    (mine / "wsgi.py").write_text("wsgi = 1\n")
    assert first_gap(find_step("02"), mine) == f"hello.py {LACKS} {GREETING}"
    (mine / "hello.py").write_text("hello = 1\n")
    assert first_gap(find_step("02"), mine) == f"wsgi.py {STILL_HAS} {NO_CACHE}"
    (mine / "wsgi.py").unlink()
    assert first_gap(find_step("02"), mine) == f"hello.py {LACKS} {WHO}"


def test_what_no_test_looks_at_is_named_last(mine):
    (mine / "style.css").write_text("")
    assert first_gap(find_step("02"), mine) == f"style.css {LACKS} {GREETING}"
    (mine / "hello.py").write_text('hello = 1\nif names:\n    names = "final"\n')
    assert first_gap(find_step("02"), mine) == f"hello.py {LACKS} {ONCE_MORE}"


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ("again(hello, hello)\n", None),
        ("again(hello, 2)\n", f"hello.py {LACKS} {ONCE_MORE}"),
        ("", f"hello.py {LACKS} {ONCE_MORE}"),
    ],
    ids=["the answer", "another line", "nothing"],
)
def test_what_the_answer_to_an_exercise_changes_is_not_lacking(mine, wrong, sentence):
    text = (mine / "hello.py").read_text()
    assert "again(hello)\n" in text
    (mine / "hello.py").write_text(text.replace("again(hello)\n", wrong))
    assert first_gap(find_step("02"), mine) == sentence


def test_a_line_that_an_exercise_changes_is_named_after_all_others(mine):
    (mine / "polite.py").write_text("polite = 3\n")
    assert first_gap(find_step("02"), mine) == f"polite.py {LACKS} {GREETING}"
    text = (mine / "hello.py").read_text()
    (mine / "hello.py").write_text(text.replace("again(hello)\n", ""))
    assert first_gap(find_step("02"), mine) == f"polite.py {LACKS} {GREETING}"
    (mine / "hello.py").write_text(text.replace("if names:\n", ""))
    assert first_gap(find_step("02"), mine) == f"hello.py {LACKS} {WHO}"


@pytest.mark.parametrize("step", all_steps(), ids=lambda step: step.number)
def test_a_step_with_the_answers_to_all_exercises_lacks_nothing(step, tmp_path):
    reader = Keeper(step, tmp_path)
    for answer in answers(step):
        reader.answer(step, answer)
    assert contents(reader.own) != contents(step.path)
    assert first_gap(step, reader.own) is None


@pytest.mark.parametrize("step", all_steps(), ids=lambda step: step.number)
def test_a_step_in_which_an_answer_was_applied_lacks_nothing(step, tmp_path):
    apply = ["git", "apply", "-"]
    outside = os.environ | {"GIT_CEILING_DIRECTORIES": str(tmp_path)}
    answers = [block for block in read_chapter(step) if block.kind == "answer"]
    assert answers
    for answer in answers:
        folder = copy_folder(step.path, tmp_path / f"line {answer.line}")
        subprocess.run(
            apply, cwd=folder, env=outside, input=answer.text, text=True, check=True
        )
        assert first_gap(step, folder) is None, answer.line


def test_a_missing_file_is_reported_as_missing(mine):
    (mine / "hello.py").unlink()
    assert first_gap(find_step("02"), mine) == f"hello.py {MISSING}"


def test_a_file_that_cannot_be_executed_is_reported(copy):
    folder, step = copy("17"), find_step("17")
    assert first_gap(step, folder, passed=True) is None
    (folder / "deploy/start").chmod(0o644)
    assert first_gap(step, folder, passed=True) == (
        "deploy/start is not executable: see the section "
        f'"Start two servers under a supervisor": steps/{step.name}/README.md'
        "#start-two-servers-under-a-supervisor"
    )


def test_chapters_after_the_step_are_not_asked(mine):
    (mine / "hello.py").write_text("hello = 1\nnames = 2\n")
    assert first_gap(find_step("01"), mine) is None
    assert first_gap(find_step("02"), mine) == f"hello.py {LACKS} {WHO}"


@pytest.fixture
def spec(monkeypatch):
    """A list of the exit statuses that runs of the spec are to return."""
    statuses = []
    monkeypatch.setattr(check, "run_spec", lambda *_: statuses.pop(0))
    return statuses


def test_after_a_folder_that_passes_the_next_chapter_is_named(mine, spec, capsys):
    spec.append(0)
    assert main(["check", "01", str(mine)]) == 0
    assert capsys.readouterr().out == (
        f"Testing {mine} at 01_one ...\nNext: steps/02_two/README.md\n"
    )


def test_what_the_tests_do_not_see_is_named_although_they_have_passed(
    mine, spec, capsys
):
    passed = f"Testing {mine} at 01_one ...\n"
    following = "Next: steps/02_two/README.md\n"
    for name in ("style.css", "hello.py"):
        (mine / name).write_text("")
        spec.append(0)
        assert main(["check", "01", str(mine)]) == 0
        unseen = f"These tests open no page and start no server. style.css {LACKS} "
        said = capsys.readouterr().out
        assert said == f"{passed}{unseen}{GREETING}\n{following}"


def test_a_missing_file_is_named_before_the_tests_and_after_they_have_passed(
    mine, spec, capsys
):
    # An earlier line of the chapter is lacking, too.
    (mine / "style.css").write_text("")
    (mine / "polite.py").unlink()
    spec.append(0)
    assert main(["check", "01", str(mine)]) == 1
    assert capsys.readouterr().out == (
        f"Testing {mine} at 01_one ...\npolite.py {MISSING}\n"
        f"These tests open no page and start no server. polite.py {MISSING}\n"
    )


def test_the_last_step_is_called_the_last_one(mine, spec, capsys):
    spec.append(0)
    assert main(["check", "2", str(mine)]) == 0
    assert capsys.readouterr().out.endswith("\nThis was the last step.\n")


@pytest.mark.parametrize("status", [1, 4])
def test_a_folder_that_fails_is_led_to_what_it_lacks(mine, spec, capsys, status):
    spec.append(status)
    (mine / "hello.py").unlink()
    assert main(["check", "02", str(mine)]) == 1
    assert capsys.readouterr().out == (
        f"Testing {mine} at 02_two ...\nhello.py {MISSING}\nhello.py {MISSING}\n"
    )


def test_a_folder_that_lacks_nothing_is_led_to_the_diff(mine, spec, capsys):
    mine = mine.rename(mine.parent / "my chat")
    spec.append(1)
    assert main(["check", "02", str(mine)]) == 1
    assert capsys.readouterr().out == (
        f"Testing {mine} at 02_two ...\n"
        f"To see what differs: tutorial diff 02 '{mine}'\n"
    )


@pytest.mark.parametrize("status", [-9, 3, 5])
def test_tests_that_end_too_early_are_reported(mine, spec, capsys, status):
    spec.append(status)
    assert main(["check", "02", str(mine)]) == 1
    line = capsys.readouterr().out.splitlines()[1]
    assert line == f"The tests ended too early, with status {status}."


@pytest.mark.parametrize("module", ["pytest", "watchfiles"])
def test_without_the_test_tools_make_check_is_suggested(
    mine, monkeypatch, capsys, module
):
    monkeypatch.setitem(sys.modules, module, None)
    assert main(["check", "02", str(mine)]) == 2
    assert capsys.readouterr().err == (
        "tutorial: the test tools are not installed: run "
        f"`make check STEP=02 DIR={mine}`, which installs them.\n"
    )


@pytest.mark.parametrize("folder", ["nowhere", "", "x" * 5000, "site.py", "~nobody/x"])
def test_a_folder_without_a_project_is_reported_in_one_line(
    mine, monkeypatch, capsys, folder
):
    monkeypatch.chdir(mine.parent)
    assert main(["check", "02", folder]) == 2
    said = capsys.readouterr().err
    assert said.endswith("or make one with `tutorial start 03 mychat`.\n")
    assert said.count("\n") == 1


def test_an_unknown_step_is_reported_in_one_line(mine, capsys):
    assert main(["check", "07", str(mine)]) == 2
    assert capsys.readouterr().err == (
        "tutorial: there is no step '07': choose 00 to 02.\n"
    )


@pytest.mark.parametrize("name", ["steps/01_one", "steps/01_one/", "01_one/", "1"])
def test_a_step_has_several_names(house, name):
    assert find_step(name).number == "01"


def test_if_the_folder_comes_before_the_step_the_right_order_is_shown(mine, capsys):
    for verb in ("check", "diff"):
        assert main([verb, "my chat", "02"]) == 2
        said = f"tutorial: the step comes first, as in tutorial {verb} 02 'my chat'.\n"
        assert capsys.readouterr().err == said


@pytest.mark.parametrize("above", ["home", ".venv", "node_modules/.git"])
def test_what_is_saved_counts_but_not_what_a_running_project_writes(
    tmp_path, monkeypatch, above
):
    project = tmp_path / above / "mychat"
    modified = watchfiles.Change.modified
    change = {(modified, "views.py")}

    def watch(path, watch_filter, **_):
        def counts(name):
            return watch_filter(modified, str(path / name))

        assert counts("chat/views.py")
        assert counts("chat/templates/chat/room.html")
        assert counts("chat/static/chat/room.js")
        assert not counts("db.sqlite3")
        assert not counts("db.sqlite3-journal")
        assert not counts("run/access.log")
        assert not counts("static/chat/room.js")
        assert not counts("chat/__pycache__/views.cpython-311.pyc")
        assert not counts(".git/index")
        assert not counts("node_modules/one.js")
        yield from (set(), set(), change, set(), change)

    monkeypatch.setattr(watchfiles, "watch", watch)
    assert len(list(check.saves(project))) == 3  # at once, and two saves


def test_watching_ends_when_the_folder_is_removed(mine, spec, monkeypatch, capsys):
    def saves(path):
        yield
        shutil.rmtree(path)
        yield

    spec.append(0)
    monkeypatch.setattr(check, "saves", saves)
    assert main(["check", "02", str(mine), "--watch"]) == 2
    assert capsys.readouterr().err == f"tutorial: {mine} does not exist any more.\n"


def test_an_await_that_may_be_missing_is_suggested(tmp_path):
    error = TypeError("'coroutine' object is not iterable")
    said = f"TypeError: {error} (is an `await` missing?)"
    assert explain(error, tmp_path) == said


def test_make_check_gives_the_step_and_the_folder_to_the_tool():
    command = ["make", "--dry-run", "check", "STEP=03", "DIR=../my chat"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    line = 'exec .venv/bin/tutorial check "03" "../my chat"'
    assert line in done.stdout.splitlines()


CONSUMER, MESSAGES = "chat/consumers.py", "chat/messages.py"


@pytest.fixture
def copy(tmp_path):
    """A function that copies the real step with this number and returns the folder."""
    return lambda number: copy_folder(find_step(number).path, tmp_path / "mychat")


@pytest.fixture
def patient(monkeypatch):
    """Let the tests of the spec wait as long as these here: on a busy machine, too."""
    monkeypatch.setattr(check, "DEADLINE", str(DEADLINE))


# Seconds in which all that is printed together arrives, also on a busy machine.
AT_ONCE = 0.2


def state(folder):
    """Return {path: time of its last change} of all that is in a folder."""
    return {path: path.stat().st_mtime_ns for path in [folder, *folder.rglob("*")]}


@pytest.mark.server
def test_a_step_passes_although_it_waits_for_heartbeats(copy, warm_runs, capsys):
    """`tutorial check` has less patience than these tests, and Redis its own clock."""
    assert main(["check", "08", str(copy("08"))]) == 0
    assert "Step 08: " in capsys.readouterr().out


@pytest.mark.server
def test_a_finished_step_passes_and_stays_as_it_is(copy):
    folder = copy("01")
    before = state(folder)
    with running(ROOT, "check", "01", folder) as tool:
        status, said = tool.ended(3 * DEADLINE)
        # A dot at a time, as the tests pass, and not all of them at the end.
        assert tool.when_said("\n.") < tool.when_said("passed") - AT_ONCE
    said = said.splitlines()
    assert status == 0
    assert re.fullmatch(r"\.+", said[1])
    assert re.fullmatch(r"Step 01: \d+ tests passed\.", said[2])
    assert said[3:] == [f"Next: steps/{all_steps()[2].name}/README.md"]
    assert state(folder) == before


@pytest.mark.server
def test_options_for_your_own_tests_change_nothing(copy, monkeypatch):
    monkeypatch.setenv("PYTHONOPTIMIZE", "1")
    monkeypatch.setenv("PYTEST_ADDOPTS", "--no-such-option")
    monkeypatch.setenv("PYTEST_PLUGINS", "no_such_plugin")
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    with running(ROOT, "check", "00", copy("00")) as tool:
        status, said = tool.ended(3 * DEADLINE)
    assert (status, said.count("\n")) == (0, 4)


@pytest.mark.server
def test_a_mistake_is_reported_as_what_was_expected_and_what_was_seen(
    copy, warm_runs, patient, capsys
):
    folder = copy("01")
    file = folder / "chat/consumers.py"
    right = file.read_text()
    file.write_text(right.replace("= clean_message(text_data)", "= text_data"))
    assert file.read_text() != right
    assert main(["check", "01", str(folder)]) == 1
    said = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"Step 01: \d+ of \d+ tests passed\.", said[2])
    assert said[3:5] == [
        "Expected: a message comes back to its sender once.",
        """Seen: {'message': '{"message": "first"}'}, not 'first'.""",
    ]
    assert "README.md#" in said[5]
    assert len(said) == 6


@pytest.mark.server
def test_a_forgotten_migration_is_named(copy, warm_runs, patient, capsys):
    folder = copy("13")
    (folder / "chat/migrations/0002_message_key.py").unlink()
    assert main(["check", "13", str(folder)]) == 1
    said = capsys.readouterr().out
    assert (
        "\nSeen: one is missing: run `python manage.py makemigrations chat`.\n" in said
    )


@pytest.mark.server
@pytest.mark.parametrize("file", ["config/settings.py", "config/asgi.py"])
def test_code_that_ends_python_is_reported_with_its_line(copy, warm_runs, capsys, file):
    folder = copy("01")
    (folder / file).write_text("raise SystemExit(2)\n")
    assert main(["check", "01", str(folder)]) == 1
    said = capsys.readouterr().out.splitlines()
    assert said[1] == f"ERROR: {file}, line 1: SystemExit: 2"


SLEEPING = "    def receive(self, text_data):\n        __import__('time').sleep(1000)\n"
LOOPING = "    async def receive(self, **_):\n        while True:\n            {}\n"
FOREVER = "while True:\n    pass\n"


@pytest.mark.server
@pytest.mark.parametrize(
    ("number", "file", "code", "patience", "said"),
    [
        ("01", CONSUMER, SLEEPING, 5, "Seen: no frame arrived within 5 s."),
        # Code has ten times as long to come back.
        ("05", CONSUMER, LOOPING, 2, f"Seen: {CONSUMER}, line N does not come back."),
        ("05", MESSAGES, FOREVER, 2, f"ERROR: {MESSAGES}, line N does not come back."),
    ],
    ids=["in a thread", "in the event loop", "on import"],
)
def test_code_that_does_not_come_back_is_reported(
    copy, warm_runs, monkeypatch, capsys, number, file, code, patience, said
):
    monkeypatch.setattr(check, "DEADLINE", str(patience))
    folder = copy(number)
    with (folder / file).open("a") as source:
        source.write(code.format(1))
    assert main(["check", number, str(folder)]) == 1
    *_, seen, section = capsys.readouterr().out.splitlines()
    assert re.sub("line [0-9]+", "line N", seen) == said
    assert section.startswith("To see what differs: ")


@pytest.mark.server
def test_watching_tests_at_every_save_until_a_signal(copy):
    folder = copy("01")
    file = folder / "config/asgi.py"
    file.write_text("app = None\n")
    with running(ROOT, "check", "01", folder, "--watch") as tool:
        said = tool.wait_until_said("Stop with Ctrl-C.")
        assert "config/asgi.py has no `application`" in said
        # In one step: writing into the file could be seen as two saves.
        new = folder.with_name("new.py")
        new.write_text("oops(\n")
        new.replace(file)
        said = tool.wait_until_said("SyntaxError")
        assert tool.has_said("Stop with Ctrl-C.", times=2)
        assert said.count("--------\n") == 2
        assert tool.stop(signal.SIGINT) == (0, [])
        assert tool.process.stderr.read() == ""


@pytest.mark.server
def test_watching_begins_with_the_test_that_failed_before(
    copy, warm_runs, patient, monkeypatch, capsys
):
    folder = copy("01")
    file = folder / CONSUMER
    right = file.read_text()
    wrong = right.replace("= clean_message(text_data)", "= text_data")
    versions = [wrong, wrong + "\n", right]

    def saves(_):
        for text in versions:
            file.write_text(text)
            yield

    monkeypatch.setattr(check, "saves", saves)
    assert main(["check", "01", str(folder), "--watch"]) == 0
    said = capsys.readouterr().out
    first, second, third = said.split("Testing ")[1:]
    expected = "Expected: a message comes back to its sender once."
    assert re.search(r"\n\.+\nStep 01: \d+ of \d+ tests passed\.\n" + expected, first)
    assert (
        f"\n\nStep 01: the test that failed before fails again.\n{expected}" in second
    )
    assert re.search(r"\n\.+\nStep 01: \d+ tests passed\.\n", third)


@pytest.mark.server
def test_a_signal_in_the_middle_of_the_tests_leaves_nothing_behind(copy):
    with running(ROOT, "check", "03", copy("03")) as tool:
        while not any("valkey" in name for name in tool.names()):
            assert tool.process.poll() is None
            with suppress(subprocess.TimeoutExpired):
                tool.process.wait(0.05)
        assert tool.stop(signal.SIGINT) == (130, [])
        assert tool.process.stderr.read() == ""


@pytest.mark.server
def test_a_signal_ends_code_that_does_not_come_back_without_a_traceback(copy, tmp_path):
    folder, reached = copy("05"), tmp_path / "reached"
    reach = f"open({str(reached)!r}, 'w').close()"
    with (folder / CONSUMER).open("a") as source:
        source.write(LOOPING.format(reach))
    with running(ROOT, "check", "05", folder) as tool:
        until(reached.exists)
        tool.process.send_signal(signal.SIGINT)
        status, said = tool.ended()
    assert status == 130
    assert re.fullmatch(r"Testing .*\n\.+", said)
