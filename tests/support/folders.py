"""Folders as data: a copy of one, and what is in one."""

import shutil

from tutorial.shared.steps import LEFT_BY_RUNNING, MADE_AT_THE_TOP, ignoring


def copy_folder(source, target):
    """Copy a folder, without what running its project has left; return `target`.

    `target` must not exist.
    """
    ignore = ignoring(source, *LEFT_BY_RUNNING)
    return shutil.copytree(source, target, ignore=ignore)


def contents(folder):
    """Return {path below `folder`: bytes}, without what running has left."""
    files = (file.relative_to(folder) for file in folder.rglob("*") if file.is_file())
    return {
        file.as_posix(): (folder / file).read_bytes()
        for file in files
        if not {*LEFT_BY_RUNNING} & {*file.parts}
        and file.parts[0] not in MADE_AT_THE_TOP
    }
