"""`tutorial notebooks`, tried from outside."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from contextlib import suppress

import nbformat
import psutil
import pytest
import redis
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tests.support.deadline import DEADLINE
from tests.support.folders import contents, copy_folder
from tests.support.tool import answer_of, running
from tests.support.valkey import url_of, valkey
from tutorial.__main__ import main
from tutorial.maintenance import notebook
from tutorial.shared.ports import free_port
from tutorial.shared.steps import ROOT
from tutorial.verbs.notebooks import FOLDER

pytestmark = pytest.mark.server

# The tool, with less patience for a cell.
IMPATIENT = (
    sys.executable,
    "-uc",
    "import sys; from tutorial.__main__ import main; "
    "from tutorial.maintenance import notebook; notebook.QUICK_DEADLINE = 15; "
    "sys.exit(main())",
)


@pytest.fixture(scope="module")
def redis_url():
    """The address of a running Valkey with a key in it that is not the notebooks'."""
    with valkey() as server, redis.Redis.from_url(url_of(server)) as client:
        client.set("asgi:of:somebody:else", "untouched")
        yield url_of(server)


def keys_in(url):
    """Return the keys of the Redis at `url`."""
    with redis.Redis.from_url(url) as client:
        return client.keys("*")


def test_every_notebook_shows_what_it_should_and_leaves_nothing_behind(
    redis_url, tmp_path
):
    before = contents(ROOT / "notebooks") | contents(ROOT / "steps")
    everything = {"REDIS_URL": redis_url, "TMPDIR": str(tmp_path)}
    with running(ROOT, "notebooks", "--check", **everything) as tool:
        status, said = tool.ended(6 * DEADLINE)
    paths = sorted(FOLDER.glob("*.ipynb"))
    assert len(paths) == 4
    for path in paths:
        assert f"{path.name}: shows what it should.\n" in said
    assert status == 0
    assert contents(ROOT / "notebooks") | contents(ROOT / "steps") == before
    assert list(tmp_path.iterdir()) == []
    assert keys_in(redis_url) == [b"asgi:of:somebody:else"]
    assert processes_in(tmp_path) == []


