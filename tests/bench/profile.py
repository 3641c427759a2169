"""What a server spends its time on: a flame graph, drawn by py-spy.

py-spy looks at all threads of the running process 200 times a second, and counts which
functions are under way (https://github.com/benfred/py-spy). Threads that wait do not
count.
"""

import asyncio
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

from tutorial.shared.messages import TutorialError

PY_SPY = Path(sys.executable).with_name("py-spy")
RATE = 200  # a second


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
