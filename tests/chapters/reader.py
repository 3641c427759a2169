"""Somebody who follows a chapter to the letter, block by block."""

import contextlib
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import time

from tests.support.deadline import until
from tests.support.nginx import HTTP, HTTPS, METRICS, nginx_with_ports
from tutorial.chapters.reading import read_chapter
from tutorial.shared.ports import free_port, wait_until_it_answers

from .compare import normal, same
from .terminal import COMMAND_DEADLINE, Mismatch, Process, Shell, environment, run
from .theatre import Theatre

# The ports that the chapters name; each reader has free ones in their place.
PORTS = ("8000", "8001", "9000", "6379", HTTP, HTTPS, METRICS)
# RabbitMQ's default ports, which no chapter names.
RABBITMQ = ("RABBITMQ_NODE_PORT", "RABBITMQ_DIST_PORT", "ERL_EPMD_PORT")
RUNSERVER = "python manage.py runserver"
# Kills each terminal's process whose command has the quoted words behind it.
KILL = "pkill -9 -f "
# Stop the process in a terminal, and let it continue.
SIGNALS = {"^Z": signal.SIGSTOP, "fg": signal.SIGCONT}
# The last line of a traceback; if it tells of several exceptions, of the last of them.
ERROR = re.compile(
    r"^[a-z]*[\w.]*(?:Error|Exception|Denied|NotReady|Full)\b.*$"
    r"(?!\n\n(?:During handling|The above exception))",
    re.M,
)
# Its figures are not compared, so 20 members in the room do instead of 200.
BENCH = "tutorial bench"
# What daphne says, or not, if a page is closed while its consumer is still answering.
GONE = "Exception inside application: Attempt to send on a closed protocol"
STARTED = "Quit the server with CONTROL-C."


