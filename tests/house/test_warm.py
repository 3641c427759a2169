"""A warm Python ends as a plain one does, and goes on whoever asks it."""

import contextlib
import os
import re
import socket
import subprocess
import sys

import psutil
import pytest

from tests.support import warm
from tests.support.deadline import DEADLINE
from tests.support.folders import copy_folder
from tests.support.spec_run import run_spec
from tutorial.shared.steps import ROOT, find_step

# Whatever it ends with, this program says three things more, in this order.
PROGRAM = """
import atexit, sys, tempfile, threading
print(tempfile.gettempdir(), sys.argv)
atexit.register(print, "the end", end="")
main = threading.main_thread()
thread = threading.Thread(target=lambda: (main.join(), print("a thread")))
thread.start()
def last_word():
    {}
last_word()
"""


@pytest.mark.parametrize(
    ("word", "status", "says"),
    [
        ("pass", 0, ""),
        ("sys.exit()", 0, ""),
        ("sys.exit(3)", 3, ""),
        ("sys.exit('no such step')", 1, "no such step"),
        ("raise ValueError('a mistake')", 1, "ValueError: a mistake"),
        ("raise KeyboardInterrupt", -2, "KeyboardInterrupt"),
    ],
)
def test_a_program_ends_with_the_same_status_and_words(tmp_path, word, status, says):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM.format(word))
    command = [str(program), "an argument"]
    env = os.environ | {"TMPDIR": str(tmp_path), "PYTHONUNBUFFERED": "1"}
    plain = subprocess.run(
        [sys.executable, *command],
        cwd=tmp_path,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=DEADLINE,
    )
    assert plain.returncode == status
    said = plain.stdout
    assert said.startswith(f"{tmp_path} {command}\n")
    assert f"{says}\na thread\nthe end" in said
    assert warm.run(command, tmp_path, env) == (status, said)


@pytest.fixture
def temporary(tmp_path):
    """An empty folder."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    return folder


def test_a_server_that_a_program_leaves_running_ends_with_it(tmp_path, temporary):
    (tmp_path / "program.py").write_text(
        "import os, tempfile\n"
        "from tests.support.valkey import valkey\n"
        "server = valkey()\n"
        "server.start()\n"
        "print(server._process.pid, *os.listdir(tempfile.gettempdir()))\n"
    )
    env = os.environ | {"TMPDIR": str(temporary)}
    status, said = warm.run(["program.py"], tmp_path, env)
    assert status == 0
    pid, folder = said.split()
    assert folder.startswith("valkey-")
    assert list(temporary.iterdir()) == []
    assert not psutil.pid_exists(int(pid))


def test_a_run_of_the_spec_leaves_nothing_in_the_temporary_folder(tmp_path, temporary):
    step, seen = find_step("03"), tmp_path / "seen"
    project = copy_folder(step.path, tmp_path / "mine")
    with (project / "config/settings.py").open("a") as settings:
        settings.write(
            "import os, pathlib, tempfile\n"
            "names = ' '.join(sorted(os.listdir(tempfile.gettempdir())))\n"
            f"pathlib.Path({str(seen)!r}).write_text(names)\n"
        )
    spec = ROOT / "tests/spec/test_messages.py"
    status, said = run_spec(step, project, spec, TMPDIR=str(temporary))
    assert status == 0, said
    assert " passed" in said
    assert re.fullmatch(r"spec-\S+ valkey-\S+", seen.read_text())
    assert list(temporary.iterdir()) == []


WAIT = """
import sys
print("here", flush=True)
sys.stdin.read()
"""
# Asks for a process that waits, says which one it is, and goes without a word.
ASK_AND_GO = """
import os, sys
sys.path.insert(0, {root!r})
from tests.support import warm
python = warm.Python([{wait!r}], {root!r}, os.environ)
assert python.stdout.readline() == "here\\n"
print(python.pid, flush=True)
os._exit(0)
"""


@pytest.fixture
def wait(tmp_path):
    """The path of a script that says "here" and waits until its input ends."""
    script = tmp_path / "wait.py"
    script.write_text(WAIT)
    return str(script)


def test_a_process_is_ended_when_its_asker_has_gone_and_the_next_is_started(
    tmp_path, wait
):
    asker = tmp_path / "asker.py"
    asker.write_text(ASK_AND_GO.format(root=str(ROOT), wait=wait))
    status, pid = warm.run([str(asker)], ROOT, os.environ)
    assert status == 0, pid
    with contextlib.suppress(psutil.NoSuchProcess):
        psutil.Process(int(pid)).wait(DEADLINE)
    assert warm.run([wait], ROOT, os.environ) == (0, "here\n")


@pytest.mark.parametrize("said", [b"", b"[", b"neither files nor JSON\n"])
def test_an_asker_who_ends_before_all_is_said_keeps_nobody_waiting(wait, said):
    with socket.socket(socket.AF_UNIX) as asker:
        asker.settimeout(DEADLINE)
        asker.connect(warm.address())
        asker.sendall(said)
        asker.shutdown(socket.SHUT_WR)
        assert asker.recv(1) == b""
    assert warm.run([wait], ROOT, os.environ) == (0, "here\n")


# It says where it is, echoes a line, and waits for a signal.
ECHO = """
import os, signal, sys
print(os.getcwd(), sys.argv[1:], os.environ["ECHO"], flush=True)
print(sys.stdin.readline().strip(), file=sys.stderr, flush=True)
signal.pause()
"""


def test_a_program_in_the_place_of_python_passes_files_and_a_signal_on(tmp_path):
    (tmp_path / "echo.py").write_text(ECHO)
    process = subprocess.Popen(
        [warm.executable(), "echo.py", "an argument"],
        cwd=tmp_path,
        env=os.environ | {"ECHO": "its environment"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        said = process.stdout.readline()
        assert said == f"{tmp_path} ['an argument'] its environment\n"
        process.stdin.write("hello\n")
        process.stdin.flush()
        assert process.stderr.readline() == "hello\n"
        process.terminate()
        process.wait(DEADLINE)
        # Both files are closed: the warm process has ended, too.
        assert process.stdout.read() + process.stderr.read() == ""
