"""A notebook: run it, compare two runs, write it in one form.

Imported late: where notebooks are not asked for nbclient is not installed.
"""

import asyncio
import difflib
import re
import subprocess
import uuid

import nbformat
from jupyter_client import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError

from ..shared.messages import say
from .rules import normal

# Cells with this tag show figures that are others at each run, and in a quick one.
VARIES = "varies"
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


class NotebookFailed(Exception):
    """Which cell of a notebook fails, and why."""


def read(path):
    """Return the notebook in the file `path`; raise ValueError if it holds none."""
    return nbformat.read(path, as_version=4)


async def run_file(path, env, deadline, write):
    """Run the notebook in `path`, say what came of it; return whether all is right.

    With `write` the file is written anew, and all is right if no cell fails.
    """
    try:
        before, now = read(path), read(path)
        await run(now, path.parent, env, deadline)
        troubles = differences(before, now)
        # What varies stays as it was written first: not every run changes the file.
        text = written(now if troubles else before)
        if write:
            path.write_text(text, encoding="utf-8")
        elif not troubles and path.read_text(encoding="utf-8") != text:
            troubles = ["is not as `tutorial notebooks --write` leaves it."]
    except NotebookFailed as error:
        say(f"{path.name}: {error}")
        return False
    except Exception as error:  # whatever else may be in such a file
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        say(f"{path.name}: it is no notebook that can be run: {reason}")
        return False
    for trouble in troubles or ["shows what it should."]:
        say(f"{path.name}: {trouble}")
    return write or not troubles


def written(notebook):
    """Return the text of the file: what a run or an editor adds by itself is left out.

    The form is described at https://nbformat.readthedocs.io/en/latest/format_description.html
    """
    cells = [canonical(cell) for cell in notebook.cells]
    plain = nbformat.from_dict(
        {"nbformat": 4, "nbformat_minor": 4, "metadata": METADATA, "cells": cells}
    )
    return nbformat.writes(plain) + "\n"


def canonical(cell):
    """Return `cell` without its id, its number, and all metadata but tags."""
    tags = cell.metadata.get("tags")
    plain = {
        "cell_type": cell.cell_type,
        "metadata": {"tags": tags} if tags else {},
        "source": cell.source.strip("\n"),
    }
    if "attachments" in cell:  # pasted pictures
        plain["attachments"] = cell.attachments
    if cell.cell_type == "code":
        plain |= {"execution_count": None, "outputs": list(map(bare, cell.outputs))}
    return plain


def bare(output):
    """Return `output` without its number and metadata."""
    numberless = {"execution_count": None} if "execution_count" in output else {}
    return output | ({"metadata": {}} if "metadata" in output else {}) | numberless


async def run(notebook, folder, env, deadline):
    """Run the cells of `notebook` in `folder`, and put into it what they show.

    Raises NotebookFailed at the first cell that fails or takes longer than `deadline`
    seconds. The kernel has ended when this returns, or is cancelled.
    """
    place = []
    # At its end a kernel stops servers; on a busy machine that takes long.
    kernel = AsyncKernelManager(
        kernel_name="python3",
        connection_file=f"{env['JUPYTER_RUNTIME_DIR']}/{uuid.uuid4()}.json",
        shutdown_wait_time=deadline,
    )
    client = NotebookClient(
        notebook,
        km=kernel,
        timeout=deadline,
        # The kernel goes on after that, so that it can clean up.
        interrupt_on_timeout=True,
        error_on_timeout={
            "ename": "Hangs",
            "evalue": f"no end after {deadline} s",
            "traceback": [],
        },
        coalesce_streams=True,
        skip_cells_with_tag="",
        on_cell_start=lambda cell, cell_index: place.append(cell_index),
    )
    options = {"cwd": str(folder), "env": env, "stderr": subprocess.DEVNULL}
    try:
        await to_its_end(kernel.start_kernel(**options))
        await client.async_execute()
    except DeadKernelError:
        if await kernel.is_alive():  # which is how the client says: cancelled
            raise asyncio.CancelledError
        name = title(notebook, max(place, default=0))
        raise NotebookFailed(f"{name!r} ends the kernel.")
    except CellExecutionError as error:
        reason = f"{error.ename}: {error.evalue}".splitlines()[0]
        raise NotebookFailed(f"{title(notebook, max(place))!r} fails: {reason}")
    finally:
        # Before the first cell there is nothing to clean up, and nobody listens yet.
        await to_its_end(kernel.shutdown_kernel(now=not place))
        if client.kc:
            client.kc.stop_channels()


async def to_its_end(coroutine):
    """Await `coroutine` to its end, also if the task is cancelled meanwhile."""
    task = asyncio.ensure_future(coroutine)
    try:
        await asyncio.shield(task)
    finally:
        await task


def title(notebook, index):
    """Return the last heading above the cell with this index."""
    above = notebook.cells[:index]
    text = "\n".join(each.source for each in above if each.cell_type == "markdown")
    return (re.findall(r"^#+ (.+)", text, re.MULTILINE) or ["the first cell"])[-1]


def differences(before, now):
    """Return a text for each cell that shows something else now, with its title."""
    found = []
    for index, cell in enumerate(now.cells):
        old = before.cells[index]
        if cell.cell_type == "code" and shown(old) != shown(cell):
            diff = difflib.unified_diff(
                shown(old), shown(cell), "in the file", "seen now", n=1, lineterm=""
            )
            name = title(now, index)
            found.append("\n".join([f"{name!r} shows something else:", *diff]))
    return found


def shown(cell):
    """Return the lines that a person sees below `cell`, without what varies."""
    lines = []
    for output in cell.outputs:
        if output.output_type == "stream":
            lines += output.text.splitlines()
        elif output.output_type == "error":
            lines.append(f"{output.ename}: {output.evalue}")
        for kind, text in sorted(output.get("data", {}).items()):
            lines.append(f"{kind}:")
            lines += [] if kind.startswith("image/") else str(text).splitlines()
    lines = normal("\n".join(lines)).splitlines()
    if VARIES in cell.metadata.get("tags", []):
        lines = [re.sub(r"\d+([.,]\d+)*", "#", line) for line in lines]
    return lines
