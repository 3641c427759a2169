"""`pytest --step NN --project=PATH` on a folder of one's own that lacks something."""

import os

import pytest

from tests.support import warm
from tests.support.folders import copy_folder
from tutorial.shared.steps import ROOT, find_step


@pytest.fixture
def copy(tmp_path):
    """A function that copies the step with this number and returns the folder."""

    def copy_step(number):
        path = find_step(number).path
        return copy_folder(path, tmp_path / path.name)

    return copy_step


# Named, so that pytest need not begin again: that takes the longer.
SETTINGS = ("-c", ROOT / "pyproject.toml")


def answer(*arguments):
    """Return the exit status and the last line of pytest with these arguments."""
    command = ["-m", "pytest", "-q", "--assert=plain", *map(str, arguments)]
    status, said = warm.run(command, ROOT, os.environ)
    return status, said.strip().splitlines()[-1]


def test_a_folder_that_keeps_the_contract_passes(copy):
    spec = ROOT / "tests/spec/test_messages.py"
    status, line = answer("--step", "3", f"--project={copy('03')}", spec)
    assert status == 0
    assert "passed" in line


@pytest.mark.parametrize(
    ("step", "other", "sentence"),
    [
        (
            "01",
            "00",
            "config/settings.py has no 'daphne' in INSTALLED_APPS: "
            "chapter 01 puts it first.",
        ),
        (
            "03",
            "02",
            "config/settings.py has no CHANNEL_LAYERS: chapter 03 adds them.",
        ),
    ],
)
def test_for_a_folder_of_an_earlier_step_the_missing_part_is_named(
    copy, step, other, sentence
):
    status, line = answer(*SETTINGS, "--step", step, f"--project={copy(other)}")
    assert (status, line) == (4, f"ERROR: {sentence}")


@pytest.mark.parametrize(
    ("file", "sentence"),
    [
        ("manage.py", "{folder} has no manage.py: choose a project's folder."),
        (
            "config/settings.py",
            "config/settings.py cannot be used: ModuleNotFoundError: No module "
            "named 'config.settings' (chapter 00 adds config/settings.py.)",
        ),
        (
            "chat/routing.py",
            "config/asgi.py, line 13: ModuleNotFoundError: No module "
            "named 'chat.routing' (chapter 02 adds chat/routing.py.)",
        ),
        (
            "courses/fixtures/demo.json",
            "manage.py loaddata demo fails: CommandError: "
            "No fixture named 'demo' found.",
        ),
    ],
)
def test_a_missing_file_is_reported_in_one_sentence(copy, file, sentence):
    folder = copy("03")
    (folder / file).unlink()
    status, line = answer(*SETTINGS, "--step", "03", f"--project={folder}")
    assert (status, line) == (4, f"ERROR: {sentence.format(folder=folder)}")


@pytest.mark.parametrize(
    ("file", "right", "wrong", "sentence"),
    [
        (
            "courses/models.py",
            "class Course(models.Model):",
            "class Course(models.Model)",
            "courses/models.py, line 6: SyntaxError: expected ':'",
        ),
        (
            "config/urls.py",
            "chat.urls",
            "chat.url",
            "config/urls.py, line 9: ModuleNotFoundError: No module named 'chat.url'",
        ),
        (
            "config/settings.py",
            "RedisChannelLayer",
            "RedisChanelLayer",
            "CHANNEL_LAYERS in config/settings.py cannot be used: "
            "InvalidChannelLayerError: Cannot import",
        ),
        (
            "config/settings.py",
            "DATABASES",
            "DATABASE",
            "config/settings.py cannot be used: KeyError: 'default'",
        ),
        (
            "courses/migrations/0001_initial.py",
            "models.TextField()",
            "models.TextFeld()",
            "courses/migrations/0001_initial.py, line 28: AttributeError: ",
        ),
    ],
)
def test_a_mistake_in_a_file_is_reported_in_one_sentence(
    copy, file, right, wrong, sentence
):
    folder = copy("03")
    text = (folder / file).read_text()
    assert right in text
    (folder / file).write_text(text.replace(right, wrong))
    status, line = answer(*SETTINGS, "--step", "03", f"--project={folder}")
    assert status == 4
    assert line.startswith(f"ERROR: {sentence}")


def test_an_asgi_module_without_application_is_reported_in_one_sentence(copy):
    folder = copy("01")
    (folder / "config/asgi.py").write_text("app = None\n")
    status, line = answer(*SETTINGS, "--step", "01", f"--project={folder}")
    assert (status, line) == (
        4,
        "ERROR: config/asgi.py has no `application`: "
        "chapter 01 makes it a ProtocolTypeRouter.",
    )


def test_a_folder_or_a_step_that_does_not_exist_is_reported(tmp_path):
    nowhere = tmp_path / "nowhere"
    assert answer(*SETTINGS, "--step", "1", f"--project={nowhere}") == (
        4,
        f"ERROR: {nowhere} has no manage.py: choose a project's folder.",
    )
    status, line = answer(*SETTINGS, "--step", "99")
    assert status == 4
    assert line.startswith("ERROR: there is no step '99': choose 00 to ")
    status, line = answer(*SETTINGS, f"--project={tmp_path}")
    assert status == 4
    assert "--project goes with --step" in line
