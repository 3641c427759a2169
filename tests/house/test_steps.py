"""What the steps owe their readers: to be short, whole, and few lines apart."""

import itertools
import json
import os
import re
import subprocess

import pytest

from tests.support import warm
from tests.support.folders import contents, copy_folder
from tutorial.shared.steps import Step, all_steps

STEPS = all_steps()
# About 60 changed lines each, stylesheets aside; the first brings the page and its
# client. From 06 on a step brings a part of its own.
MOST_CHANGED_LINES = 65
MOST_CHANGED_LINES_SINCE_06 = 150
MOST_CONSUMER_LINES = 60

# Run in `manage.py shell`: prints {view: [the template that it names, the templates
# that Django derives from its model]} for the views of `courses`.
TEMPLATES = """
import json
from courses import models, views

def templates(view):
    page = view(object=models.Course(), object_list=models.Course.objects.none())
    named, page.template_name = page.template_name, None
    return named, page.get_template_names()

classes = [value for value in vars(views).values() if isinstance(value, type)]
own = [view for view in classes if view.__module__ == views.__name__]
print(json.dumps({view.__name__: templates(view) for view in own}))
"""


def files_of(step):
    """Return the files of a step that git keeps or would keep, without its README.

    Outside a repository these are all that running the step has not made.
    """
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(command, cwd=step.path, capture_output=True, text=True)
    names = contents(step.path) if done.returncode else done.stdout.split()
    names = sorted({*names} - {"README.md"})
    return [step.path / name for name in names if (step.path / name).exists()]


def changed_lines(before, after):
    """Return how many lines are added and removed between two steps.

    Neither README, stylesheets nor migrations count: Django writes the last.
    """
    lines = 0
    names = {f.relative_to(s.path) for s in (before, after) for f in files_of(s)}
    for name in names:
        if name.suffix == ".css" or "migrations" in name.parts:
            continue
        old, new = before.path / name, after.path / name
        sides = [str(side) if side.exists() else "/dev/null" for side in (old, new)]
        command = ["git", "diff", "--no-index", "--numstat", *sides]
        done = subprocess.run(command, capture_output=True, text=True)
        lines += sum(map(int, done.stdout.split()[:2]))
    return lines


@pytest.mark.parametrize(
    ("before", "after"),
    [pair for pair in itertools.pairwise(STEPS) if pair[1].number > "01"],
    ids=lambda step: step.number,
)
def test_a_step_changes_few_lines_of_the_one_before(before, after):
    most = MOST_CHANGED_LINES if after.number < "06" else MOST_CHANGED_LINES_SINCE_06
    assert 0 < changed_lines(before, after) <= most


def test_a_step_has_the_same_files_outside_a_repository(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    for step in STEPS:
        copy = Step(step.number, copy_folder(step.path, tmp_path / step.name))
        (copy.path / "db.sqlite3").touch()
        names = [[f.relative_to(s.path) for f in files_of(s)] for s in (step, copy)]
        assert names[0] == names[1]


@pytest.mark.parametrize("step", STEPS[1:], ids=lambda step: step.number)
def test_a_consumer_is_read_at_one_glance(step):
    lines = (step.path / "chat/consumers.py").read_text().splitlines()
    assert 10 < len(lines) <= MOST_CONSUMER_LINES


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.number)
def test_a_step_stands_alone(step):
    for file in files_of(step):
        assert not file.is_symlink(), file
        text = file.read_text()
        for stranger in ("tutorial", "tests", "notebooks", "noqa", "TODO"):
            assert stranger not in text, (file, stranger)


@pytest.mark.parametrize(
    "step", [s for s in STEPS if s.number >= "05"], ids=lambda step: step.number
)
def test_an_asynchronous_step_hands_nothing_to_a_thread(step):
    """But for the one transaction: the asynchronous ORM has none.

    And signals, which Django sends from threads, have to come out of them. And a
    database that does not answer must not hold up the thread of the health page.
    """
    files = [f for f in files_of(step) if f.suffix == ".py"]
    sources = {f.relative_to(step.path).as_posix(): f.read_text() for f in files}
    assert any("AsyncWebsocketConsumer" in source for source in sources.values())
    transaction = "@database_sync_to_async\n@transaction.atomic\n"
    if step.number >= "09":
        history = sources["chat/history.py"]
        assert history.count(transaction) == 1
        line = "from channels.db import database_sync_to_async\n"
        sources["chat/history.py"] = history.replace(transaction, "").replace(line, "")
    if step.number >= "14":
        assert sources.pop("chat/signals.py").count("async_to_sync(") == 1
    if step.number >= "16":
        assert sources.pop("config/health.py").count("sync_to_async(") == 1
    for source in sources.values():
        assert "async_to_sync" not in source
        assert "sync_to_async" not in source


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.number)
def test_no_page_takes_anything_from_another_place(step):
    for file in files_of(step):
        if file.suffix in (".html", ".css", ".js"):
            assert "//" not in file.read_text().replace("  // ", "").replace(
                "\n// ", ""
            )


@pytest.mark.parametrize("step", STEPS[1:], ids=lambda step: step.number)
def test_no_page_holds_a_script_of_its_own(step):
    pages = [f.read_text() for f in files_of(step) if f.suffix == ".html"]
    scripts = [tag for page in pages for tag in re.findall(r"<script\b[^>]*>", page)]
    assert scripts
    assert all("src=" in tag for tag in scripts)
    assert not any(re.search(r"\son\w+=", page) for page in pages)


def templates_of(folder):
    """Return what TEMPLATES prints in a project's folder."""
    command = ["manage.py", "shell", "-v", "0", "-c", TEMPLATES]
    status, said = warm.run(command, folder, os.environ)
    assert status == 0, said
    return json.loads(said)


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.number)
def test_a_view_names_no_template_that_django_derives(step):
    templates = templates_of(step.path)
    assert templates
    for view, (named, derived) in templates.items():
        assert named not in derived, view


def test_a_template_that_is_named_and_derived_is_noticed(tmp_path):
    copy = copy_folder(STEPS[0].path, tmp_path / "copy")
    views = copy / "courses/views.py"
    before = "class CourseListView(LoginRequiredMixin, ListView):\n"
    named = '    template_name = "courses/course_list.html"\n'
    assert before in views.read_text()
    views.write_text(views.read_text().replace(before, before + named))
    assert templates_of(copy) == {
        "CourseListView": ["courses/course_list.html", ["courses/course_list.html"]],
        "CourseDetailView": [None, ["courses/course_detail.html"]],
    }
