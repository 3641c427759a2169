"""The pictures in the notebooks, drawn with matplotlib."""

from statistics import median

from matplotlib import pyplot


def draw_journey(trace):
    """Draw the path of a message; `trace` is a list of (from, to, label, what)."""
    places = list(dict.fromkeys(place for step in trace for place in step[:2]))
    _, axes = pyplot.subplots(figsize=(9, 0.5 * len(trace) + 1))
    for x, place in enumerate(places):
        axes.plot([x, x], [0.5, -len(trace)], color="lightgrey", zorder=0)
        axes.text(x, 0.8, place, ha="center", fontweight="bold")
    arrow = {"arrowstyle": "->", "color": "tab:blue", "lw": 1.5}
    for y, (source, target, label, _) in enumerate(trace):
        start, end = places.index(source), places.index(target)
        axes.annotate("", (end, -y - 0.4), (start, -y - 0.4), arrowprops=arrow)
        axes.text((start + end) / 2, -y - 0.3, label, ha="center", fontsize=9)
    axes.set_title("The path of one message, from top to bottom", pad=24)
    axes.axis("off")
    pyplot.show()


def draw_waiting(waited, title):
    """Draw a bar for each name; `waited` is {name: seconds of each run}."""
    _, axes = pyplot.subplots(figsize=(8, 2.5))
    bars = axes.barh(list(waited), [median(runs) for runs in waited.values()])
    axes.bar_label(bars, fmt=" %.1f s")
    for bar, runs in zip(bars, waited.values(), strict=True):
        axes.plot(runs, [bar.get_y() + 0.6] * len(runs), "k.")
    axes.invert_yaxis()
    axes.margins(x=0.15)
    axes.set_xlabel("seconds until everybody has heard everything; a dot is one run")
    axes.set_title(title)
    pyplot.show()


def draw_rooms(measured):
    """Draw a picture for each title; `measured` is {title: {(name, size): ms}}.

    `ms` is a list: the milliseconds for one message, in each round.
    """
    _, pictures = pyplot.subplots(1, len(measured), figsize=(10, 4))
    for axes, (title, figures) in zip(pictures, measured.items(), strict=True):
        for name in dict.fromkeys(name for name, _ in figures):
            rounds = {size: ms for (each, size), ms in figures.items() if each == name}
            [line] = axes.plot(list(rounds), [median(ms) for ms in rounds.values()])
            line.set_label(name)
            for size, ms in rounds.items():
                axes.plot([size] * len(ms), ms, ".", alpha=0.4, color=line.get_color())
            axes.set_xticks(list(rounds))
        axes.set_title(title)
        axes.set_xlabel("members of the room")
        axes.set_ylabel("ms for one message")
        axes.set_ylim(bottom=0)
        axes.legend()
    pyplot.show()
