"""The bench: it measures what it says, and does not overlook a lost message."""

import asyncio
import contextlib
import importlib.util
import os
import resource
import subprocess
import sys
from collections import defaultdict

import pytest
from websockets.asyncio.server import broadcast, serve
from websockets.protocol import OPEN
from websockets.server import ServerProtocol

from tests.bench import measures, sockets
from tests.bench.__main__ import parse, run
from tests.bench.measures import Sample
from tests.bench.tables import table
from tests.bench.targets import SMALL, Load, Running
from tests.support.folders import copy_folder
from tests.support.open_files import OTHERS, allow_files
from tutorial.__main__ import main
from tutorial.shared.messages import TutorialError
from tutorial.shared.ports import free_port
from tutorial.shared.steps import ROOT, all_steps

LAST = all_steps()[-1].number


def bench(*arguments):
    """Run the bench quickly, with these targets and options."""
    quick = ["--rounds", "1", "--seconds", "0.2"]
    command = [sys.executable, "-m", "tests.bench", *quick, *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def rows(done):
    """Return the lines of the table as lists of words, each from its target on."""
    assert done.returncode == 0, done.stderr
    table = done.stdout.partition("\n\n")[2].partition("\n\n")[0]
    found = [line.split() for line in table.splitlines()]
    column = found[0].index("target")
    return [line[column:] for line in found[1:]]


def is_missing(what):
    """Skip the test; with CI set, where nothing may be missing, let it fail."""
    (pytest.fail if os.environ.get("CI") else pytest.skip)(what)


@pytest.mark.server
def test_the_bench_measures_the_floor_the_peer_and_the_last_step(tmp_path):
    if not importlib.util.find_spec("matplotlib"):
        is_missing("no matplotlib: make bench installs what it draws with")
    targets = [*SMALL, LAST, f"{LAST}-uvicorn"]
    # A second has enough ticks of 10 ms, in which the system counts.
    options = ["--members", "3", "--seconds", "1", "--folder", tmp_path]
    done = bench(*targets, *options)
    assert [name for name, *_ in rows(done)] == targets
    for name, middle, best, worst, *_ in rows(done):
        assert 0 <= float(best) <= float(middle) <= float(worst)
        # The floor may need less than a tick.
        assert float(worst) or name == "floor"
    page = tmp_path / "bench.html"
    assert f"The same with plots: {page}" in done.stdout
    assert '<img src="data:image/png;base64,' in page.read_text(encoding="utf-8")


@pytest.mark.server
def test_the_bench_measures_several_rooms_on_one_process_and_on_two(tmp_path):
    options = ["--members", "3", "--rooms", "2", "--processes", "1", "2"]
    done = bench("floor", "peer", "05", LAST, *options, "--folder", tmp_path)
    targets = [name for name, *_ in rows(done)]
    assert targets == ["floor", "peer", "peer", "05", "05", LAST, LAST]
    assert f"Round 1: {LAST}, 3 members, 2 rooms, 2 processes\n" in done.stdout
    assert "The floor has no broker between several processes" in done.stdout


@pytest.mark.server
def test_the_bench_measures_sockets_that_come_and_leave(tmp_path):
    targets = ["floor", "peer", "05", f"{LAST}-uvicorn"]
    done = bench(*targets, "--members", "3", "--joins", "2", "--folder", tmp_path)
    assert [name for name, *_ in rows(done)] == targets


@pytest.mark.server
def test_the_bench_says_which_sockets_that_do_not_read_are_closed(tmp_path):
    options = ["--members", "5", "--stalled", "1", "--folder", tmp_path]
    done = bench("floor", f"{LAST}-uvicorn", *options)
    lines = rows(done)
    assert [name for name, *_ in lines] == ["floor"] * 2 + [f"{LAST}-uvicorn"] * 2
    assert lines[1][-2:] == ["open:", "1"]
    # 4013; a machine that is very busy meets uvicorn's own timeout, after 40 s.
    assert lines[3][-1] == "1"
    assert lines[3][-2] != "open:"


@pytest.mark.server
def test_a_target_that_loses_a_message_is_not_measured_again(capsys):
    calls = []

    async def lose(server, load, seconds):
        calls.append(load)
        raise AssertionError("1 of 2 heard a message")

    options = parse(["floor", "--members", "2", "3", "--rounds", "2"])
    assert run(options, lose) == ({}, 2)
    assert calls == [Load(2), Load(3)]
    assert (
        "Error: floor, 2 members: 1 of 2 heard a message\n" in capsys.readouterr().err
    )


@pytest.mark.server
def test_a_flame_graph_shows_what_a_folder_of_ones_own_does(tmp_path):
    folder, file = tmp_path / "mychat", tmp_path / "profile.svg"
    copy_folder(all_steps()[-1].path, folder)
    command = [sys.executable, "-m", "tutorial", "bench", folder, "--members", "3"]
    done = subprocess.run(
        [*command, "--profile", file], cwd=tmp_path, capture_output=True, text=True
    )
    if "py-spy cannot look" in done.stderr:  # not everybody may look into processes
        pytest.skip(done.stderr)
    assert done.returncode == 0, done.stderr
    # A fifth of the time goes there, so some of the samples are from it, whatever else
    # the machine does.
    assert "save_message (chat/history.py:" in file.read_text(encoding="utf-8")


@pytest.mark.parametrize("option", ["--members", "--rooms", "--processes", "--rounds"])
def test_a_number_below_one_is_refused_in_one_line(option, capsys):
    assert main(["bench", LAST, option, "0"]) == 2
    assert capsys.readouterr().err == "tutorial: choose numbers above 0.\n"


def test_a_profile_of_two_targets_is_refused_in_one_line(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench", "05", "20", "--profile", tmp_path / "x"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert done.stderr == (
        "tutorial: name one target to be profiled, as in: 05 --profile 05.svg\n"
    )


@pytest.mark.parametrize(
    ("name", "reason"),
    [("nowhere/x.svg", "No such file or directory"), ("", "Is a directory")],
)
def test_a_profile_that_cannot_be_written_is_refused_before_the_measurement(
    tmp_path, name, reason
):
    file = tmp_path / name
    done = bench("05", "--profile", file)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"tutorial: {file} cannot be written: {reason}.\n"


def test_if_nothing_is_left_to_measure_the_bench_says_so():
    done = bench("floor", "--processes", "2")
    assert done.returncode == 2
    assert done.stderr == "tutorial: nothing is left to measure: name another target.\n"


def test_a_folder_without_a_room_is_refused_in_one_line(tmp_path):
    mine = copy_folder(all_steps()[0].path, tmp_path / "mine")
    done = bench(mine)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"tutorial: {mine} cannot be measured: its settings have no CHANNEL_LAYERS. "
        "Name a folder in which you have followed the chapters up to 03.\n"
    )


