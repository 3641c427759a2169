"""The bench: it measures what it says, and does not overlook a lost message."""

import asyncio
import re
import subprocess
import sys

import pytest
from websockets.asyncio.server import serve
from websockets.protocol import OPEN
from websockets.server import ServerProtocol

from tests.bench import sockets
from tests.bench.__main__ import Sample
from tests.bench.report import table
from tests.support.folders import copy_folder
from tutorial.__main__ import main
from tutorial.shared.ports import free_port
from tutorial.shared.steps import ROOT, all_steps

LAST = all_steps()[-1].number


@pytest.mark.server
def test_the_bench_measures_the_floor_the_peer_and_the_last_step(tmp_path):
    pytest.importorskip("matplotlib", reason="make bench installs what it draws with")
    quick = ["--members", "3", "--rounds", "1", "--seconds", "0.2"]
    targets = ["floor", "peer", LAST, f"{LAST}-uvicorn"]
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench", *targets, *quick, "--folder", tmp_path],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    rows = re.findall(r"^ +3  (\S+) +([\d.]+) +([\d.]+) +([\d.]+) ", done.stdout, re.M)
    assert [name for name, *_ in rows] == targets
    for _, middle, best, worst in rows:
        assert 0 < float(best) <= float(middle) <= float(worst)
    page = tmp_path / "bench.html"
    assert f"The same with plots: {page}" in done.stdout
    assert '<img src="data:image/png;base64,' in page.read_text(encoding="utf-8")


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
    assert "chat_message" in file.read_text(encoding="utf-8")


@pytest.mark.parametrize("option", ["--members", "--rounds"])
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
    assert done.returncode == 1
    assert done.stderr == (
        "Error: name one target to be profiled, as in: 05 --profile 05.svg\n"
    )


@pytest.mark.parametrize("target", ["01", "05-gunicorn", "99", "ceiling"])
def test_a_target_that_cannot_be_measured_is_refused_in_one_line(target):
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench", target],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert repr(target.partition("-")[0])[:-1] in done.stderr


def test_what_a_message_costs_is_told_apart_from_what_a_member_costs():
    def measured(seconds):
        return [Sample(seconds, [0.1, 0.2], 1000)] * 3

    # 6 ms and 40 µs a member, divided by the number of members.
    both = {("x", 50): measured(8e-3 / 50), ("x", 200): measured(14e-3 / 200)}
    assert "\nx: 6.0 ms for a message, 40 µs for each member" in table(both)
    assert " for a message" not in table({("x", 50): measured(8e-3 / 50)})


@pytest.mark.parametrize(("heard", "members"), [(2, 2), (1, 2)])
async def test_the_bench_fails_only_if_somebody_does_not_hear(
    heard, members, monkeypatch
):
    monkeypatch.setattr(sockets, "DEADLINE", 2)
    port, entered = free_port(), []

    async def member(socket):
        entered.append(socket)
        async for text in socket:
            for other in entered[:heard]:
                await other.send(text)

    crowd = sockets.Crowd()
    async with serve(member, "127.0.0.1", port):
        await crowd.enter(port, "/", [""], members)
        if heard == members:
            assert len(await crowd.say()) == members
        else:
            with pytest.raises(AssertionError, match=f"{heard} of {members} heard"):
                await crowd.say()
        crowd.leave()


def framed(text):
    """Return the frame in which a server sends a short text."""
    return bytes([0x81, len(text)]) + text


async def test_a_member_answers_a_ping_as_the_servers_expect():
    async def member(socket):
        async for text in socket:
            await (await socket.ping())
            await socket.send(text)

    crowd, port = sockets.Crowd(), free_port()
    async with serve(member, "127.0.0.1", port):
        await crowd.enter(port, "/", [""], 1)
        assert len(await crowd.say()) == 1
        crowd.leave()


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
    crowd = sockets.Crowd()
    crowd.members = [sockets.Member(crowd), sockets.Member(crowd)]
    crowd.number = 7
    for member in crowd.members:
        member.entered.set_result(None)
        member.data_received(framed(b'{"type": "chat.history", "message": "<000007>"}'))
    assert crowd.delays == []


async def test_a_mark_that_arrives_in_parts_is_counted_once():
    crowd = sockets.Crowd()
    crowd.members = [sockets.Member(crowd), sockets.Member(crowd)]
    crowd.members[0].send = lambda text: None
    crowd.members[1].send = lambda text: None
    saying = asyncio.create_task(crowd.say())
    await asyncio.sleep(0)
    for member in crowd.members:
        member.entered.set_result(None)
        both = framed(b"...<000001>") + framed(b"...<000002>")
        for byte in both:
            member.data_received(bytes([byte]))
    assert len(await saying) == 2
