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
        recording = asyncio.create_task(record(server.processes[0].pid, file, seconds))
        while not recording.done() and may_speak(room, load):
            await room.say()
        await recording


async def record(pid, file, seconds):
    """Watch a process for so many seconds, and write its flame graph as SVG.

    Raises TutorialError if py-spy is not there, or may not look into the process.
    """
    if not PY_SPY.exists():
        raise TutorialError("py-spy is not installed: run `make install`.")
    command = [PY_SPY, "record", "--pid", str(pid), "--output", file]
    command += ["--duration", str(round(seconds)), "--rate", str(RATE)]
    process = await asyncio.create_subprocess_exec(*command, stdout=PIPE, stderr=PIPE)
    _, said = await process.communicate()
    if process.returncode:
        reason = said.decode().strip().partition("\n")[0]
        raise TutorialError(
            f"py-spy cannot look into the server ({reason}): it may have to be run by "
            "root."
        )