@pytest.mark.server
def test_a_target_that_cannot_be_measured_is_refused_before_another_is_measured():
    done = bench("floor", "99", "--members", "2")
    assert done.returncode == 2
    assert "99" in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("target", ["01", "05-gunicorn", "99", "ceiling"])
def test_a_target_that_cannot_be_measured_is_refused_in_one_line(target):
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench", target],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("tutorial: ")
    assert repr(target.partition("-")[0])[:-1] in done.stderr


def test_what_a_message_costs_is_told_apart_from_what_a_member_costs():
    def measured(seconds):
        return [Sample(seconds, [0.1, 0.2], 1000)] * 3

    # 6 ms and 40 µs a member, divided by the number of members.
    few, many = measured(8e-3 / 50), measured(14e-3 / 200)
    both = {("x", Load(50)): few, ("x", Load(200)): many}
    assert "\nx: 6.0 ms for a message, 40 µs for each member" in table(both)
    assert " for a message" not in table({("x", Load(50)): few})


@pytest.mark.parametrize("option", ["--rooms", "--joins", "--stalled", "--profile"])
def test_what_cannot_be_measured_together_is_refused(option, capsys):
    other = "--joins" if option != "--joins" else "--rooms"
    parse([option, "2"])
    with pytest.raises(SystemExit):
        parse([option, "2", other, "2"])
    assert "not allowed with argument" in capsys.readouterr().err


@contextlib.asynccontextmanager
async def rooms(audience):
    """Yield a Running server that passes a text on to the sockets in `audience(…)`.

    It is called with {path: sockets} and the sender's path.
    """
    entered = defaultdict(list)

    async def member(socket):
        path = socket.request.path
        entered[path].append(socket)
        try:
            async for text in socket:
                broadcast(audience(entered, path), text)
        finally:
            entered[path].remove(socket)

    port = free_port()
    async with serve(member, "127.0.0.1", port, close_timeout=1):
        yield Running([], [port])


def everybody(entered, path):
    return entered[path]


def all_but_the_first(entered, path):
    return entered[path][1:]


def the_first_three(entered, path):
    return entered[path][:3]


def all_rooms(entered, path):
    return [socket for sockets in entered.values() for socket in sockets]


