"""Run the quick spec of every step on the Pythons and versions that readers have.

`python -m tests.pythons` takes each supported Python that this machine has, with the
pinned requirements. Then the newest one with the newest versions within the bounds of
pyproject.toml, which is what a reader's own `pip install` brings, and the oldest one
with the oldest versions.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tutorial.shared.steps import ROOT, all_steps

SUPPORTED = ("3.11", "3.12", "3.13", "3.14")
UV = [Path(sys.prefix, "bin/uv"), "--quiet"]
# What the spec itself needs; the versions are those that the tests have.
TESTS = ["pytest", "pytest-asyncio"]
# Specs, of which each waits now and then.
AT_ONCE = (os.cpu_count() or 1) + 1
SHOWN = ("django", "channels", "daphne", "redis")


def pythons():
    """Return {version: command} of the supported Pythons that start."""
    found = {}
    for version in SUPPORTED:
        own = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python"))
        for command in (shutil.which(f"python{version}"), *map(str, own)):
            if command and version not in found and starts(command, version):
                found[version] = command
    return found


def starts(command, version):
    """Return whether this command starts a Python of this version."""
    source = "import sys, venv; print(*sys.version_info[:2], sep='.')"
    done = subprocess.run([command, "-c", source], capture_output=True, text=True)
    return done.stdout.strip() == version


def bounds():
    """Return the direct dependencies of pyproject.toml, with their bounds."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return project["project"]["dependencies"]


def make(folder, python, *installs):
    """Make an environment of `python`, and install into it; return its Python."""
    env = os.environ | {"UV_PYTHON_DOWNLOADS": "never"}
    subprocess.run([*UV, "venv", "--python", python, folder], env=env, check=True)
    for what in installs:
        install = [*UV, "pip", "install", "--python", folder, *what]
        subprocess.run(install, env=env, cwd=ROOT, check=True)
    return folder / "bin/python"


def versions(python):
    """Return in words which versions an environment has."""
    listed = subprocess.check_output([*UV, "pip", "freeze", "--python", python])
    pins = dict(re.findall(r"^([\w-]+)==(\S+)", listed.decode(), re.MULTILINE))
    return ", ".join(f"{name} {pins[name]}" for name in SHOWN)


def run_spec(python, step):
    """Run the quick spec of a step; return the exit status and what was printed."""
    command = [python, "-m", "pytest", "-q", "--step", step.number, "tests/spec"]
    env = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def try_it(name, python, *installs):
    """Run all specs in an environment of their own; print and return what failed."""
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(AT_ONCE) as pool:
        own = make(Path(folder, "venv"), python, *installs)
        # The last step takes longest, so it begins first.
        runs = list(pool.map(lambda step: run_spec(own, step), all_steps()[::-1]))
        print(f"{name}: {versions(own)}", flush=True)
    failed = [said for status, said in runs if status]
    passed = sum(int(n) for _, said in runs for n in re.findall(r"(\d+) passed", said))
    print(*failed, f"{passed} passed, {len(failed)} failed", sep="\n", flush=True)
    return failed


def main():
    found = pythons()
    if not found:
        print(f"No Python of {', '.join(SUPPORTED)} is here.", file=sys.stderr)
        return 2
    pinned = ["--require-hashes", "--requirement", "requirements-dev.txt"]
    failed = [try_it(f"Python {v}", found[v], pinned) for v in found]
    newest, oldest = list(found)[-1], next(iter(found))
    failed.append(try_it(f"Python {newest}, newest", found[newest], bounds(), TESTS))
    low = ["--resolution", "lowest-direct", *bounds()]
    failed.append(try_it(f"Python {oldest}, oldest", found[oldest], low, TESTS))
    return int(any(failed))


if __name__ == "__main__":
    sys.exit(main())