class Reader:
    """Follows the blocks of a step's chapter, typing in the empty folder `home`.

    The chapter's own commands make the working folder and enter it. `browser` is a
    Browser. What the chapter shows is compared with what is seen; the first difference
    raises Mismatch. Use it in an `async with`: at its end everything is closed.
    """

    def __init__(self, step, home, browser):
        self.folder = home
        self._step, self._home = step, home
        self._page = step.path / "README.md"
        self._ports = {shown: str(free_port()) for shown in PORTS}
        self._env = environment(
            REDIS_URL=f"redis://127.0.0.1:{self._ports['6379']}/0",
            GIT_CEILING_DIRECTORIES=str(home),
        )
        if (step.path / "deploy").exists():
            self._env["PATH"] = nginx_with_ports(home / ".nginx", self._ports)
        if (step.path / "deploy/rabbitmq").exists():
            self._env |= {name: str(free_port()) for name in RABBITMQ}
            port = self._ports["5672"] = self._env[RABBITMQ[0]]
            self._env["RABBITMQ_URL"] = f"amqp://guest:guest@127.0.0.1:{port}"
        url = f"http://127.0.0.1:{self._ports['8000']}"
        self._theatre = Theatre(browser, url, self._translated, self._shown)
        self._terminals = {}
        self._shell = None
        self._broken = []
        self._stale = False
        self._edits = 0

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        with contextlib.ExitStack() as stack:
            stack.callback(self._close_shell)
            for process in self._terminals.values():
                stack.callback(process.end)
            await self._theatre.leave()

    async def follow(self):
        """Follow the chapter to its end."""
        for block in read_chapter(self._step):
            await getattr(self, f"_do_{block.kind}")(block)
        if self._broken:
            raise Mismatch(self._broken[0], "Put it back.", "the end of the chapter")
        self._look_for_untold_errors()

    def _translated(self, text):
        """Return `text` with this reader's ports in place of the chapter's."""
        for shown, own in self._ports.items():
            text = re.sub(rf"(?<!\d){shown}(?!\d)", own, text)
        return text

    def _shown(self, text):
        """Return `text` with the chapter's ports, and with the chapter's folder."""
        for shown, own in self._ports.items():
            text = re.sub(rf"(?<!\d){own}(?!\d)", shown, text)
        return text.replace(str(self._home.resolve()), "/home/you")

    # Files

    async def _do_file(self, block):
        path = self.folder / block.name
        if path.exists():
            raise Mismatch(block, f"a new file {block.name}", "it is there already")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block.text, encoding="utf-8")
        self._note_change(block.name, is_new=True)

    async def _do_copy(self, block):
        for name in block.text.split():
            is_new = not (self.folder / name).exists()
            (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(self._step.path / name, self.folder / name)
            self._note_change(name, is_new)

    async def _do_diff(self, block):
        self._apply(block)

    async def _do_break(self, block):
        self._apply(block)
        self._broken.append(block)

    async def _do_answer(self, block):
        await self._do_undo(block)
        await self._do_break(block)

    async def _do_undo(self, block):
        while self._broken:
            self._apply(self._broken.pop(), "--reverse")

    def _apply(self, block, *options):
        """Apply a diff, or take it back; a break may name this reader's own ports."""
        text = block.text
        if block.kind == "break":
            text = re.sub(
                r"^\+[^+].*", lambda m: self._translated(m[0]), text, flags=re.M
            )
        names = re.findall(r"^(?:---|\+\+\+) [ab]/(\S+)", block.text, re.M)
        new = [name for name in names if not (self.folder / name).exists()]
        done = subprocess.run(
            ["git", "apply", "--whitespace=nowarn", *options, "-"],
            cwd=self.folder,
            env=self._env,
            input=text,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise Mismatch(block, block.text, done.stderr)
        for name in names:
            self._note_change(name, name in new)

    def _note_change(self, name, is_new=False):
        """Remember that the server and the shell run code that has changed since.

        A new module makes no server restart: runserver watches what it has imported.
        A browser asks for a script again by its time, in whole seconds (RFC 9110,
        8.8.2): two edits of a reader are never within the same one.
        """
        if name.endswith((".py", ".html")):
            self._stale |= not (is_new and name.endswith(".py"))
            self._close_shell()
        elif (self.folder / name).exists():
            self._edits += 1
            os.utime(self.folder / name, (time.time() + self._edits,) * 2)

    # Terminals

    async def _do_console(self, block):
        for command, expected in commands(block.text):
            if command:
                self._restart_what_is_stale()
            if command is None or command == "^C":
                self._expect(block, command, expected)
            elif command in SIGNALS:
                self._terminals[block.name].send(SIGNALS[command])
            elif command.startswith(KILL):
                self._kill(block, self._translated(command.removeprefix(KILL)))
            elif command.startswith("cd ") and "&&" not in command:
                self.folder = self.folder / command[3:]
            elif block.name:
                self._start(block, command, expected)
            else:
                typed, shown = self._translated(command), self._shown
                if command.startswith(BENCH):
                    typed, shown = in_a_small_room(typed, shown)
                run(block, typed, expected, self.folder, self._env, shown)
                if command.endswith("restart nginx"):
                    until(self._nginx_answers)

    def _nginx_answers(self):
        """Return whether NGINX does: supervisor says that it has started before."""
        with contextlib.suppress(OSError):
            address = "127.0.0.1", int(self._ports[HTTPS])
            return not socket.create_connection(address).close()

    def _expect(self, block, command, expected):
        """Compare what goes on in a terminal, after Ctrl-C if that is the command."""
        process = self._terminals[block.name]
        if command:
            self._look_for_untold_errors(block.name)
            process.unread.clear()
            process.interrupt()
        process.expect(block, expected, self._shown)

    def _start(self, block, command, expected):
        """Type a command that goes on, in the terminal that the block names."""
        if block.name in self._terminals:
            self._look_for_untold_errors(block.name)
            self._terminals.pop(block.name).end()
        typed = self._translated(command)
        if command.startswith(RUNSERVER):
            typed += "" if command != RUNSERVER else f" {self._ports['8000']}"
            typed += " --noreload"
        process = Process(typed, self.folder, self._env)
        self._terminals[block.name] = process
        process.expect(block, expected, self._shown, COMMAND_DEADLINE)
        if command.startswith(RUNSERVER):
            wait_until_it_answers(process.python, int(typed.split()[-2]))
            self._stale = False

    def _kill(self, block, words):
        """Kill what `pkill -9 -f` would: a process forked here has another name."""
        (words,) = shlex.split(words)
        killed = [n for n, p in self._terminals.items() if words in p.command]
        if not killed:
            raise Mismatch(block, f"a command with {words!r} in it", "none")
        for name in killed:
            process = self._terminals.pop(name)
            process.python.kill()
            process.end()

    def _restart_what_is_stale(self):
        """Do what runserver does by itself when a file was saved."""
        for name, process in self._terminals.items():
            if self._stale and "runserver" in process.command:
                self._look_for_untold_errors()
                process.end()
                again = Process(process.command, self.folder, self._env)
                self._terminals[name] = again
                again.wait_for_text(STARTED)
                if wait_until_it_answers(again.python, int(again.command.split()[-2])):
                    again.unread.clear()
        self._stale = False

    def _look_for_untold_errors(self, *names):
        """Fail if one of these terminals has shown an error that the page does not.

        Without names, look at all terminals. What repeats, like a heartbeat, may fail
        again after the page has shown it, there perhaps with an … in the line.
        """
        told = normal(self._page.read_text(encoding="utf-8"))
        shortened = [line for line in ERROR.findall(told) if "…" in line]
        for name in names or self._terminals:
            seen = normal(self._shown("".join(self._terminals[name].unread)))
            found = [line for line in ERROR.findall(seen) if line != GONE]
            untold = [
                line
                for line in found
                if line not in told and not any(same(row, line) for row in shortened)
            ]
            assert not untold, f"{self._page.name} does not show this:\n{seen}"

    async def _do_pycon(self, block):
        self._restart_what_is_stale()
        if self._shell is None:
            self._shell = Shell(self.folder, self._env)
        self._shell.type(block, self._translated, self._shown)

    def _close_shell(self):
        if self._shell:
            self._shell.end()
            self._shell = None

    # Browsers

    async def _do_browser(self, block):
        self._restart_what_is_stale()
        await self._theatre.play(block)

    async def _do_js(self, block):
        self._restart_what_is_stale()
        await self._theatre.type_in_console(block)

    # What is not for the reader to do

    async def _do_illustration(self, block):
        pass

    async def _do_mermaid(self, block):
        pass


def in_a_small_room(typed, shown):
    """Return a command with 20 members in place of 200, and its `shown`, reversed."""

    def as_with_200(text):
        text = re.sub(r"\b20 members", "200 members", shown(text))
        return re.sub(r"^     20  ", "    200  ", text, flags=re.M)

    return typed.replace("--members 200", "--members 20"), as_with_200


def commands(text):
    """Yield (what is typed, what is printed) from a console block.

    What is typed is a command, "^C", "^Z", or None where something is printed on its
    own.
    """
    typed, printed = None, []
    for line in [*text.splitlines(), None]:
        if line is None or line.startswith("$ ") or line in ("^C", "^Z"):
            if typed or printed:
                yield typed, "".join(f"{row}\n" for row in printed)
            typed, printed = line and line.removeprefix("$ "), []
        else:
            printed.append(line)
