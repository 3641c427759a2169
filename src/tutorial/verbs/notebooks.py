"""Open the notebooks in JupyterLab, or run them without opening them."""

import asyncio
import contextlib
import importlib.util
import json
import os
import sys
import tempfile
from pathlib import Path

from ..shared.messages import TutorialError, say
from ..shared.ports import port_number, refuse_taken_port
from ..shared.processes import INTERRUPTED, process_group, stop_on_signal
from ..shared.steps import ROOT, plain_environment
from ..shared.valkey import redis_server

FOLDER = ROOT / "notebooks"
# Jupyter's jsonschema would spend two seconds on a grammar that no notebook needs.
sys.modules.setdefault("rfc3987_syntax", None)
LAB = "import tutorial.verbs.notebooks; from jupyterlab.labapp import main; main()"
# `make run` installs less than `make notebooks`: these may not be there.
NEEDED = ("jupyterlab", "nbclient", "matplotlib")
# JupyterLab would ask, over the first picture, whether to fetch its news. This is only
# a default: a choice of your own is kept. `LabApp.news_url=None` still lets it ask.
LAB_SETTINGS = {"@jupyterlab/apputils-extension:notification": {"fetchNews": "false"}}


def add_parser(subparsers):
    """Add `tutorial notebooks [NAME ...] [--check | --write] [--port PORT]`."""
    parser = subparsers.add_parser(
        "notebooks",
        help="open the notebooks in JupyterLab",
        epilog="Example: tutorial notebooks --check 02",
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="02; default: all")
    parser.add_argument("--port", type=port_number, help="of JupyterLab; default: 8888")
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument(
        "--check", action="store_true", help="run them and compare their output"
    )
    mode.add_argument(
        "--write", action="store_true", help="run them and save their output"
    )
    parser.set_defaults(call=notebooks)


def notebooks(args):
    """Do what the command line asks for, with a Redis; return the exit status."""
    if any(importlib.util.find_spec(module) is None for module in NEEDED):
        raise TutorialError("Jupyter is not installed: `make notebooks` installs it.")
    paths, opens = chosen(args.names), not (args.check or args.write)
    if opens and args.names and len(paths) > 1:
        raise TutorialError("one notebook can be opened at a time: name one.")
    if args.port:
        refuse_taken_port(args.port)
    with (
        stop_on_signal(),
        contextlib.suppress(asyncio.CancelledError),
        redis_server() as url,
        tempfile.TemporaryDirectory() as folder,
    ):
        env = plain_environment()
        env.pop("MPLBACKEND", None)  # Jupyter's own one shows the plots in the notebook
        env |= {"REDIS_URL": url, "JUPYTER_RUNTIME_DIR": folder}
        if opens:
            return open_lab(paths[0], env | settings_in(folder, env), args.port)
        from ..maintenance.notebook import run_all

        if run_all(paths, env | {"IPYTHONDIR": folder}, args.write):
            return 0
        raise TutorialError("fix the cells above, or run `tutorial notebooks --write`.")
    say("\nStopped.")
    return 0 if opens else INTERRUPTED


def chosen(names):
    """Return the paths of the notebooks that begin with `names`, or of all."""
    paths = sorted(FOLDER.glob("*.ipynb"))
    for name in names:
        if not name or not any(path.name.startswith(name) for path in paths):
            known = ", ".join(path.stem for path in paths)
            raise TutorialError(f"there is no notebook {name!r}; name one of {known}.")
    return [p for p in paths if not names or p.name.startswith(tuple(names))]


def settings_in(folder, env):
    """Write LAB_SETTINGS below `folder`; return what `env` needs to lead there."""
    file = Path(folder, "labconfig", "default_setting_overrides.json")
    file.parent.mkdir()
    file.write_text(json.dumps(LAB_SETTINGS), encoding="utf-8")
    paths = filter(None, (folder, env.get("JUPYTER_CONFIG_PATH")))
    return {"JUPYTER_CONFIG_PATH": os.pathsep.join(paths)}


def open_lab(first, env, port):
    """Run JupyterLab, with the notebook `first` open, until it ends; return 0."""
    command = [sys.executable, "-c", LAB, str(first), "--log-level=WARN"]
    command += [f"--ServerApp.root_dir={FOLDER}", "--allow-root"]
    # It would ask the network for newer versions and for extensions.
    command.append("--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate")
    command.append("--LabApp.extension_manager=readonly")
    command += [f"--port={port}"] if port else []
    with process_group(command, cwd=FOLDER, env=env) as server:
        if status := server.wait():
            raise TutorialError(f"JupyterLab ended with status {status}.")
    return 0
