"""The command line: what it says of a mistake, and what an install brings along."""

import importlib
import importlib.metadata
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.deadline import DEADLINE
from tutorial.__main__ import main
from tutorial.shared.steps import ROOT

VERBS = [
    "run",
    "stage",
    "start",
    "diff",
    "check",
    "carry",
    "redis",
    "measure",
    "bench",
    "notebooks",
]


@pytest.fixture
def refused(capsys):
    """A function that runs the tool and returns the one line that it refuses with."""

    def run(*arguments):
        assert main(list(arguments)) == 2
        said = capsys.readouterr()
        assert (said.out, said.err.count("\n")) == ("", 1)
        return said.err.removeprefix("tutorial: ").rstrip()

    return run


def test_without_a_verb_the_tool_lists_the_verbs_and_gives_an_example(refused):
    assert refused() == (
        "a command is missing; choose one of run, deploy, stage, start, diff, check, "
        "carry, redis, measure, bench, notebooks. Example: tutorial run 03"
    )


def test_for_a_mistyped_verb_the_nearest_one_is_suggested(refused):
    assert refused("strat", "01", "x") == (
        "there is no command 'strat'; did you mean 'start'? "
        "Example: tutorial start 01 ../mychat"
    )


def test_for_a_word_unlike_any_verb_the_tool_lists_the_verbs(refused):
    said = refused("frobnicate")
    assert said.startswith(
        "there is no command 'frobnicate'; choose one of run, deploy, stage,"
    )
    assert said.endswith(". Example: tutorial run 03")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["start", "01"], "the following arguments are required: DIR. "),
        (["check"], "the following arguments are required: STEP, DIR. "),
        (["carry"], "the following arguments are required: step. "),
    ],
)
def test_a_missing_argument_is_reported_with_an_example(refused, arguments, sentence):
    said = refused(*arguments)
    assert said.lower().startswith(sentence.lower())
    assert said[len(sentence) :].startswith(f"Example: tutorial {arguments[0]} ")


@pytest.mark.parametrize("verb", ["stage", "diff", "check", "redis"])
@pytest.mark.parametrize("name", ["~nobody-of-this-name/x", "x" * 300])
def test_a_name_that_no_folder_can_have_is_refused_in_one_line(refused, verb, name):
    arguments = {"diff": ["03", name], "check": ["03", name]}
    arguments["redis"] = ["--config", name]
    assert name in refused(verb, *arguments.get(verb, [name]))


@pytest.mark.parametrize(
    "arguments",
    [
        ["measure", "--people", "1", "--seconds", "0.1"],
        ["start", "01", "mine"],
        ["diff", "21"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_a_reader_who_has_gone_is_reported_by_the_status_alone(tmp_path, arguments):
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as closed:
        done = subprocess.run(
            [sys.executable, "-m", "tutorial", *arguments],
            cwd=tmp_path,
            stdout=closed,
            stderr=subprocess.PIPE,
            timeout=DEADLINE,
        )
    assert (done.returncode, done.stderr) == (1, b"")


def test_a_closed_output_is_reported_in_one_line():
    call = f"{sys.executable} -m tutorial diff 03 >&-"
    done = subprocess.run(["sh", "-c", call], stderr=subprocess.PIPE, timeout=DEADLINE)
    said = b"tutorial: the output is closed: use >/dev/null, not >&-.\n"
    assert (done.returncode, done.stderr) == (2, said)


def test_a_name_is_shown_although_the_terminal_knows_ascii_only(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "tutorial", "start", "01", "caf\u00e9"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONIOENCODING": "ascii"},
        capture_output=True,
        text=True,
        timeout=DEADLINE,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(r"caf\xe9 is a copy of ")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="Linux has a full file")
@pytest.mark.parametrize(
    "arguments", [["measure"], ["start", "01", "mine"], ["diff", "21"]]
)
def test_a_full_disk_is_reported_in_one_line(tmp_path, arguments):
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "tutorial", *arguments],
            cwd=tmp_path,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=DEADLINE,
        )
    said = "tutorial: [Errno 28] No space left on device.\n"
    assert (done.returncode, done.stderr) == (2, said)


@pytest.mark.parametrize("verb", ["check 03 .", "diff 03 .", "start 03 x", "stage ."])
def test_a_folder_that_was_removed_is_reported_in_one_line(tmp_path, verb):
    gone = tmp_path / "gone"
    gone.mkdir()
    call = f"rmdir {gone} && {sys.executable} -P -m tutorial {verb}"
    done = subprocess.run(
        ["sh", "-c", call], cwd=gone, capture_output=True, text=True, timeout=DEADLINE
    )
    said = (
        "tutorial: the current folder does not exist any more: change to another one.\n"
    )
    assert (done.returncode, done.stdout, done.stderr) == (2, "", said)


def test_ctrl_c_while_the_tool_starts_prints_nothing(monkeypatch, capsys):
    def press(name):
        raise KeyboardInterrupt

    monkeypatch.setattr(importlib, "import_module", press)
    assert main(["diff", "99"]) == 130
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("verb", VERBS)
def test_an_unknown_option_is_reported_with_an_example_of_its_verb(refused, verb):
    arguments = {"start": ["01", "x"], "diff": ["01"], "check": ["01", "x"]}
    arguments["carry"] = ["01"]
    said = refused(verb, *arguments.get(verb, []), "--frobnicate")
    assert said.startswith("unrecognized arguments: --frobnicate. Example: tutorial ")
    assert said.split("Example: ")[1].startswith(f"tutorial {verb}")


@pytest.mark.parametrize("verb", VERBS)
def test_help_shows_what_a_verb_does_and_an_example(capsys, verb):
    with pytest.raises(SystemExit) as leaving:
        main([verb, "--help"])
    assert leaving.value.code == 0
    said = capsys.readouterr().out
    assert f"usage: tutorial {verb}" in said
    assert f"Example: tutorial {verb}" in said


def test_help_lists_all_verbs(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    lines = capsys.readouterr().out.splitlines()
    assert all(any(line.startswith(f"    {v}") for line in lines) for v in VERBS)


def test_a_project_with_a_package_called_tests_keeps_its_own_tests(tmp_path):
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests/__init__.py").touch()
    test = tmp_path / "tests/test_x.py"
    test.write_text("import tests\n\n\ndef test_x():\n    assert tests.__path__\n")
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST")}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout


def test_the_installed_tool_adds_no_plugin_and_no_other_package():
    installed = importlib.metadata.distribution("realtime-django")
    groups = {entry.group for entry in installed.entry_points}
    assert groups == {"console_scripts"}
    program = "import json, sys; print(json.dumps(sys.path))"
    command = [sys.executable, "-I", "-c", program]
    paths = json.loads(subprocess.check_output(command, text=True))
    ours = [path for path in map(Path, paths) if path.is_relative_to(ROOT)]
    ours = [path for path in ours if not path.is_relative_to(sys.prefix)]
    assert ours == [ROOT / "src"]
    packages = {path.name for path in ours[0].iterdir() if path.is_dir()}
    assert packages - {"__pycache__"} == {"tutorial"}
