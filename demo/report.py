"""How the demo looks: lines while it runs, tables at its end; readable without colour, and in 80 columns."""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from io import TextIOWrapper

from rich import box
from rich.console import Console, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from demo.warehouse import Trend
from source_events.process.sparkline import sparkline

LONGEST_KIND = 16


class Screen:
    """The terminal, or the file or pipe in its place."""

    def __init__(self) -> None:
        if isinstance(sys.stdout, TextIOWrapper):
            sys.stdout.reconfigure(errors="replace")
        # Bound to the stream as it is now: PyAirbyte's chatter is kept out of it by redirection.
        self._console = Console(file=sys.stdout, highlight=False)
        self._plain = not (self._console.encoding or "").lower().startswith("utf")

    def heading(self, text: str) -> None:
        self._console.print()
        self._console.print(Text(text, style="bold"))

    def line(self, text: str, style: str = "") -> None:
        self._console.print(_indented(Text(text, style=style)))

    def good(self, text: str) -> None:
        self.line(f"{'ok' if self._plain else '✓'} {text}", "green")

    def bad(self, text: str) -> None:
        self.line(f"{'FAILED:' if self._plain else '✗ FAILED:'} {text}", "bold red")

    def code(self, text: str) -> None:
        """To be copied: neither broken into lines nor indented, which Python would mind."""
        for line in text.strip().splitlines():
            self._console.print(Text(line, style="cyan"), soft_wrap=True)

    def table(
        self, columns: Sequence[str], rows: Sequence[Sequence[str]], texts: int = 1, total: Sequence[str] = ()
    ) -> None:
        """A table whose first columns are texts and whose others are numbers."""
        lines = box.ASCII2 if self._plain else box.SIMPLE_HEAD
        table = Table(box=lines, show_edge=False, pad_edge=False, padding=(0, 2, 0, 0))
        for number, column in enumerate(columns):
            table.add_column(column, justify="left" if number < texts else "right", no_wrap=True)
        for row in rows:
            table.add_row(*map(Text, row))
        if total:
            table.add_section()
            table.add_row(*map(Text, total))
        self._console.print(_indented(table))

    def trends(self, title: str, kind: str, trends: Sequence[Trend], start: datetime, weeks: int) -> None:
        """Events week by week, a line for each type or whatever the kind is; those without a time are in no week."""
        end = start + timedelta(weeks=weeks)
        self.heading(f"{title}, week by week from {_day(start)} to {_day(end)}")
        total = [
            "all",
            self._sparkline([sum(counts) for counts in zip(*(trend.weeks for trend in trends), strict=True)]),
            f"{sum(trend.weeks[-1] for trend in trends):,}",
            f"{sum(trend.events for trend in trends):,}",
        ]
        self.table(
            [kind, f"{weeks} weeks", "last week", "events", "contacts"],
            [self._trend(trend) for trend in trends],
            texts=2,
            total=total,
        )

    def _trend(self, trend: Trend) -> list[str]:
        numbers = (trend.weeks[-1], trend.events, trend.contacts)
        cut = ".." if self._plain else "…"
        kind = trend.kind if len(trend.kind) <= LONGEST_KIND else trend.kind[: LONGEST_KIND - len(cut)] + cut
        return [kind, self._sparkline(trend.weeks), *(f"{number:,}" for number in numbers)]

    @contextmanager
    def working(self, text: str, progress: Callable[[], str] = lambda: "") -> Iterator[None]:
        """Show that something goes on: live at a terminal, with what the progress says; as one line elsewhere."""
        if not self._console.is_terminal:
            self.line(f"{text} ...")
            yield
            return
        display = _Working(text, progress)
        with Live(
            display,
            console=self._console,
            transient=True,
            refresh_per_second=8,
            redirect_stdout=False,
            redirect_stderr=False,
        ):
            yield

    def _sparkline(self, counts: Sequence[int]) -> str:
        return sparkline(counts, plain=self._plain)


class _Working:
    """A spinner, the seconds, and a progress that is asked for twice a second."""

    def __init__(self, text: str, progress: Callable[[], str]) -> None:
        self._spinner = Spinner("line")
        self._text = text
        self._progress = progress
        self._started = self._asked = time.monotonic()
        self._last = ""

    def __rich__(self) -> Spinner:
        now = time.monotonic()
        if now - self._asked > 0.5:
            self._asked, self._last = now, self._progress()
        text = f"{self._text}  {now - self._started:.0f} s  {self._last}"
        self._spinner.update(text=Text(text, no_wrap=True, overflow="ellipsis"))
        return self._spinner


def _indented(content: RenderableType) -> Padding:
    return Padding(content, (0, 0, 0, 2), expand=False)


def _day(moment: datetime) -> str:
    return f"{moment.day} {moment:%b %Y}"
