"""What the broker carries: formulas, a real Valkey, the simulation, and the page."""

import asyncio
import itertools
import re
from collections import Counter
from fractions import Fraction
from math import ceil

import pytest

from tests.measure import placing
from tests.measure.counted import Meter, count, cpu, cpu_of_list
from tests.measure.formula import FORMULAS
from tests.measure.placing import bounded, by_room, least_conn, summary
from tests.measure.traffic import main, parse
from tests.support.valkey import url_of, valkey
from tutorial.shared.steps import ROOT

KINDS = pytest.mark.parametrize("kind", FORMULAS)
SIZES = [1, 40, 7, 7, 300, 2]
PAGE = ROOT / "docs/scale.md"


@pytest.fixture(scope="module")
def url():
    with valkey() as server:
        yield url_of(server)


@KINDS
@pytest.mark.parametrize("size", [80, 200])
@pytest.mark.parametrize("spread", [[1], [15], [16], [13, 12, 25], [2] * 11])
def test_a_real_valkey_counts_what_the_formula_says(url, kind, spread, size):
    counted = asyncio.run(count(kind, url, spread, size))
    assert counted == FORMULAS[kind](size, spread)


@KINDS
def test_one_more_member_process_or_byte_makes_a_difference(kind):
    formula = FORMULAS[kind]
    result = formula(200, [2, 2])
    assert result != formula(201, [2, 2])
    assert result != formula(200, [2, 2, 1])
    # The pub/sub layer sends each process one copy, for all its members.
    assert (result != formula(200, [2, 3])) == (kind == "core")


async def test_the_meter_leaves_out_its_own_questions(url):
    meter = Meter(url)
    async with meter.client:
        await meter.read()
        (before, _), (after, _) = await meter.read(), await meter.read()
        assert before == after
        await meter.client.ping()
        later, _ = await meter.read()
    ping, pong = len("*1\r\n$4\r\nPING\r\n"), len("+PONG\r\n")
    assert [b - a for a, b in zip(after, later, strict=True)] == [ping, pong, 1]


@KINDS
def test_the_cpu_time_of_a_few_events_can_be_measured(url, kind):
    assert asyncio.run(cpu(kind, url, [2, 1], 200, events=2)) > 0
    assert asyncio.run(cpu_of_list(url, 20, 5, looks=2)) > 0


@pytest.mark.parametrize("place", [least_conn, by_room, bounded])
@pytest.mark.parametrize("processes", [1, 3, 10])
def test_everybody_is_placed_and_the_same_again(place, processes):
    spreads = place(SIZES, processes)
    assert [sum(spread.values()) for spread in spreads] == SIZES
    assert all(members > 0 for spread in spreads for members in spread.values())
    assert set().union(*spreads) <= set(range(processes))
    assert place(SIZES, processes) == spreads


def load_of(spreads):
    return sum(map(Counter, spreads), Counter())


def test_least_conn_fills_the_processes_equally():
    load = load_of(least_conn(SIZES, 10))
    assert max(load.values()) - min(load.values()) <= 1


def test_by_room_keeps_a_room_together_and_bounded_no_more_than_it_may():
    assert all(len(spread) == 1 for spread in by_room(SIZES, 10))
    assert max(load_of(by_room(SIZES, 10)).values()) >= 300
    most = ceil(placing.BOUND * sum(SIZES) / 10)
    assert max(load_of(bounded(SIZES, 10)).values()) == most
    # With room for all of them, it does the same as by_room.
    owner, candidates = placing.on_a_ring(10)
    assert sorted(candidates(3)) == list(range(10))
    assert next(candidates(3)) == owner(3)


def test_a_new_process_takes_its_share_of_the_rooms_and_moves_no_other():
    (old, _), (new, _) = placing.on_a_ring(9), placing.on_a_ring(10)
    moves = [new(name) for name in range(1000) if old(name) != new(name)]
    assert set(moves) == {9}
    assert 50 < len(moves) < 200
    assert placing.moved(old, new, 1000) == len(moves) / 1000


@pytest.mark.parametrize("place", [least_conn, by_room, bounded])
def test_the_simulation_adds_up_what_each_message_does(place, monkeypatch):
    """Every person writes one message, and each is followed to every reader."""
    monkeypatch.setattr(placing, "WRITES", Fraction(1, 100))
    spreads = place(SIZES, 3)
    people = [
        (room, process)
        for room, spread in enumerate(spreads)
        for process, members in spread.items()
        for _ in range(members)
    ]
    messages, reached, commands, sent = 0, 0, 0, 0
    deliveries, lists = Counter(), 0
    for room, size in enumerate(SIZES):
        readers = [process for its, process in people if its == room]
        lists += Fraction(len(set(readers)) * size, placing.LOOK)
        # The 300 would write three messages a second, and only one is allowed.
        weight = Fraction(1, 100) if size < 100 else Fraction(1, size)
        for _ in range(size):
            messages += weight
            reached += weight * len(set(readers))
            commands += weight * (5 + 10 * len(set(readers)))
            sent += weight * FORMULAS["pub/sub"](placing.EVENT, Counter(readers)).sent
            for process in readers:
                deliveries[process] += weight
    found = summary(spreads)
    assert found.reached == reached / messages
    assert found.traffic["core"].commands == commands
    assert found.traffic["pub/sub"].sent == sent
    assert found.traffic["pub/sub"].commands == messages
    assert found.entries == lists
    assert found.looks == Fraction(len(set(people)), placing.LOOK)
    assert found.deliveries == max(deliveries.values())
    assert found.sockets == max(Counter(process for _, process in people).values())


def rows(text):
    """Return the lines, each as its words: a table's columns may be wider elsewhere."""
    return [line.split() for line in text.splitlines() if line.strip()]


def quoted():
    """Return the blocks of the page below which the program's name stands."""
    text = PAGE.read_text(encoding="utf-8")
    blocks = [
        part.partition("```\n")[0] for part in text.split("```text traffic\n")[1:]
    ]
    assert len(blocks) >= 3
    return rows("\n".join(blocks))


def printed(capsys, *arguments):
    main(parse(arguments))
    return rows(capsys.readouterr().out)


def test_the_page_quotes_what_the_program_prints(capsys):
    found = quoted()
    lines = printed(capsys, "--people", "10000", "100000")
    assert len(lines) > 25
    assert [line for line in lines if line not in found] == []


@pytest.mark.waiting
def test_the_page_quotes_all_that_the_program_prints_and_nothing_else(capsys):
    assert sorted(quoted()) == sorted(printed(capsys))


@KINDS
@pytest.mark.parametrize("spread", [[50], [5] * 10, [1] * 50, [1000] * 100])
def test_the_page_rounds_the_formulas_by_no_more_than_a_hundredth(kind, spread):
    values = {"M": sum(spread), "d": len(spread), "E": 200}
    found = []
    for start in ("into the broker", "out of the broker", "commands"):
        row = re.search(rf"^\| {start} \|(.+)\|(.+)\|$", PAGE.read_text(), re.M)
        rounded = row[1 + list(FORMULAS).index(kind)]
        rounded = re.sub(r"(?<=[\d)]) \*(\w)\*", r" * \1", rounded).replace("*E*", "E")
        found.append(eval(rounded.strip(), values))
    assert found == pytest.approx(FORMULAS[kind](200, spread), rel=0.01)


def test_unequal_rooms_hold_all_people():
    for people in (10, 1000, 12_345):
        sizes = placing.unequal(people)
        assert sum(sizes) == people
        assert sizes[0] == people // 10
        assert all(a >= b for a, b in itertools.pairwise(sizes))
