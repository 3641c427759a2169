"""Run a step as on a server: NGINX, HTTPS and several servers, until Ctrl-C."""

import contextlib
import os
import re
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

from ..shared.database import prepare
from ..shared.messages import TutorialError, say
from ..shared.ports import any_certificate, refuse_taken_port
from ..shared.processes import SUPERVISED, printer, process_group, stop_on_signal
from ..shared.steps import all_steps, find_step, plain_environment
from ..shared.valkey import redis_server

DEPLOY = "deploy/nginx.conf"
NGINX_RUNS = "run/nginx.pid"  # is there while NGINX listens on all its ports
WELCOME = """
{step.name} is running: open https://localhost:{port}/ in a browser.
The browser warns you, because the certificate is self-signed. Accept it.
Sign in as alice, bob, carol or teacher; the password is: demo
Stop with Ctrl-C.
"""


def add_parser(subparsers):
    """Add `tutorial deploy [STEP]`."""
    parser = subparsers.add_parser(
        "deploy", help="run a step as on a server", epilog="Example: tutorial deploy 17"
    )
    parser.add_argument("step", nargs="?", help="17 or a later one; default: the last")
    parser.set_defaults(call=lambda args: deploy(args.step))


def deploy(name):
    """Run the script deploy/start of the step called `name` until a signal; return 0.

    Everything that was started has ended when this returns or raises TutorialError.
    """
    step = find_step(name) if name else all_steps()[-1]
    ports = ports_of(step)
    env = environment()
    refuse_taken_ports(ports)
    with stop_on_signal(), contextlib.ExitStack() as stack:
        prepare(step)
        env["REDIS_URL"] = stack.enter_context(redis_server())
        output = stack.enter_context(printer())
        options = {"cwd": step.path, "env": env, "stdout": output, "stderr": output}
        group = process_group(["deploy/start"], SUPERVISED, **options)
        server = stack.enter_context(group)
        if wait_until_it_is_healthy(server, ports[-1]):
            if not (step.path / NGINX_RUNS).exists():  # another site has answered
                refuse_taken_ports(ports)
            say(WELCOME.format(step=step, port=ports[-1]))
        raise TutorialError(f"{step.name} ended with status {server.wait()}.")
    say("\nStopped.")
    return 0


def ports_of(step):
    """Return the ports on which NGINX listens, that of HTTPS last."""
    settings = step.path / DEPLOY
    if not settings.exists():
        others = [each.name for each in all_steps() if (each.path / DEPLOY).exists()]
        raise TutorialError(
            f"{step.name} has no {DEPLOY}, so it cannot be deployed; choose one of "
            f"{', '.join(others)}."
        )
    text = settings.read_text(encoding="utf-8")
    found = re.findall(r"listen 127\.0\.0\.1:(\d+)( ssl)?;", text)
    return [int(port) for port, _ in sorted(found, key=lambda each: each[1])]


def refuse_taken_ports(ports):
    """Raise TutorialError if NGINX cannot listen on one of the ports."""
    for port in ports:
        refuse_taken_port(port, example=f"listen 127.0.0.1:{{}} in {DEPLOY}")


def wait_until_it_is_healthy(server, port):
    """Return True as soon as the health page says so, False if `server` ends before."""
    url = f"https://localhost:{port}/health/"
    https = urllib.request.HTTPSHandler(context=any_certificate())
    # A proxy in the environment could not reach this machine.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), https)
    while server.poll() is None:
        try:
            opener.open(url, timeout=2).close()
            return True
        except urllib.error.HTTPError as error:  # such as 502
            error.close()
        except OSError:
            pass  # nobody listens there yet
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(timeout=0.2)
    return False


def environment():
    """Return variables with a PATH that has all that deploy/start calls."""
    # Debian has NGINX where only root looks for commands.
    own, others = Path(sys.executable).parent, os.environ.get("PATH", os.defpath)
    path = os.pathsep.join([str(own), others, "/usr/sbin"])
    for command in ("nginx", "openssl", "curl"):
        if not shutil.which(command, path=path):
            raise TutorialError(
                f"{command} is missing: install it, on Debian with apt install "
                f"{command}, and try again."
            )
    return plain_environment() | {"PATH": path}
