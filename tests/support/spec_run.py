"""Run the spec on a copy of a step, in a process of its own."""

import os

from tutorial.shared.steps import ROOT, all_steps

from . import warm


def run_spec(step, project, *arguments, timeout=1000, **environment):
    """Run pytest with `arguments` on the folder `project` at `step`.

    Return its exit status and all that it has printed. It is killed after `timeout`
    seconds, when it must be hanging.
    """
    settings = ["-c", ROOT / "pyproject.toml", "--assert=plain"]
    arguments = [*settings, "--step", step.number, f"--project={project}", *arguments]
    command = ["-m", "pytest", *map(str, arguments)]
    return warm.run(command, ROOT, os.environ | environment, timeout)


def spec_at_first(step, *names):
    """Return the paths of the spec's files: all at the last step, else those named.

    What a step runs on, a database for example, is tested with what depends on it most
    when it comes, and with everything at the end.
    """
    folder = ROOT / "tests/spec"
    is_last = step == all_steps()[-1]
    return [folder] if is_last else [folder / f"test_{name}.py" for name in names]


class WarmRun:
    """A warm run of the spec, in place of the new Python of `tutorial check`."""

    def __init__(self, command, cwd, env, stderr):
        self._arguments = command[1:], cwd, env

    def wait(self):
        status, said = warm.run(*self._arguments)
        print(said, end="")
        return status
