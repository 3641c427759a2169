"""NGINX for tests: the real one, on ports of the test's own."""

import os
import shutil
import sys
from pathlib import Path

import pytest

from . import warm

# Debian has it where only root looks for commands.
PLACES = f"{os.environ['PATH']}{os.pathsep}/usr/sbin"
# The ports that the chapters name, and that deploy/nginx.conf listens on: the last one
# since step 20.
HTTP, HTTPS, METRICS = "8080", "8443", "8081"
WRAPPER = """#!{python} -IS
import os, pathlib, re, sys
ports = {ports}
text = pathlib.Path("deploy/nginx.conf").read_text()
text = re.sub("|".join(ports), lambda port: ports[port[0]], text)
pathlib.Path("run/nginx.conf").write_text(text)
given = ["run/nginx.conf" if each == "deploy/nginx.conf" else each for each in sys.argv]
os.execv("{nginx}", given)
"""


def nginx():
    """Return the path of NGINX.

    Without one the test is skipped, or, with CI set, fails; both say how to get one.
    """
    path = shutil.which("nginx", path=PLACES)
    if not path:
        say = pytest.fail if os.environ.get("CI") else pytest.skip
        say("no NGINX: on Debian, apt install nginx")
    return path


def nginx_with_ports(folder, ports):
    """Make a command `nginx` in `folder`, a new folder; return the PATH that finds it.

    It is the real NGINX, but where a project's deploy/nginx.conf has a port of
    `ports`, {the chapters' port: the test's}, it listens on the test's. Beside it is a
    command `python`, a warm one: deploy/start and deploy/update run it several times.
    """
    real = nginx()
    folder.mkdir()
    command = Path(folder, "nginx")
    command.write_text(WRAPPER.format(python=sys.executable, ports=ports, nginx=real))
    command.chmod(0o755)
    Path(folder, "python").symlink_to(warm.executable())
    own = Path(sys.executable).parent
    return os.pathsep.join([str(folder), str(own), os.environ["PATH"]])
