"""Draws a run's results: `python -m benchmarks.plots NAME FOLDER` reads NAME.json and writes NAME.svg beside it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("svg")
import matplotlib.pyplot as plt

OWN, OTHER, LIMIT = "#1f6feb", "#8b949e", "#d4a72c"
# Without a fixed salt and date the same numbers give another file each time.
mpl.rcParams["svg.hashsalt"] = "benchmarks"
mpl.rcParams["font.size"] = 9


def colour(program: str) -> str:
    return OWN if program.startswith("connector") else LIMIT if program.startswith("limit") else OTHER


def bars(axes: Any, rows: list[dict[str, Any]], field: str, title: str, form: str) -> None:
    """Horizontal bars from zero, with their figures."""
    rows = sorted((row for row in rows if (row[field] or 0) > 0), key=lambda row: float(row[field]), reverse=True)
    names, values = [row["program"] for row in rows], [row[field] for row in rows]
    drawn = axes.barh(names, values, color=[colour(name) for name in names])
    axes.bar_label(drawn, labels=[form.format(value) for value in values], padding=3)
    axes.set_title(title, loc="left", fontsize=10)
    axes.margins(x=0.12)
    axes.set_xticks([])
    axes.spines[["top", "right", "bottom"]].set_visible(False)


def comparison(content: dict[str, Any]) -> Any:
    rows = content["rows"]
    titles = (
        ("read", "cpu_per_million", "CPU seconds per million events, pages of 10,000", "{:.1f}"),
        ("pages", "cpu_per_million", "CPU seconds per million events, pages of 100", "{:.1f}"),
        ("carecloud", "cpu_per_million", "CPU seconds per million CareCloud property records", "{:.1f}"),
        ("contacts, 8 workers", "per_second", "Contacts a second, one request each, 8 workers", "{:,.0f}"),
        ("contacts, 40 workers", "per_second", "Contacts a second, one request each, 40 workers", "{:,.0f}"),
    )
    drawn = [entry for entry in titles if any(row["part"] == entry[0] for row in rows)]
    counts = [sum(row["part"] == part for row in rows) for part, *_ in drawn]
    figure, axes = plt.subplots(
        len(drawn), 1, figsize=(8, 0.32 * sum(counts) + 0.8 * len(drawn)), height_ratios=counts, squeeze=False
    )
    for (part, field, title, form), place in zip(drawn, axes[:, 0], strict=True):
        bars(place, [row for row in rows if row["part"] == part and row[field] is not None], field, title, form)
    return figure


def growth(content: dict[str, Any]) -> Any:
    figure, axes = plt.subplots(1, 3, figsize=(12, 3.6))
    events = content["events"]
    for place, field, title in (
        (axes[0], "cpu_per_million", "CPU seconds per million events"),
        (axes[1], "memory", "peak memory, MB"),
    ):
        for program in dict.fromkeys(row["program"] for row in events):
            own = [row for row in events if row["program"] == program and row[field] is not None]
            place.plot([row["events"] for row in own], [row[field] for row in own], "o-", label=program)
        place.set_title(title, loc="left", fontsize=10)
        place.set_xlabel("events")
        place.set_ylim(bottom=0)
    for program in dict.fromkeys(row["program"] for row in content["states"]):
        own = [row for row in content["states"] if row["program"] == program]
        contacts = [row["contacts"] for row in own]
        axes[2].plot(contacts, [row["last"] for row in own], "o-", label=f"{program}, at the end")
        axes[2].plot(contacts, [row["largest"] for row in own], "x--", label=f"{program}, largest")
    axes[2].set_title("size of the state, bytes", loc="left", fontsize=10)
    axes[2].set_xlabel("contacts")
    axes[2].set_yscale("log")
    for place in axes:
        place.set_xscale("log")
        place.legend(fontsize=8)
        place.spines[["top", "right"]].set_visible(False)
    return figure


def main(name: str, folder: str) -> None:
    content = json.loads((Path(folder) / f"{name}.json").read_text(encoding="utf-8"))
    figure = growth(content) if "states" in content else comparison(content)
    figure.tight_layout()
    figure.savefig(Path(folder) / f"{name}.svg", metadata={"Date": None}, bbox_inches="tight")


if __name__ == "__main__":
    main(*sys.argv[1:])
