"""The reader's terminals: what is typed there runs, and its output is compared."""

import contextlib
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import threading
from pathlib import Path

from tests.support import warm
from tests.support.deadline import DEADLINE
from tutorial.shared.processes import SUPERVISED, end_group
from tutorial.shared.steps import plain_environment

from .compare import begins, same

# Longer than any command of a chapter takes; `tutorial check` runs a whole spec.
COMMAND_DEADLINE = 180

# What is typed before a command, for it alone: DEBUG=off, KEY=$(cat ../key).
VARIABLES = re.compile(r"(?:[A-Z_]+=(?:\$\([^)]*\)|\S)*\s+)*")

# Typed into `manage.py shell -c`: what code.interact() does, driven through a pipe.
SHELL = """
import code, contextlib, io, json, sys
console = code.InteractiveConsole(dict(globals()))
for line in sys.stdin:
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        for source in json.loads(line):
            console.push(source)
    print(json.dumps(said.getvalue()), flush=True)
"""


class Mismatch(AssertionError):
    """What the chapter shows is not what was seen."""

    def __init__(self, block, expected, seen):
        super().__init__(
            f"line {block.line}, in {block.section!r}\n"
            f"--- the chapter shows:\n{expected}\n--- seen:\n{seen}"
        )


def environment(**more):
    """Return the environment in which a reader types, plus `more` variables."""
    own = Path(sys.executable).parent
    return plain_environment() | {
        "PATH": f"{own}{os.pathsep}{os.environ['PATH']}",
        "COLUMNS": "80",
        "DJANGO_COLORS": "nocolor",
        "NO_COLOR": "1",
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        **more,
    }


class Process:
    """A command that goes on, as in a terminal of its own; `unread` is its output."""

    def __init__(self, command, folder, env):
        self.command = command
        own, command = with_variables(command, folder, env)
        self._patience = 2 if python_of(command) else SUPERVISED
        self.python = warm.Python(python_for(command), folder, own)
        self.unread = []
        self._ended = False
        self._news = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self.python.stdout:
            with self._news:
                self.unread.append(line)
                self._news.notify_all()
        with self._news:
            self._ended = True
            self._news.notify_all()
        self.python.close()

    def expect(self, block, expected, shown=lambda text: text, within=DEADLINE):
        """Wait until the unread output begins with what the chapter shows; take it.

        `shown(text)` turns what was printed into what a reader sees. Raises Mismatch
        when the process has ended, or after `within` seconds.
        """

        def found():
            return begins(expected, shown("".join(self.unread)))

        with self._news:
            self._news.wait_for(lambda: found() is not None or self._ended, within)
            if found() is None:
                raise Mismatch(block, expected, shown("".join(self.unread)))
            del self.unread[: found()]

    def wait_for_text(self, text):
        """Wait until the unread output holds `text`, or the process has ended."""
        with self._news:
            self._news.wait_for(
                lambda: text in "".join(self.unread) or self._ended,
                DEADLINE,
            )

    def interrupt(self):
        """Press Ctrl-C, and wait for the end; kill what does not end."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.python.pid, signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.python.wait(DEADLINE)
        self.end()

    def send(self, number):
        """Send the process and all that it has started a signal."""
        os.killpg(self.python.pid, number)

    def end(self):
        """End the process and all that it has started."""
        if self.python.poll() is None:
            end_group(self.python, self._patience)
        self._reader.join(DEADLINE)


def with_variables(command, folder, env):
    """Return the environment of a typed command, and the command without variables.

    In `NAME=value python ...` the value may be `$(another command)`.
    """
    variables = VARIABLES.match(command)[0]
    if variables:
        typed = ["sh", "-c", f"export {variables}; env -0"]
        printed = subprocess.check_output(typed, cwd=folder, env=env, text=True)
        env = dict(pair.split("=", 1) for pair in printed.split("\0")[:-1])
    return env, command.removeprefix(variables)


def python_of(command):
    """Return the arguments of a typed `python`, `tutorial` or `daphne`, or None."""
    first, *rest = shlex.split(command)
    if first == "python" and (rest[0] == "-m" or rest[0].endswith(".py")):
        return rest
    return ["-m", first, *rest] if first in ("tutorial", "daphne") else None


def python_for(command):
    """Return the arguments of a Python that runs, or becomes, any typed command."""
    words = shlex.split(command)
    become = f"import os; os.execvp({words[0]!r}, {words!r})"
    return python_of(command) or ["-c", become]


def run(block, command, expected, folder, env, shown):
    """Run one command to its end and compare what it prints."""
    if python_of(command):
        _, said = warm.run(python_of(command), folder, env, COMMAND_DEADLINE)
    else:
        said = subprocess.run(
            command,
            cwd=folder,
            env=env,
            shell=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=COMMAND_DEADLINE,
        ).stdout
    seen = shown(said)
    if not same(expected, seen):
        raise Mismatch(block, f"$ {command}\n{expected}", seen)


class Shell:
    """A `manage.py shell` that stays open from one block to the next."""

    def __init__(self, folder, env):
        command = ["manage.py", "shell", "-v", "0", "-c", SHELL]
        self._python = warm.Python(command, folder, env)

    def type(self, block, translated, shown):
        """Type the examples of a pycon block, and compare what each of them prints."""
        for sources, expected in examples(block.text):
            typed = [translated(source) for source in sources]
            self._python.stdin.write(json.dumps(typed) + "\n")
            self._python.stdin.flush()
            seen = shown(self._answer())
            if not same(expected, seen):
                raise Mismatch(block, "\n".join([*sources, expected]), seen)

    def _answer(self):
        """Return what was printed; a shell that hangs is killed, which is told."""
        alarm = threading.Timer(DEADLINE, self._python.kill)
        alarm.start()
        line = self._python.stdout.readline()
        alarm.cancel()
        return json.loads(line) if line else "(the shell hangs, or has ended)\n"

    def end(self):
        """Leave the shell, with Ctrl-D."""
        self._python.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._python.wait(DEADLINE)
        self._python.kill()
        self._python.close()


def examples(text):
    """Yield (the lines that are typed, what is printed) from a pycon block."""
    sources, printed = [], []
    for line in text.splitlines():
        if line.startswith(">>>"):
            if sources:
                yield sources, "\n".join(printed)
            sources, printed = [line[4:]], []
        elif not printed and (line == "..." or line.startswith("... ")):
            sources.append(line[4:])
        else:
            printed.append(line)
    if sources:
        yield sources, "\n".join(printed)
