"""A notebook: run it, compare two runs, write it in one form.

Imported late: where notebooks are not asked for nbclient is not installed.
"""

import difflib
import re

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError

from .rules import normal

# Cells with this tag show figures that are others at each run, and in a quick one.
VARIES = "varies"
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


class NotebookFailed(Exception):
    """What is wrong with a notebook, or which of its cells fails, and why."""


def read(path):
    """Return the notebook in the file `path`; raise NotebookFailed if it holds none."""
    try:
        return nbformat.read(path, as_version=4)
    except (ValueError, nbformat.ValidationError) as error:
        reason = str(error).splitlines()[0]
        raise NotebookFailed(f"it is no notebook: {reason}")


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
    seconds. The kernel has ended when this returns.
    """
    place = []
    client = NotebookClient(
        notebook,
        timeout=deadline,
        # The kernel goes on after that, so that it can clean up.
        interrupt_on_timeout=True,
        error_on_timeout={
            "ename": "Hangs",
            "evalue": f"no end after {deadline} s",
            "traceback": [],
        },
        coalesce_streams=True,
        on_cell_start=lambda cell, cell_index: place.append(cell_index),
        # Not its word about encryption on each start: it talks to this machine alone.
        extra_arguments=["--log-level=ERROR"],
        resources={"metadata": {"path": str(folder)}},
    )
    # At its end a kernel stops servers; on a busy machine that takes long.
    client.create_kernel_manager().shutdown_wait_time = deadline
    try:
        await client.async_execute(env=env)
    except DeadKernelError:
        raise NotebookFailed(f"{title(notebook, place[-1])!r} ends the kernel.")
    except CellExecutionError as error:
        name = title(notebook, place[-1])
        raise NotebookFailed(f"{name!r} fails: {error.ename}: {error.evalue}")


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
            continue
        for kind, text in sorted(output.get("data", {}).items()):
            lines.append(f"{kind}:")
            lines += [] if kind.startswith("image/") else text.splitlines()
    lines = normal("\n".join(lines)).splitlines()
    if VARIES in cell.metadata.get("tags", []):
        lines = [re.sub(r"\d+([.,]\d+)*", "#", line) for line in lines]
    return lines
