"""What the bench has found of messages, as plots on a page."""

import base64
import datetime
import html
import io
import sys

from .tables import middle, table

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
    """Return a PNG: for each Load, bars for the CPU and for the delays."""
    from matplotlib.figure import Figure

    loads = list(dict.fromkeys(load for _, load in samples))
    figure = Figure(figsize=(11, 3 * len(loads)), layout="constrained")
    axes = figure.subplots(len(loads), 2, squeeze=False)
    for (left, right), load in zip(axes, loads, strict=True):
        found = {name: it for (name, other), it in samples.items() if other == load}
        names = list(found)[::-1]
        left.barh(names, [middle(found[name], "cpu") * 1e6 for name in names])
        left.set_title(f"{load}: CPU of a delivery, µs")
        right.barh(names, [middle(found[name], "late") * 1e3 for name in names])
        right.set_title(f"{load}: 99 % have it after, ms")
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=120)
    return picture.getvalue()
