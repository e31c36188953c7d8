"""Draws a run's results: `python -m benchmarks.plots NAME FOLDER` reads NAME.json and writes NAME.svg beside it.

A picture has texts as texts and its own background, and follows the reader's light or dark mode.
"""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("svg")
import matplotlib.pyplot as plt
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, NullFormatter, NullLocator

Json = Mapping[str, Any]

PAPER, INK, MUTED, GRID = "#ffffff", "#1f2328", "#59636e", "#d1d9e0"
OWN, OTHER, LIMIT, SECOND = "#0969da", "#818b98", "#bf8700", "#8250df"
IN_THE_DARK = {
    PAPER: "#0d1117",
    INK: "#f0f6fc",
    MUTED: "#9198a1",
    GRID: "#3d444d",
    OWN: "#4493f8",
    OTHER: "#7d8590",
    LIMIT: "#d29922",
    SECOND: "#ab7df8",
}
KINDS = (
    (OWN, "this connector"),
    (LIMIT, "the same answers without a framework"),
    (OTHER, "other tools"),
)
MARKERS = {OWN: "o", LIMIT: "D", OTHER: "s", SECOND: "^"}
LOGARITHMIC = "logarithmic: each line is ten times the one before"

mpl.rcParams.update(
    {
        # Without a fixed salt and date the same numbers give another file each time.
        "svg.hashsalt": "benchmarks",
        "svg.fonttype": "none",
        "font.size": 9,
        "axes.titlesize": 10,
        "axes.titlelocation": "left",
        "axes.axisbelow": True,
        "axes.grid": True,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.facecolor": "none",
        "figure.facecolor": PAPER,
        "legend.frameon": False,
        "grid.color": GRID,
        "axes.edgecolor": GRID,
        **dict.fromkeys(("text.color", "axes.titlecolor", "xtick.labelcolor", "ytick.labelcolor"), INK),
        **dict.fromkeys(("axes.labelcolor", "legend.labelcolor"), MUTED),
        **dict.fromkeys(("xtick.major.size", "ytick.major.size"), 0),
    }
)


def kind(program: str) -> str:
    """The colour of a program."""
    return OWN if program.startswith("connector") else LIMIT if program.startswith("limit") else OTHER


def named(program: str) -> str:
    return program.removeprefix("limit: ").replace("connector", "this connector")


def number(value: float) -> str:
    """A figure for people: 0.5, 3.4, 353, 1,151."""
    return f"{value:,.1f}" if value < 100 else f"{value:,.0f}"