def processes_in(folder):
    """Return the processes that work in `folder` or below it."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.cwd().startswith(str(folder)):
                found.append(process)
    return found


@pytest.fixture
def house(tmp_path):
    """A folder with a copy of the tool, and an empty folder `notebooks`."""
    copy_folder(ROOT / "src", tmp_path / "src")
    (tmp_path / "notebooks").mkdir()
    return tmp_path


def write(house, name, *sources, shows=()):
    """Write a notebook with these cells; the first shows what is in `shows`."""
    cells = [new_markdown_cell("# Title")]
    for number, source in enumerate(sources, start=1):
        cells += [new_markdown_cell(f"## Part {number}"), new_code_cell(source)]
    cells[2].outputs = [new_output("stream", name="stdout", text=t) for t in shows]
    path = house / "notebooks" / f"{name}.ipynb"
    path.write_text(notebook.written(new_notebook(cells=cells)))
    return path


def test_a_cell_that_fails_hangs_or_dies_is_named(house, redis_url):
    left = house / "left"
    write(house, "fails", "print(1)", "1 / 0", "print(2)", shows=["1\n"])
    write(
        house,
        "hangs",
        f"import atexit, pathlib; atexit.register(pathlib.Path({str(left)!r}).touch)",
        "import threading; threading.Event().wait()",
    )
    write(house, "other", "print(3 + 4)", shows=["8\n"])
    write(house, "dies", "import os; os._exit(1)")
    (house / "notebooks/torn.ipynb").write_text("<<<<<<< HEAD\n")
    edited = write(house, "saved", "print(3 + 4)", shows=["7\n"])
    edited.write_text(edited.read_text().replace('"name": "python3"', '"name": "mine"'))
    before = contents(house / "notebooks")

    options = {"command": IMPATIENT, "REDIS_URL": redis_url}
    with running(house, "notebooks", "--check", **options) as tool:
        assert tool.process.wait(3 * DEADLINE) == 2
        said = set(tool.wait_until_said("saved.ipynb").splitlines())
        errors = tool.process.stderr.read().splitlines()
    assert {
        "fails.ipynb: 'Part 2' fails: ZeroDivisionError: division by zero",
        "dies.ipynb: 'Part 1' ends the kernel.",
        "hangs.ipynb: 'Part 2' fails: Hangs: no end after 15 s",
        "other.ipynb: 'Part 1' shows something else:",
        '-   "8\\n"',
        '+   "7\\n"',
        "saved.ipynb: the file is not as `tutorial notebooks --write` leaves it.",
    } < said
    torn = "torn.ipynb: this is not a notebook that can be run: "
    assert any(line.startswith(torn) for line in said)
    assert errors[-1] == (
        "tutorial: fix the cells above, or run `tutorial notebooks --write`."
    )
    # Also the kernel that hung was asked to end, and has cleaned up.
    assert left.exists()
    assert contents(house / "notebooks") == before


def test_a_run_that_is_cancelled_does_not_pass(redis_url, monkeypatch, capsys):
    async def run_file(*_):
        raise asyncio.CancelledError

    monkeypatch.setenv("REDIS_URL", redis_url)
    monkeypatch.setattr(notebook, "run_file", run_file)
    assert main(["notebooks", "--check", "01"]) == 130
    assert capsys.readouterr().out.endswith("\nStopped.\n")


def test_what_is_written_is_what_a_full_run_shows(house, redis_url):
    path = write(house, "new", "import os; print(os.environ.get('NOTEBOOKS'), 3 + 4)")
    with running(house, "notebooks", "--write", REDIS_URL=redis_url) as tool:
        assert tool.process.wait(3 * DEADLINE) == 0
        told = "new.ipynb: 'Part 1' shows something else:"
        assert told in tool.wait_until_said('+   " 7\\n"')
    [output] = nbformat.read(path, as_version=4).cells[2].outputs
    assert output.text == " 7\n"


@pytest.fixture
def long(house, redis_url):
    """A running check of a cell that never ends, and the pipe into which it writes."""
    pipe = house / "pipe"
    os.mkfifo(pipe)
    (house / "temporary").mkdir()
    write(
        house,
        "long",
        f"pipe = open({str(pipe)!r}, 'w'); pipe.write('here'); pipe.flush()\n"
        "import threading; threading.Event().wait()",
    )
    own = {"REDIS_URL": redis_url, "TMPDIR": str(house / "temporary")}
    with running(house, "notebooks", "--check", **own) as tool:
        yield tool, pipe


def test_ctrl_c_in_the_middle_of_a_cell_leaves_nothing_behind(house, long):
    tool, pipe = long
    with pipe.open() as file:
        assert file.read(4) == "here"
    assert len(tool.family()) == 1
    assert_it_ends_clean(house, tool)


def test_ctrl_c_while_a_kernel_starts_leaves_nothing_behind(house, long):
    tool, _ = long
    while not tool.family():
        with suppress(subprocess.TimeoutExpired):
            tool.process.wait(0.01)
    assert_it_ends_clean(house, tool)


def assert_it_ends_clean(house, tool):
    """Press Ctrl-C; look for processes, files, and words that are too many."""
    assert tool.stop(signal.SIGINT) == (130, [])
    assert tool.has_said("\nStopped.\n")
    assert tool.process.stderr.read() == ""
    assert processes_in(house) == []
    assert list((house / "temporary").iterdir()) == []


def test_jupyterlab_opens_with_the_first_notebook_and_ends_with_a_signal(
    tmp_path, redis_url
):
    port = free_port()
    own = {
        name: str(tmp_path) for name in ("JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR")
    }
    own |= {"JUPYTER_TOKEN": "token", "BROWSER": "true", "REDIS_URL": redis_url}
    with running(ROOT, "notebooks", f"--port={port}", **own) as tool:
        tool.wait_until_said("Using the Redis")
        address = f"http://127.0.0.1:{port}/lab/tree/01_channel_layer.ipynb"
        page = answer(f"{address}?token=token", tool)
        assert "<title>JupyterLab</title>" in page
        kernels = f"http://127.0.0.1:{port}/api/kernelspecs?token=token"
        assert '"default": "python3"' in answer(kernels, tool)
        # It does not ask, over the first picture, whether to fetch its news.
        plugin = "@jupyterlab/apputils-extension:notification"
        settings = f"http://127.0.0.1:{port}/lab/api/settings/{plugin}?token=token"
        schema = json.loads(answer(settings, tool))["schema"]
        assert schema["properties"]["fetchNews"]["default"] == "false"
        assert tool.stop(signal.SIGINT) == (0, [])


def answer(address, tool):
    """Return the text at `address`, as soon as it can be had."""
    end = time.monotonic() + DEADLINE
    while tool.process.poll() is None and time.monotonic() < end:
        with suppress(OSError), urllib.request.urlopen(address) as response:
            return response.read().decode()
        with suppress(subprocess.TimeoutExpired):
            tool.process.wait(0.05)
    raise AssertionError(address)


def test_two_notebooks_are_not_opened(capsys):
    assert main(["notebooks", "01", "02"]) == 2
    said = "tutorial: one notebook can be opened at a time: name one.\n"
    assert capsys.readouterr().err == said


def test_without_jupyter_the_tool_says_what_installs_it(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "nbclient", None)
    assert main(["notebooks", "--check"]) == 2
    assert capsys.readouterr().err == (
        "tutorial: Jupyter is not installed: `make notebooks` installs it.\n"
    )


@pytest.mark.parametrize("arguments", [["05"], ["--check", "01", "x"], ["--write", ""]])
def test_for_an_unknown_notebook_the_tool_lists_the_notebooks(capsys, arguments):
    assert main(["notebooks", *arguments]) == 2
    said = capsys.readouterr().err
    assert said.startswith("tutorial: there is no notebook ")
    assert said.endswith("04_sync_and_async.\n")
    assert said.count("\n") == 1


def test_a_cell_without_a_redis_says_how_to_start_one():
    program = "import lab; lab.use_step('03')"
    url = f"redis://127.0.0.1:{free_port()}/0"
    status, lines = answer_of(
        FOLDER, command=(sys.executable, "-c", program), REDIS_URL=url
    )
    assert status == 1
    assert lines[-1] == (
        f"RuntimeError: no Redis responds at {url}: `tutorial redis` starts one."
    )


@pytest.mark.parametrize("status", [0, 3])
def test_jupyterlab_may_end_by_itself(redis_url, monkeypatch, capsys, status):
    monkeypatch.setenv("REDIS_URL", redis_url)
    monkeypatch.setattr("tutorial.verbs.notebooks.LAB", f"raise SystemExit({status})")
    assert main(["notebooks"]) == (2 if status else 0)
    said = capsys.readouterr()
    assert "shows what it should" not in said.out
    assert said.err == ("tutorial: JupyterLab ended with status 3.\n" if status else "")
