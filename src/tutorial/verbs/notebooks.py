"""Open the notebooks in JupyterLab, or run them without a window."""

import asyncio
import importlib.util
import os
import sys
import tempfile

from ..shared.messages import TutorialError, say
from ..shared.ports import port_number, refuse_taken_port
from ..shared.processes import INTERRUPTED, on_signal, process_group, stop_on_signal
from ..shared.steps import ROOT
from ..shared.valkey import redis_server

FOLDER = ROOT / "notebooks"
# Jupyter's jsonschema would read a grammar for two seconds, which no notebook needs.
sys.modules.setdefault("rfc3987_syntax", None)
LAB = "import tutorial.verbs.notebooks; from jupyterlab.labapp import main; main()"
# `make run` installs less than `make notebooks`: these may not be there.
NEEDED = ("jupyterlab", "nbclient", "matplotlib")
# Seconds for a cell: of a quick run, whose longest cell needs 5, and of a full one.
QUICK_DEADLINE, DEADLINE = 30, 120
IN_THE_WAY = ("DJANGO_SETTINGS_MODULE", "MPLBACKEND")


def add_parser(subparsers):
    """Add `tutorial notebooks [NAME ...] [--check | --write] [--port PORT]`."""
    parser = subparsers.add_parser(
        "notebooks",
        help="open the notebooks in JupyterLab",
        description=__doc__,
        epilog="Example: tutorial notebooks --check 02",
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="02; else all of them")
    how = parser.add_mutually_exclusive_group()
    how.add_argument(
        "--check", action="store_true", help="run them; compare what they show"
    )
    how.add_argument(
        "--write", action="store_true", help="run them; write down what they show"
    )
    parser.add_argument("--port", type=port_number, help="of JupyterLab; default: 8888")
    parser.set_defaults(call=notebooks)


def notebooks(args):
    """Do what the command line says, with a Redis; return the exit status."""
    if any(importlib.util.find_spec(module) is None for module in NEEDED):
        raise TutorialError("Jupyter is not installed: `make notebooks` installs it.")
    paths = chosen(args.names)
    if args.port:
        refuse_taken_port(args.port)
    with (
        stop_on_signal(),
        redis_server(say, avoid=args.port) as url,
        tempfile.TemporaryDirectory() as folder,
    ):
        # Of its own, so that nothing is left there.
        env = os.environ | {"REDIS_URL": url, "JUPYTER_RUNTIME_DIR": folder}
        if args.check or args.write:
            return run_all(paths, env | {"IPYTHONDIR": folder}, args.write)
        open_lab(paths[0], env, args.port)
    say("\nStopped.")
    return INTERRUPTED if args.check or args.write else 0


def chosen(names):
    """Return the paths of the notebooks that begin with `names`, or of all."""
    paths = sorted(FOLDER.glob("*.ipynb"))
    if not paths:
        raise TutorialError(f"there is no notebook in {FOLDER}.")
    for name in names:
        if not name or not any(path.name.startswith(name) for path in paths):
            known = ", ".join(path.stem for path in paths)
            raise TutorialError(f"there is no notebook {name!r}; name one of {known}.")
    return [p for p in paths if not names or p.name.startswith(tuple(names))]


def run_all(paths, env, write):
    """Run the notebooks side by side and compare; return the exit status.

    With `write` they run at their full size, and the files are written anew.
    """
    from ..maintenance.notebook import run_file

    # What a person has set for other things would be in the way.
    env = {name: env[name] for name in env.keys() - {*IN_THE_WAY}}
    env["NOTEBOOKS"] = "" if write else "quick"
    deadline = DEADLINE if write else QUICK_DEADLINE

    async def all_at_once():
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        # Each client would take Ctrl-C for itself; all of them have to end.
        loop.add_signal_handler = lambda *_: None
        runs = (run_file(path, env, deadline, write) for path in paths)
        # Cancelled, not interrupted: what is half started could not be ended.
        with on_signal(lambda: loop.call_soon_threadsafe(task.cancel)):
            return await asyncio.gather(*runs, return_exceptions=True)

    try:
        right = asyncio.run(all_at_once())
    except asyncio.CancelledError:
        say("\nStopped.")
        return INTERRUPTED
    # Instead of True or False there may be an exception, which Python takes for true.
    if not all(each is True for each in right):
        advice = ", or write down what they show: tutorial notebooks --write"
        raise TutorialError(f"mend the cells above{'' if write else advice}")
    return 0


def open_lab(first, env, port):
    """Run JupyterLab, with the notebook `first` open, until a signal."""
    command = [sys.executable, "-c", LAB, str(first)]
    command += [f"--ServerApp.root_dir={FOLDER}", "--log-level=WARN"]
    # It would ask the network for newer versions and for extensions.
    command.append("--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate")
    command.append("--LabApp.extension_manager=readonly")
    if port:
        command.append(f"--port={port}")
    if hasattr(os, "geteuid") and os.geteuid() == 0:  # as in most containers
        command.append("--allow-root")
    with process_group(command, cwd=FOLDER, env=env) as server:
        status = server.wait()
    raise TutorialError(f"JupyterLab has ended, status {status}.")
