"""What decides whether a part of the tests passes: files, packages and the Python.

As long as its digest is the same, a part that has passed would pass again.
"""

import contextlib
import glob
import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from tutorial.shared.steps import ROOT, all_steps

# The folders of tests that each kind of tests uses, beside `support`. What is not here
# uses all of them.
USES = {
    "spec": {"spec"},
    "servers": {"servers", "spec"},
    "brokers": {"servers", "spec"},
    "database": {"servers", "spec"},
    "update": {"servers", "spec"},
    "browser": {"browser"},
    "live": {"servers", "browser", "spec"},
    "mutants": {"mutants", "servers", "browser", "spec"},
    "chapter": {"chapters", "spec", "bench", "measure"},
    "stage": {"stage"},
    "notebooks": {"notebooks"},
}
# What the tests load into pages, beside the packages.
FROM_NPM = ("axe.min.js", "mermaid.min.js")
# Programs that the tests and the tool start, beside those that `support` looks for.
PROGRAMS = ("curl", "git", "make", "node", "openssl", "prometheus")
# These read no text but chapters: no TROUBLESHOOTING.md, and nothing in docs.
READ_NO_TEXT = {*USES} - {"chapter", "stage"}
# These read no chapters of other steps, except those with which a test compares.
READ_NO_CHAPTER = READ_NO_TEXT - {"notebooks"}
COMPARED = {"20"}


class Digests:
    """The digest of each file of the repository; none if no git tells their names."""

    def __init__(self):
        command = ["git", "ls-files", "-zco", "--exclude-standard"]
        listed = subprocess.run(command, cwd=ROOT, capture_output=True)
        names = [] if listed.returncode else listed.stdout.decode().split("\0")[:-1]
        self.python, self.files = f"{sys.version} {installed()}", {}
        for name in sorted(names):
            with contextlib.suppress(OSError):  # it has been deleted
                executable = os.access(ROOT / name, os.X_OK)
                self.files[name] = f"{digest(ROOT / name)} {executable}"

    def of(self, kind, step, arguments):
        """Return the digest of a part: some arguments, and a step or None.

        Empty if it is not known which files there are.
        """
        files = [item for item in self.files.items() if decides(item[0], kind, step)]
        text = f"{self.python} {arguments} {files}"
        return hashlib.sha256(text.encode()).hexdigest() if files else ""


def installed():
    """Return what changes with the packages, programs and scripts of this machine."""
    # Not at the top: each process of the tests would import Playwright for it.
    from tests.support import browser, nginx, postgresql, rabbitmq, redis_tls

    names = (*PROGRAMS, *browser.BROWSERS, "nginx", redis_tls.PROGRAM)
    found = [shutil.which(name, path=nginx.PLACES) for name in names]
    paths = [sysconfig.get_path("purelib"), *filter(None, found)]
    paths += sorted(glob.glob(f"{postgresql.FOLDERS}/postgres"))
    paths += sorted(glob.glob(rabbitmq.PROGRAM))
    scripts = [Path(sys.prefix, name) for name in FROM_NPM]
    contents = [digest(script) for script in scripts if script.exists()]
    return [(path, os.stat(path).st_mtime_ns) for path in paths], contents


def digest(path):
    """Return the SHA-256 of a file's contents."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def decides(name, kind, step):
    """Return whether the file of this name decides whether tests of a kind pass.

    At a step, no later one does; and what the spec can do needs no earlier one.
    """
    *folders, file = name.split("/")
    if folders[:1] == ["steps"] and folders[1:]:
        number = folders[1][:2]
        if not step or number == step.number:
            return True
        if file == "README.md" and kind in READ_NO_CHAPTER and number not in COMPARED:
            return False
        is_first = number == all_steps()[0].number
        return is_first or (number < step.number and kind != "spec")
    if folders[:1] == ["tests"] and folders[1:] and kind in USES:
        return folders[1] in USES[kind] | {"support"}
    is_text = folders[:1] == ["docs"] or (not folders and file.endswith(".md"))
    if is_text or folders[:1] == ["notebooks"]:
        return kind not in READ_NO_TEXT or folders[:1] == [kind]
    return True


def allow_only(kind, step):
    """From now on, a test that reads a file that its digest leaves out fails.

    To read its bytecode is the same.
    """

    def hook(event, arguments):
        if event == "open" and isinstance(arguments[0], str):
            name = os.path.relpath(source_of(arguments[0]), ROOT)
            is_own = not name.startswith("..")
            assert not is_own or decides(name, kind, step), f"{kind} reads {name}"

    sys.addaudithook(hook)


def source_of(path):
    """Return the path of the Python file of which this is the bytecode, else `path`.

    It knows pytest's own bytecode, too, of which importlib knows nothing.
    """
    folder, file = os.path.split(path)
    above, name = os.path.split(folder)
    if name != "__pycache__":
        return path
    return os.path.join(above, f"{file.partition('.')[0]}.py")
