"""Run in the place of `python`, by `warm.executable`: a warm Python does the work.

It is asked for one process, as in `tests.support.forks`, with the files, the folder and
the environment of this one. This one passes SIGTERM on, and ends when the other has
ended. It imports little, and starts in 20 ms.
"""

import contextlib
import json
import os
import signal
import socket
import sys

FILES = 0, 1, 2


def main():
    server = socket.socket(socket.AF_UNIX)
    server.connect(os.environ["WARM_PYTHON"])
    socket.send_fds(server, [b" "], FILES)
    request = json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ)])
    server.sendall(f"{request}\n".encode())
    for file in FILES:
        os.close(file)
    answers = server.makefile()
    pid = int(answers.readline())

    def pass_on(number, _):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, number)

    signal.signal(signal.SIGTERM, pass_on)
    status, _ = json.loads(answers.readline() or f"[-{signal.SIGKILL}, 0]")
    os._exit(status & 0xFF)


if __name__ == "__main__":
    main()
