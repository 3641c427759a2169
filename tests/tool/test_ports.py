"""Free ports: reserved for one process, whose servers can listen there all the same."""

import asyncio
import contextlib
import errno
import socket
import struct
import subprocess
import sys

import pytest

from tests.support import warm
from tests.support.deadline import DEADLINE, until
from tests.support.valkey import valkey
from tutorial.__main__ import main
from tutorial.shared.ports import HOST, free_port, wait_until_it_answers
from tutorial.shared.processes import end_group
from tutorial.shared.steps import ROOT
from tutorial.verbs import stage

linux = pytest.mark.skipif(sys.platform != "linux", reason="Linux reserves ports")
# linux/in.h, since Linux 6.3: the ports from which the kernel chooses for a socket.
IP_LOCAL_PORT_RANGE = 51

# Asks for 300 ports in each of two processes, keeps them until its input ends.
ASK = """
import os, sys
from tutorial.shared.ports import free_port
here, there = os.pipe()
if os.fork() == 0:
    os.write(there, " ".join(str(free_port()) for _ in range(300)).encode())
    os.close(there)
    sys.stdin.read()
    os._exit(0)
os.close(there)
own = " ".join(str(free_port()) for _ in range(300))
with os.fdopen(here) as file:
    print(own, file.read(), flush=True)
sys.stdin.read()
os.wait()
"""
ASK_ONCE = """
import sys
from tutorial.shared.ports import free_port
print(free_port(), flush=True)
sys.stdin.read()
"""


@contextlib.contextmanager
def another_process(program):
    """Run a program of Python; yield the numbers in the line that it prints."""
    with subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=ROOT / "src",
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield [int(number) for number in process.stdout.readline().split()]


async def test_asyncio_can_listen_on_a_free_port():
    port = free_port()
    server = await asyncio.start_server(lambda _, writer: writer.close(), HOST, port)
    reader, writer = await asyncio.open_connection(HOST, port)
    assert await reader.read() == b""
    writer.close()
    server.close()
    await server.wait_closed()


def test_daphne_can_listen_on_a_free_port(tmp_path):
    port = free_port()
    (tmp_path / "served.py").write_text("async def application(*_): pass\n")
    command = ["-m", "daphne", "-b", HOST, "-p", str(port), "served:application"]
    daphne = warm.Python(command, tmp_path, {})
    try:
        assert wait_until_it_answers(daphne, port)
    finally:
        end_group(daphne)
        daphne.close()


def test_valkey_can_listen_on_a_free_port_again_and_again():
    server = valkey()
    with server:
        port = server.port
    with server:
        assert server.port == port
        until(server.is_running)


def test_a_second_server_on_the_same_port_is_refused():
    port = free_port()
    with socket.create_server((HOST, port)), pytest.raises(OSError, match="in use"):
        socket.create_server((HOST, port))
    socket.create_server((HOST, port)).close()


def test_the_last_port_leaves_none_for_the_class(capsys):
    assert main(["stage", "03", "--lan", "--port", "65535"]) == 2
    said = "tutorial: the class gets the port above: choose a --port below 65535.\n"
    assert capsys.readouterr().err == said


@pytest.mark.parametrize(
    "arguments",
    [
        ["03", "--lan", "my-laptop.local.invalid"],
        ["03", "--lan", "192.0.2.7"],
        ["03", "--lan", "x" * 70],
        ["--lan", "03"],
    ],
)
def test_what_is_not_an_address_of_this_machine_is_refused_in_one_line(
    capsys, arguments
):
    assert main(["stage", *arguments, "--port", str(free_port())]) == 2
    said = capsys.readouterr().err
    address = arguments[arguments.index("--lan") + 1]
    assert said.startswith(f"tutorial: {address} is not an address of this machine (")
    assert said.endswith("): give one, as in tutorial stage 03 --lan 10.0.0.7.\n")
    assert said.count("\n") == 1


@pytest.mark.parametrize("address", [HOST, "localhost"])
def test_an_address_that_no_other_machine_reaches_is_refused(capsys, address):
    assert main(["stage", "03", "--lan", address, "--port", str(free_port())]) == 2
    assert capsys.readouterr().err == (
        f"tutorial: {address} can be reached from this machine only: leave out the "
        "address.\n"
    )


def test_all_addresses_stand_for_the_one_that_others_reach(monkeypatch, capsys):
    monkeypatch.setattr(stage, "own_address", lambda: "192.0.2.77")
    assert main(["stage", "03", "--lan", "0.0.0.0", "--port", str(free_port())]) == 2
    said = capsys.readouterr().err
    assert said.startswith("tutorial: 192.0.2.77 is not an address of this machine")


def test_a_port_that_only_root_may_use_is_refused(monkeypatch, capsys):
    def bind(*_):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(socket.socket, "bind", bind)
    assert main(["run", "03", "--port", "80"]) == 2
    assert capsys.readouterr().err == (
        "tutorial: port 80 cannot be used (Permission denied): choose a port from 1024 "
        "on, for example --port 8000.\n"
    )


@linux
def test_no_port_is_given_twice_in_this_process_or_in_others():
    with another_process(ASK) as first, another_process(ASK) as second:
        given = [*first, *second, *(free_port() for _ in range(300))]
        assert len(given) == 5 * 300
        assert len(set(given)) == len(given)


@linux
def test_linux_gives_a_reserved_port_to_nobody_until_its_process_has_ended():
    with another_process(ASK_ONCE) as [port], socket.create_server((HOST, 0)) as server:
        with pytest.raises(OSError, match="in use"):
            chosen_by_linux(port)
        with pytest.raises(OSError, match="assign"):
            chosen_by_linux(port, server.getsockname())
    assert chosen_by_linux(port) == port


def chosen_by_linux(only, connect_to=None):
    """Return the port that Linux gives to a socket, if it may give `only` this one."""
    range_of_one = struct.pack("=HH", only, only)
    with socket.socket() as asking:
        try:
            asking.setsockopt(socket.IPPROTO_IP, IP_LOCAL_PORT_RANGE, range_of_one)
        except OSError:
            pytest.skip("the kernel is older than Linux 6.3")
        if connect_to:
            asking.settimeout(DEADLINE)
            asking.connect(connect_to)
        else:
            asking.bind((HOST, 0))
        return asking.getsockname()[1]


def test_a_system_on_which_sockets_do_not_share_a_port_gets_no_reservation(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    port = free_port()
    with socket.socket() as without_reuse:
        without_reuse.bind((HOST, port))


@linux
def test_on_linux_a_socket_that_does_not_share_is_refused_a_reserved_port():
    port = free_port()
    with socket.socket() as without_reuse, pytest.raises(OSError, match="in use"):
        without_reuse.bind((HOST, port))


@linux
def test_a_reserved_port_is_reserved_on_every_address():
    port = free_port()
    with socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind(("127.0.0.2", port))
    with socket.socket() as other:
        other.bind(("127.0.0.2", 0))
