"""Call git, which compares and merges files for the tool."""

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from .messages import TutorialError
from .steps import MADE_AT_THE_TOP, NOT_THE_PROJECT

# Files that collect in a folder: hidden files, bytecode, backups of editors.
NOISE = (*NOT_THE_PROJECT, ".*", "*.pyc", "*~", r"\#*#", "*.bak", "*.orig", "*.rej")
NOISE += tuple(f"/{name}/" for name in MADE_AT_THE_TOP)
# The reasons why it fails are found by English words.
IN_ENGLISH = {"LC_ALL": "C.UTF-8", "LANGUAGE": ""}
# Of git's variables, those that lead to no other repository and change no patch.
KEPT = ("EXEC_PATH", "PAGER", "CONFIG_GLOBAL", "CONFIG_NOSYSTEM", "CEILING_DIRECTORIES")
KEPT = {f"GIT_{name}" for name in KEPT}
CONFIG = "[core]\n autocrlf = input\n fileMode = false\n quotePath = false\n"


def git(*arguments, env, cwd=None, input=""):
    """Return what git prints, with `env` added to its environment.

    Raises TutorialError if git fails or is missing, or if there is no folder `cwd`.
    """
    given = {name for name in os.environ if not name.startswith("GIT_")} | KEPT
    own = {name: os.environ[name] for name in given & os.environ.keys()}
    options = {"env": own | IN_ENGLISH | env, "cwd": cwd}
    options["input"] = input.encode(errors="surrogateescape")
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, **options)
    except OSError as error:
        if not shutil.which("git"):
            raise TutorialError("git is missing: install it.")
        raise TutorialError(f"{cwd} cannot be read: {error.strerror}.")
    if done.returncode:
        said = done.stderr.decode(errors="surrogateescape")
        reasons = re.findall(r"^(?:fatal|error|warning): .+", said, re.MULTILINE)
        raise TutorialError(f"git says: {(reasons or said.splitlines())[-1]}")
    return done.stdout.decode(errors="surrogateescape")


def compare(old, new, *form):
    """Return what `git diff` prints for two folders, without noise and line endings.

    `form` are options of git. A function of Python begins where it is indented, too.
    """
    with tempfile.TemporaryDirectory() as repository:
        env = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
        env["GIT_DIR"] = repository
        git("init", "--quiet", "--template=", env=env)
        Path(repository, "config").write_text(CONFIG)
        Path(repository, "info").mkdir()
        Path(repository, "info/attributes").write_text("*.py diff=python\n")
        noise, trees = Path(repository, "noise"), []
        for folder in (old, new):
            env["GIT_INDEX_FILE"] = f"{repository}/index{len(trees)}"
            venvs = [f"/{file.parent.name}/" for file in folder.glob("*/pyvenv.cfg")]
            noise.write_text("\n".join([*NOISE, *venvs]), encoding="utf-8")
            files = "\0".join(files_of(folder, noise, env))
            add = ("update-index", "--add", "-z", "--stdin")
            git(*add, cwd=folder, env=env, input=files)
            trees.append(git("write-tree", env=env).strip())
        return git("diff", "--no-ext-diff", *form, *trees, env=env)


def files_of(folder, noise, env):
    """Yield the paths of all files in a folder without those that `noise` lists.

    Git itself does not look into a folder that is a repository of its own.
    """
    look = ("ls-files", "--others", f"--exclude-from={noise}", "-z")
    for name in git(*look, cwd=folder, env=env).split("\0")[:-1]:
        if name.endswith("/"):
            inside = files_of(folder / name, noise, env)
            yield from (name + each for each in inside)
        else:
            yield name
