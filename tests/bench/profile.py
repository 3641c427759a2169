"""What a server spends its time on: a flame graph, drawn by py-spy.

py-spy looks at all threads of the running process 200 times a second, and counts which
functions are under way (https://github.com/benfred/py-spy). Threads that wait do not
count.
"""

import asyncio
import sys
from asyncio.subprocess import PIPE
from itertools import islice
from pathlib import Path

from tutorial.shared.messages import TutorialError

from .measures import crowd, may_speak
from .targets import Load, running

PY_SPY = Path(sys.executable).with_name("py-spy")
RATE = 200  # a second


async def profile(name, redis_url, members, seconds, file):
    """Write into `file`, an SVG, what a target does while messages are sent.

    Raises TutorialError if the profiler may not look into the server.
    """
    load = Load(members)
    with running(name, redis_url, load) as server, crowd(server) as room:
        await room.enter(islice(server.seats(server.cookies), members))
        await room.say()  # all that came before has been handled
        py_spy = await start(server.processes[0].pid, file, seconds)
        recording = asyncio.create_task(py_spy.communicate())
        while not recording.done() and may_speak(room, load):
            await room.say()
        _, said = await recording
        if py_spy.returncode:
            reason = said.decode().strip().partition("\n")[0]
            raise TutorialError(
                f"py-spy cannot look into the server ({reason}): it may have to be run "
                "by root."
            )


async def start(pid, file, seconds):
    """Return py-spy's process: it watches a process for so many seconds from now on.

    Its flame graph is in `file` in the end, as SVG. Raises TutorialError if py-spy is
    not there.
    """
    if not PY_SPY.exists():
        raise TutorialError("py-spy is not installed: run `make install`.")
    command = [PY_SPY, "record", "--pid", str(pid), "--output", file]
    command += ["--duration", str(round(seconds)), "--rate", str(RATE)]
    process = await asyncio.create_subprocess_exec(*command, stdout=PIPE, stderr=PIPE)
    # "Sampling process ...", or nothing if it has ended.
    await process.stdout.readline()
    return process
