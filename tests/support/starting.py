"""Wait for what a server prints when it has started, and read what it prints later."""

import threading


def wait_for_line(process, text):
    """Return when `process` prints a line with `text` on stderr; fail if it ends.

    The rest is read by a thread: a server that prints into a full pipe stands still.
    """
    said = []
    for line in process.stderr:
        said.append(line)
        if text in line:
            rest = threading.Thread(target=_read_to_the_end, args=[process.stderr])
            rest.daemon = True
            rest.start()
            return
    process.stderr.close()
    raise AssertionError("".join(said))


def _read_to_the_end(file):
    with file:
        for _ in file:
            pass