def headed(figure: Any, content: Json, title: str, notes: Sequence[str], legend: Sequence[tuple[str, str]]) -> None:
    """What stands above every picture: what it shows, which way is better, when and where it was measured, a legend."""
    machine = content["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    where = f"{machine['cores']} cores, {machine['processor']}, Python {machine['python']}; {versions}"
    height = figure.get_figheight()
    lines = [*notes, f"{content['date']}; {where}."]
    figure.text(0.012, 1 - 0.08 / height, title, fontsize=13, fontweight="bold", va="top")
    for place, line in enumerate(lines):
        figure.text(0.012, 1 - (0.36 + 0.18 * place) / height, line, color=MUTED, va="top")
    top = 0.36 + 0.18 * len(lines)
    handles = [Line2D([], [], color=colour, marker=MARKERS[colour], linestyle="") for colour, _ in legend]
    figure.legend(
        handles,
        [text for _, text in legend],
        loc="upper left",
        bbox_to_anchor=(0.0, 1 - (top - 0.04) / height),
        ncols=len(legend),
        handletextpad=0.1,
        columnspacing=1.4,
    )
    figure.get_layout_engine().set(rect=(0.005, 0.005, 0.985, 0.995 - (top + 0.26) / height))


def logarithmic(axis: Any, form: Callable[[float], str]) -> None:
    axis.set_major_formatter(FuncFormatter(lambda value, _: form(value)))
    axis.set_minor_formatter(NullFormatter())
    axis.set_minor_locator(NullLocator())


# --- what a read costs beside other tools

PARTS = (
    ("read", "Cloud4Wi's events, pages of 10,000"),
    ("pages", "Cloud4Wi's events, pages of 100"),
    ("carecloud", "CareCloud's property records, pages of 1,000 events"),
    ("contacts, 8 workers", "Contacts, one request for each, 8 workers"),
)


def comparison(content: Json) -> Any:
    rows = [row for row in content["rows"] if (row["cpu_per_million"] or 0) > 0]
    drawn = [(title, own) for part, title in PARTS if (own := [row for row in rows if row["part"] == part])]
    counts = [len(own) for _, own in drawn]
    figure, axes = plt.subplots(
        len(drawn),
        1,
        figsize=(8, 1.5 + 0.23 * sum(counts) + 0.4 * len(drawn)),
        height_ratios=[count + 0.4 for count in counts],
        squeeze=False,
        sharex=True,
        layout="constrained",
    )
    for (title, own), place in zip(drawn, axes[:, 0], strict=True):
        (connector,) = (row["cpu_per_million"] for row in own if row["program"].startswith("connector"))
        dots(place, own, connector)
        place.set_title(title)
    values = [row["cpu_per_million"] for row in rows if row["part"] in dict(PARTS)]
    axes[0, 0].set_xlim(min(values) / 2, max(values) * 5)
    axes[-1, 0].set_xlabel(f"CPU seconds for a million; {LOGARITHMIC}")
    notes = ["Less is better. User and system time of the process beyond start-up; in brackets, times the connector's."]
    headed(figure, content, "CPU seconds for a million records or contacts", notes, KINDS)
    return figure


def dots(axes: Any, rows: Sequence[Json], unit: float) -> None:
    """A dot for each program with its figure, the cheapest first, and how many times `unit` that is.

    Bars would have no zero to begin at.
    """
    rows = sorted(rows, key=lambda row: -float(row["cpu_per_million"]))
    axes.set_xscale("log")
    logarithmic(axes.xaxis, lambda value: f"{value:,g}")
    axes.grid(visible=False, axis="y")
    for place, row in enumerate(rows):
        value, colour = row["cpu_per_million"], kind(row["program"])
        weight = "bold" if colour == OWN else "normal"
        axes.plot(value, place, color=colour, marker=MARKERS[colour], markersize=7)
        axes.annotate(
            f"{number(value)}  ({number(value / unit)} times)" if value != unit else number(value),
            (value, place),
            (8, 0),
            textcoords="offset points",
            va="center",
            fontweight=weight,
            # No line of the grid strikes a figure out.
            bbox={"facecolor": PAPER, "edgecolor": "none", "pad": 1},
        )
    axes.set_yticks(range(len(rows)), [named(row["program"]) for row in rows])
    for label, row in zip(axes.get_yticklabels(), rows, strict=True):
        label.set_fontweight("bold" if kind(row["program"]) == OWN else "normal")
    axes.set_ylim(-0.6, len(rows) - 0.4)


# --- what the way to a warehouse costs


def warehouse(content: Json) -> Any:
    rows = [row for row in content["ways"] if row["cpu_per_million"] > 0]
    figure, axes = plt.subplots(figsize=(8, 1.9 + 0.23 * len(rows)), layout="constrained")
    unit = next((row["cpu_per_million"] for row in rows if row["program"].endswith("read > file")), 1)
    dots(axes, rows, unit)
    values = [row["cpu_per_million"] for row in rows]
    axes.set_xlim(min(values) / 2, max(values) * 5)
    axes.set_xlabel(f"CPU seconds for a million; {LOGARITHMIC}")
    notes = [
        "Less is better. All processes and the server's, beyond start-up; in brackets, times those of `read > file`."
    ]
    headed(figure, content, "CPU seconds for a million events, to the warehouse", notes, KINDS)
    return figure


# --- how the cost grows


def growth(content: Json) -> Any:
    figure, axes = plt.subplot_mosaic("ab;cc", figsize=(8, 7), layout="constrained")
    events = content["events"]
    for name, field, title in (
        ("a", "cpu_per_million", "CPU seconds per million events"),
        ("b", "memory", "Peak memory, MB"),
    ):
        for program in dict.fromkeys(row["program"] for row in events):
            own = [row for row in events if row["program"] == program and (row[field] or 0) > 0]
            line(axes[name], [(row["events"], row[field]) for row in own], kind(program), number)
        axes[name].set_title(title)
        axes[name].set_xlabel("events")
    axes["b"].set_ylim(bottom=10, top=1000)
    states(axes["c"], content["states"])
    for place in axes.values():
        for axis in (place.xaxis, place.yaxis):
            logarithmic(axis, short)
    notes = [f"Less is better. All axes are {LOGARITHMIC}."]
    headed(figure, content, "How the cost grows", notes, KINDS)
    return figure


def short(value: float) -> str:
    """10, 1 k, 10 M."""
    for size, letter in ((1_000_000, " M"), (1_000, " k")):
        if value >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"


def line(axes: Any, points: Sequence[tuple[float, float]], colour: str, form: Callable[[float], str]) -> None:
    """With the figures of its ends, where they are not in each other's way."""
    axes.loglog(*zip(*points, strict=True), color=colour, marker=MARKERS[colour], markersize=5)
    above = {"xytext": (6, 7), "ha": "right"}
    beside = {"xytext": (8, 0), "ha": "left", "va": "center"}
    below = {"xytext": (0, -15), "ha": "center"}
    for point, place in ((points[0], below), (points[-1], beside)):
        place = above if colour == OTHER else place
        axes.annotate(form(point[1]), point, textcoords="offset points", color=INK, **place)
    axes.margins(x=0.12, y=0.15)


def states(axes: Any, rows: Sequence[Json]) -> None:
    """The size of the state at a sync's end, and why it falls."""
    axes.set_title("State of contact_events, bytes")
    axes.set_xlabel("contacts in contact_ids")
    for program in dict.fromkeys(row["program"] for row in rows):
        own = [(row["contacts"], row["last"]) for row in rows if row["program"] == program]
        line(axes, own, kind(program), lambda size: f"{size:,.0f}")
    step = fall(rows)
    if step:
        before, behind = step
        axes.annotate(
            f"Up to {before['contacts']:,} contacts\na time for each;\nbeyond, one time for all",
            (behind["contacts"], (before["last"] * behind["last"] ** 2) ** (1 / 3)),
            (0.72, 0.25),
            textcoords="axes fraction",
            ha="right",
            va="center",
            color=MUTED,
            arrowprops={"arrowstyle": "->", "color": MUTED},
        )


def fall(rows: Sequence[Json]) -> tuple[Json, Json] | None:
    """The two neighbouring numbers of contacts between which the connector's state becomes smaller."""
    own = [row for row in rows if row["program"].startswith("connector")]
    return next(((one, other) for one, other in pairwise(own) if other["last"] < one["last"]), None)


# --- requests a second by number of workers


def workers(content: Json) -> Any:
    figure, axes = plt.subplots(figsize=(8, 5), layout="constrained")
    colours = dict(
        zip(dict.fromkeys(rate["answer_time"] for rate in content["rates"]), (OWN, SECOND, LIMIT), strict=True)
    )
    for answer_time, colour in colours.items():
        own = [rate for rate in content["rates"] if rate["answer_time"] == answer_time]
        counts = [rate["workers"] for rate in own]
        axes.loglog(counts, [count / answer_time for count in counts], color=colour, linestyle=":", linewidth=1)
        line(axes, [(rate["workers"], rate["per_second"]) for rate in own], colour, number)
    core = 1 / max(content["rates"], key=lambda rate: float(rate["per_second"]))["cpu_per_request"]
    axes.plot([counts[0], counts[-1]], [core, core], color=MUTED, linestyle="--", linewidth=1)
    axes.annotate(f"one core: {core:,.0f}", (counts[0], core), (0, 4), textcoords="offset points", color=MUTED)
    logarithmic(axes.xaxis, short)
    logarithmic(axes.yaxis, lambda value: f"{value:,g}")
    axes.set_xticks(counts, [str(count) for count in counts])
    axes.set_xlabel("num_workers")
    axes.set_ylabel("requests a second")
    notes = [
        "More is better. Both axes are logarithmic. Swipe One's contact_events. Dotted: workers ÷ answer time.",
        "Dashed: as many as the connector's own work, on one core, leaves time for. "
        f"Cores that other programs kept busy: {content['others']['median']:.1f}.",
    ]
    legend = [(colour, f"answers after {1000 * answer_time:.0f} ms") for answer_time, colour in colours.items()]
    headed(figure, content, "Requests a second by number of workers", notes, legend)
    return figure


# --- the file


def picture(figure: Any) -> str:
    """The SVG, with other colours for a reader in dark mode."""
    file = io.StringIO()
    figure.savefig(file, format="svg", metadata={"Date": None})
    rules = "".join(
        f'[style*="{use}: {light}"]{{{use}:{dark}!important}}'
        for light, dark in IN_THE_DARK.items()
        for use in ("fill", "stroke")
    )
    head, separator, body = file.getvalue().partition(" <metadata>")
    return f"{head} <style>@media (prefers-color-scheme: dark){{{rules}}}</style>\n{separator}{body}"


def drawn(content: Json) -> str:
    for field, draw in (("states", growth), ("rates", workers), ("ways", warehouse), ("rows", comparison)):
        if field in content:
            return picture(draw(content))
    raise ValueError("these are no results that can be drawn")


def main(name: str, folder: str) -> None:
    content = json.loads((Path(folder) / f"{name}.json").read_text(encoding="utf-8"))
    (Path(folder) / f"{name}.svg").write_text(drawn(content), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
