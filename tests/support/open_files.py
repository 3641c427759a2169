"""How many files a program may open: a socket is one, too."""

import resource

from tutorial.shared.messages import TutorialError

OTHERS = 500  # that a program opens besides its sockets, at most


def allow_files(sockets):
    """Let this process, and what it starts, have so many sockets and some files.

    Raises TutorialError if the machine does not allow it.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    files = sockets + OTHERS
    if resource.RLIM_INFINITY != hard < files:
        raise TutorialError(
            f"{sockets} sockets need {files} open files, and {hard} are allowed: root "
            f"can allow more with `ulimit -n {files}`."
        )
    if resource.RLIM_INFINITY != soft < files:
        resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard))
