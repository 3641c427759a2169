"""What the bench has found: a table for the terminal, and plots on a page."""

import base64
import datetime
import html
import io
import statistics
import sys

HEAD = ["members", "target", "CPU", "from", "to", "× floor", "half in", "99 % in", "kB"]
LEGEND = """
CPU: of the server for one delivery, in µs; the middle round, the best and the worst.
half in, 99 % in: after so many ms, so many members have a message.
kB: what the server needs for a socket.
"""
PAGE = """<!DOCTYPE html>
<html lang="en">
<title>What a message costs</title>
<style>
  body {{ font-family: sans-serif; margin: 2em auto; max-width: 60em }}
  img {{ max-width: 100% }}
  @page {{ size: landscape }}
</style>
<h1>What a message costs</h1>
<p>{when}, Python {python}</p>
<pre>{table}</pre>
<img src="data:image/png;base64,{picture}" alt="The columns CPU and 99 % in, as bars">
"""


def rows(samples):
    """Yield the rows of the table from {(target, members): [Sample]}."""
    for (name, members), rounds in sorted(samples.items(), key=lambda it: it[0][1]):
        floor = samples.get(("floor", members))
        cpu = [sample.cpu * 1e6 for sample in rounds]
        middle = statistics.median(cpu)
        yield [
            str(members),
            name,
            f"{middle:.1f}",
            f"{min(cpu):.1f}",
            f"{max(cpu):.1f}",
            f"{middle / median(floor, 'cpu') / 1e6:.1f}" if floor else "",
            f"{median(rounds, 'median') * 1e3:.1f}",
            f"{median(rounds, 'late') * 1e3:.1f}",
            f"{median(rounds, 'memory') / 1e3:.0f}",
        ]


def median(rounds, what):
    return statistics.median(getattr(sample, what) for sample in rounds)


def table(samples):
    """Return the table as text."""
    lines = [HEAD, *rows(samples)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    text = ""
    for line in lines:
        cells = [cell.rjust(width) for cell, width in zip(line, widths, strict=True)]
        cells[1] = line[1].ljust(widths[1])
        text += "  ".join(cells).rstrip() + "\n"
    return text + LEGEND + split_in_words(samples)


def split(samples):
    """Return {target: (cost of a message, cost of a member)}, both in seconds of CPU.

    A message to n members costs message + n * member; the smallest and the largest room
    that were measured give the two. Targets with one size are left out.
    """
    found = {}
    for name in dict.fromkeys(name for name, _ in samples):
        sizes = [members for other, members in samples if other == name]
        few, many = min(sizes), max(sizes)
        if few < many:
            cheap, dear = (n * median(samples[name, n], "cpu") for n in (few, many))
            member = (dear - cheap) / (many - few)
            found[name] = (cheap - few * member, member)
    return found


def split_in_words(samples):
    """Return a line of text for each target that was measured with two sizes."""
    lines = [
        f"{name}: {message * 1e3:.1f} ms for a message, {member * 1e6:.0f} µs for each "
        "member that it is sent to\n"
        for name, (message, member) in split(samples).items()
    ]
    return "".join(lines)


def write_plots(samples, folder):
    """Write bench.png and, with the table, bench.html; return the page's path."""
    picture = draw(samples)
    folder.mkdir(exist_ok=True)
    (folder / "bench.png").write_bytes(picture)
    page = PAGE.format(
        when=f"{datetime.date.today():%d %B %Y}",
        python=sys.version.partition(" ")[0],
        table=html.escape(table(samples)),
        picture=base64.b64encode(picture).decode(),
    )
    (folder / "bench.html").write_text(page, encoding="utf-8")
    return folder / "bench.html"


def draw(samples):
    """Return a PNG: for each number of members, bars for the CPU and for the delays."""
    from matplotlib.figure import Figure

    sizes = sorted({members for _, members in samples})
    figure = Figure(figsize=(11, 3 * len(sizes)), layout="constrained")
    axes = figure.subplots(len(sizes), 2, squeeze=False)
    for (left, right), members in zip(axes, sizes, strict=True):
        found = {name: it for (name, size), it in samples.items() if size == members}
        names = list(found)[::-1]
        left.barh(names, [median(found[name], "cpu") * 1e6 for name in names])
        left.set_title(f"{members} members: CPU of a delivery, µs")
        right.barh(names, [median(found[name], "late") * 1e3 for name in names])
        right.set_title(f"{members} members: 99 % have it after, ms")
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=120)
    return picture.getvalue()
