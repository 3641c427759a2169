"""What the bench has found, as a table for the terminal."""

import statistics
from collections import Counter
from dataclasses import replace

WHERE = ["members", "rooms", "processes"]  # the last two if there are several
CPU = ["CPU", "from", "to", "× floor"]
MESSAGES = [*WHERE, "target", *CPU, "half in", "99 % in", "kB"]
JOINS = [*WHERE, "joins", "target", *CPU, "a second", "half in", "99 % in"]
STALLED = ["members", "stalled", "target", "half in", "99 % in", "×", "longest"]
STALLED += ["MB", "closed"]
LEGEND = {
    "kB": """
CPU: of the server for one delivery, in µs; the middle round, the best and the worst.
half in, 99 % in: after so many ms, so many members have a message.
kB: what the server needs for a socket.
""",
    "a second": """
CPU: of the server for a socket that comes, hears one message and leaves, in µs, with
its part of that message; the middle round, the best and the worst.
a second: so many came and left, with the time that the bench itself needed.
half in, 99 % in: after so many ms, so many members, old and new, have a message.
""",
    "closed": """
half in, 99 % in, longest: after so many ms, so many of those who read have a message.
×: 99 % in, divided by what it is if all read. MB: by this much the server has grown.
closed: with which codes the server has closed how many of those who do not read.
""",
}


def middle(rounds, what):
    """Return the middle one of what the rounds' Samples have."""
    return statistics.median(getattr(sample, what) for sample in rounds)


def row(samples, name, load):
    """Return {column: text} for a target under a Load, with all columns that there are.

    `samples` is {(target, Load): [Sample]}.
    """
    rounds = samples[name, load]
    floor = samples.get(("floor", replace(load, processes=1)))
    all_read = samples.get((name, replace(load, stalled=0)))
    cpu = [sample.cpu * 1e6 for sample in rounds]
    codes = sum((sample.codes for sample in rounds), Counter())
    cells = {what: str(number) for what, number in vars(load).items()}
    return cells | {
        "target": name,
        "CPU": f"{middle(rounds, 'cpu') * 1e6:.1f}",
        "from": f"{min(cpu):.1f}",
        "to": f"{max(cpu):.1f}",
        "× floor": times(rounds, floor, "cpu", ".1f"),
        "a second": f"{middle(rounds, 'rate'):.0f}",
        "half in": f"{middle(rounds, 'median') * 1e3:.1f}",
        "99 % in": f"{middle(rounds, 'late') * 1e3:.1f}",
        "×": times(rounds, load.stalled and all_read, "late", ".2f"),
        "longest": f"{max(max(sample.delays) for sample in rounds) * 1e3:.0f}",
        "kB": f"{middle(rounds, 'memory') / 1e3:.0f}",
        "MB": f"{middle(rounds, 'memory') / 1e6:.1f}",
        "closed": ", ".join(f"{code or 'open'}: {n}" for code, n in codes.items()),
    }


def times(rounds, others, what, form):
    """Return how many times as much it is as for others; nothing without others."""
    base = others and middle(others, what)
    return f"{middle(rounds, what) / base:{form}}" if base else ""


def table(samples, head=MESSAGES):
    """Return the samples as text, with the columns of MESSAGES, JOINS or STALLED."""
    rows = [row(samples, *key) for key in samples]
    several = {it for it in WHERE[1:] if any(cells[it] != "1" for cells in rows)}
    head = [it for it in head if it not in WHERE[1:] or it in several]
    columns = [[it, *(cells[it] for cells in rows)] for it in head]
    text = ""
    for line in zip(*map(aligned, columns), strict=True):
        text += "  ".join(line).rstrip() + "\n"
    text += next(legend for column, legend in LEGEND.items() if column in head)
    return text + (split_in_words(samples) if "kB" in head else "")


def aligned(column):
    """Return the texts of a column in the same width: names at the left."""
    width = max(map(len, column))
    left = column[0] in ("target", "closed")
    return [text.ljust(width) if left else text.rjust(width) for text in column]


def split(samples):
    """Return {target: (cost of a message, cost of a member)}, both in seconds of CPU.

    A message to n members costs message + n * member; the smallest and the largest room
    that were measured give the two. Targets with one size are left out, and loads with
    several rooms or processes.
    """
    found = {}
    for name in dict.fromkeys(name for name, _ in samples):
        cost = {
            load.members: middle(rounds, "cpu")
            for (other, load), rounds in samples.items()
            if other == name and load.rooms == load.processes == 1
        }
        if len(cost) > 1:
            few, many = min(cost), max(cost)
            member = (many * cost[many] - few * cost[few]) / (many - few)
            found[name] = (few * (cost[few] - member), member)
    return found


def split_in_words(samples):
    """Return a line of text for each target that was measured with two sizes."""
    lines = [
        f"{name}: {message * 1e3:.1f} ms for a message, {member * 1e6:.0f} µs for each "
        "member that it is sent to\n"
        for name, (message, member) in split(samples).items()
    ]
    return "".join(lines)
