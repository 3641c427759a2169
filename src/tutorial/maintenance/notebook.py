"""A notebook: run it, compare two runs, write it in one form.

Imported late: nbclient is installed only where notebooks are used.
"""

import asyncio
import difflib
import json
import re
import subprocess

import nbformat
from jupyter_client import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError

from ..shared.messages import TutorialError, say
from ..shared.ports import free_port
from ..shared.processes import stop_on_signal
from .rules import normal

# Seconds for a cell: of a quick run, whose longest cell needs 16, and of a full one.
QUICK_DEADLINE, DEADLINE = 60, 120
# Seconds in which a kernel has to end.
PATIENCE = 60
# The ports at which a kernel listens.
PORTS = ("shell_port", "iopub_port", "stdin_port", "hb_port", "control_port")
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
METADATA = {"kernelspec": KERNEL, "language_info": {"name": "python"}}


def run_all(paths, env, write):
    """Run notebooks in parallel and print what is wrong; return whether all are right.

    With `write` they run at full size, and the files are rewritten. After a signal it
    raises CancelledError as soon as all kernels have ended.
    """
    env = env | {"NOTEBOOKS": "" if write else "quick"}

    async def run_side_by_side():
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        # An exception could be raised while a kernel is half started.
        with stop_on_signal(lambda *_: loop.call_soon_threadsafe(task.cancel)):
            async with asyncio.TaskGroup() as group:
                runs = [group.create_task(run_file(p, env, write)) for p in paths]
            return all([run.result() for run in runs])

    return asyncio.run(run_side_by_side())


async def run_file(path, env, write):
    """Run the notebook in `path` and print the result; return whether all is right."""
    try:
        before, now = (nbformat.read(path, as_version=4) for _ in range(2))
        await run(now, path.parent, env, DEADLINE if write else QUICK_DEADLINE)
        found = differences(before, now)
        # Output that varies is kept as it is, so that not every run changes the file.
        text = written(now if found else before)
        if write:
            path.write_text(text, encoding="utf-8")
        elif not found and path.read_text(encoding="utf-8") != text:
            found = ["the file is not as `tutorial notebooks --write` leaves it."]
    except TutorialError as error:
        found, write = [str(error)], False
    except Exception as error:  # a file may contain anything
        found, write = [f"this is not a notebook that can be run: {error!r}"], False
    for text in found or ["shows what it should."]:
        say(f"{path.name}: {text}")
    return write or not found


async def run(notebook, folder, env, deadline):
    """Run the cells of `notebook` in `folder`, and store their output in it.

    Raises TutorialError at the first cell that fails or takes longer than `deadline`
    seconds. The kernel has ended when this returns, or is cancelled.
    """
    kernel = AsyncKernelManager(
        kernel_name="python3",
        shutdown_wait_time=PATIENCE,
        # Those that Jupyter finds are free again until the kernel listens.
        cache_ports=False,
        **{name: free_port() for name in PORTS},
    )
    hangs = {"ename": "Hangs", "evalue": f"no end after {deadline} s", "traceback": []}
    client = NotebookClient(
        notebook,
        km=kernel,
        timeout=deadline,
        # The kernel goes on after that, so that it can clean up.
        interrupt_on_timeout=True,
        error_on_timeout=hangs,
        coalesce_streams=True,
    )
    index = None
    options = {"cwd": str(folder), "env": env, "stderr": subprocess.DEVNULL}
    try:
        await to_its_end(kernel.start_kernel(**options))
        await client.async_start_new_kernel_client()
        for index, cell in enumerate(notebook.cells):
            await client.async_execute_cell(cell, index)
    except DeadKernelError:
        if asyncio.current_task().cancelling():
            raise asyncio.CancelledError
        raise TutorialError(f"{title(notebook, index)!r} ends the kernel.")
    except CellExecutionError as error:
        reason = f"{error.ename}: {error.evalue}".splitlines()[0]
        raise TutorialError(f"{title(notebook, index)!r} fails: {reason}")
    finally:
        # Before the first cell it may not listen yet, and it has nothing to clean up.
        await to_its_end(kernel.shutdown_kernel(now=index is None))
        if client.kc:
            client.kc.stop_channels()


async def to_its_end(coroutine):
    """Await `coroutine` to its end, even if the task is cancelled meanwhile."""
    task = asyncio.ensure_future(coroutine)
    try:
        await asyncio.shield(task)
    finally:
        await task


def title(notebook, index):
    """Return the last heading above the cell with this index."""
    above = notebook.cells[:index]
    text = "\n".join(cell.source for cell in above if cell.cell_type == "markdown")
    return (re.findall(r"^#+ (.+)", text, re.MULTILINE) or ["the first cell"])[-1]


def written(notebook):
    """Return the text of the file, without what a run or an editor adds to it."""
    # https://nbformat.readthedocs.io/en/latest/format_description.html
    form = {"nbformat": 4, "nbformat_minor": 4, "metadata": METADATA}
    plain = nbformat.from_dict({**form, "cells": notebook.cells})
    for cell in plain.cells:
        cell.pop("id", None)
        cell.source = cell.source.strip("\n")
        for part in [cell, *cell.get("outputs", [])]:
            if "metadata" in part:
                tags = part.metadata.get("tags")
                part.metadata = {"tags": tags} if tags else {}
            if "execution_count" in part:
                part.execution_count = None
    return nbformat.writes(plain) + "\n"


def differences(before, now):
    """Return a text, with the title, for each cell whose output has changed."""
    found = []
    for index, sides in enumerate(zip(shown(before), shown(now), strict=True)):
        diff = difflib.unified_diff(*sides, "in the file", "seen now", n=1, lineterm="")
        if lines := list(diff):
            name = title(now, index)
            found.append("\n".join([f"{name!r} shows something else:", *lines]))
    return found


def shown(notebook):
    """Yield the output of each cell, as lines of JSON, without what varies."""
    for cell in json.loads(written(notebook))["cells"]:
        outputs = cell.get("outputs", [])
        for output in (output for output in outputs if "text" in output):
            output["text"] = normal("".join(output["text"])).splitlines(keepends=True)
        text = normal(json.dumps(outputs, indent=1, ensure_ascii=False))
        text = re.sub(r'("image/.+?": ).+', r"\1", text)
        if "varies" in cell["metadata"].get("tags", []):
            text = re.sub(r"\d+([.,]\d+)*", "#", text)
        yield text.splitlines()
