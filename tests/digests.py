"""What decides whether a part of the tests passes: files, packages and the Python.

As long as its digest is the same, a part that has passed would pass again.
"""

import contextlib
import hashlib
import os
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
    "browser": {"browser"},
    "live": {"servers", "browser", "spec"},
    "mutants": {"mutants", "servers", "browser", "spec"},
    "chapter": {"chapters", "spec", "bench", "measure"},
    "stage": {"stage"},
    "notebooks": {"notebooks"},
}
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
        installed = Path(sysconfig.get_path("purelib")).stat().st_mtime_ns
        self.python, self.files = f"{sys.version} {installed}", {}
        for name in sorted(names):
            with contextlib.suppress(OSError):  # it has been deleted
                content = hashlib.sha256((ROOT / name).read_bytes()).hexdigest()
                self.files[name] = f"{content} {os.access(ROOT / name, os.X_OK)}"

    def of(self, kind, step, arguments):
        """Return the digest of a part: some arguments, and a step or None.

        Empty if it is not known which files there are.
        """
        files = [item for item in self.files.items() if decides(item[0], kind, step)]
        text = f"{self.python} {arguments} {files}"
        return hashlib.sha256(text.encode()).hexdigest() if files else ""


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
    """From now on, a test that reads a file that its digest leaves out fails."""

    def hook(event, arguments):
        if event == "open" and isinstance(arguments[0], str):
            name = os.path.relpath(arguments[0], ROOT)
            is_own = not name.startswith("..") and "__pycache__" not in name
            assert not is_own or decides(name, kind, step), f"{kind} reads {name}"

    sys.addaudithook(hook)