@pytest.mark.parametrize(
    ("measure", "load"),
    [
        (measures.messages, Load(3)),
        (measures.messages, Load(2, rooms=2)),
        (measures.joins, Load(3, joins=2)),
        (measures.stalled, Load(3, stalled=1)),
    ],
)
@pytest.mark.parametrize("audience", [everybody, all_but_the_first])
async def test_each_measurement_fails_only_if_somebody_does_not_hear(
    measure, load, audience, monkeypatch
):
    monkeypatch.setattr(measures, "LONG_ONES", 3)
    async with rooms(audience) as server:
        if audience is everybody:
            sample = await measure(server, load, 0.1)
            assert len(sample.delays) >= load.members * load.rooms
        else:
            monkeypatch.setattr(sockets, "DEADLINE", 1)
            with pytest.raises(AssertionError, match=r"\d of \d heard a message"):
                await measure(server, load, 0.1)


@pytest.mark.parametrize(
    ("measure", "load"),
    [(measures.messages, Load(3)), (measures.joins, Load(3, joins=2))],
)
async def test_a_round_that_is_over_at_once_has_one_message(measure, load):
    async with rooms(everybody) as server:
        sample = await measure(server, load, 0)
        assert len(sample.delays) == load.sockets


async def test_a_newcomer_who_does_not_hear_is_noticed(monkeypatch):
    monkeypatch.setattr(sockets, "DEADLINE", 1)
    async with rooms(the_first_three) as server:
        with pytest.raises(AssertionError, match="3 of 5 heard a message"):
            await measures.joins(server, Load(3, joins=2), 0.1)


async def test_a_message_that_is_heard_in_another_room_is_noticed():
    async with rooms(all_rooms) as server:
        with pytest.raises(AssertionError, match="has heard room"):
            await measures.messages(server, Load(2, rooms=2), 0.1)


async def test_processes_without_a_broker_between_them_are_noticed(monkeypatch):
    monkeypatch.setattr(sockets, "DEADLINE", 1)
    async with rooms(everybody) as one, rooms(everybody) as other:
        both = Running([], [*one.ports, *other.ports])
        with pytest.raises(AssertionError, match="2 of 4 heard a message"):
            await measures.messages(both, Load(4, processes=2), 0.1)


@pytest.mark.parametrize(
    ("soft", "hard"), [(100, 4000), (100, resource.RLIM_INFINITY), (4000, 4000)]
)
def test_the_bench_may_open_as_many_files_as_it_needs(soft, hard, monkeypatch):
    limits = []
    monkeypatch.setattr(resource, "getrlimit", lambda what: (soft, hard))
    monkeypatch.setattr(resource, "setrlimit", lambda what, both: limits.append(both))
    allow_files(1000)
    assert limits == ([] if soft == 4000 else [(1000 + OTHERS, hard)])


def test_a_machine_that_does_not_allow_as_many_files_is_reported(monkeypatch):
    monkeypatch.setattr(resource, "getrlimit", lambda what: (100, 1024))
    with pytest.raises(TutorialError, match=f"5000 sockets need {5000 + OTHERS} open"):
        allow_files(5000)


def framed(text):
    """Return the frame in which a server sends a short text."""
    return bytes([0x81, len(text)]) + text


async def test_a_member_answers_a_ping_as_the_servers_expect():
    async def member(socket):
        async for text in socket:
            await (await socket.ping())
            await socket.send(text)

    crowd, port = sockets.Crowd("/", 1), free_port()
    async with serve(member, "127.0.0.1", port):
        await crowd.enter([(port, "")])
        assert len(await crowd.say()) == 1
        crowd.close()


@pytest.mark.parametrize("length", [125, 126, 65_535, 65_536])
def test_a_frame_of_any_length_is_read_when_it_is_complete(length):
    text = "x" * length
    server = ServerProtocol(state=OPEN)
    server.send_text(text.encode())
    [frame] = server.data_to_send()
    assert sockets.split(frame[:-1]) is None
    assert sockets.split(frame[:1]) is None
    assert sockets.split(frame + b"more") == (0x1, text.encode(), b"more")


async def test_a_message_that_was_said_before_somebody_entered_is_not_counted():
    crowd = sockets.Crowd("/", 1)
    crowd.members = [sockets.Member(crowd), sockets.Member(crowd)]
    crowd.number = 7
    for member in crowd.members:
        member.entered.set_result(None)
        member.data_received(framed(b'{"type": "chat.history", "message": "<1/7>"}'))
    assert crowd.delays == []


async def test_a_mark_that_arrives_in_parts_is_counted_once():
    crowd = sockets.Crowd("/", 1)
    crowd.members = [sockets.Member(crowd), sockets.Member(crowd)]
    crowd.members[0].send = lambda text: None
    crowd.members[1].send = lambda text: None
    saying = asyncio.create_task(crowd.say())
    await asyncio.sleep(0)
    for member in crowd.members:
        member.entered.set_result(None)
        both = framed(b"...<1/1>") + framed(b"...<1/2>")
        for byte in both:
            member.data_received(bytes([byte]))
    assert len(await saying) == 2
