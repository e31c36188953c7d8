from __future__ import annotations

import subprocess
import sys
import threading

import pytest

from source_events.process.progress import Progress, TerminalLine, told
from source_events.process.terminal import Terminal


class Drawn(Terminal):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def draw(self, line: str) -> None:
        self.lines.append(line)


@pytest.fixture(autouse=True)
def plain(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setenv("NO_COLOR", "1")


class TestLog:
    def test_each_line_is_logged_every_ten_seconds(self, log):
        said = ["a: 1 records", "b: 2 records"]
        progress = Progress(lambda: said, None, 100)
        for now in (100, 105, 109.9):
            progress.tell(now)
        assert log.text == ""
        progress.tell(111)
        assert log.text.splitlines() == said
        said[:] = ["b: 3 records"]
        for now in (112, 120, 122, 131):
            progress.tell(now)
        assert log.text.splitlines() == ["a: 1 records", "b: 2 records", "b: 3 records"]
        progress.tell(132)
        assert log.text.splitlines()[3:] == ["b: 3 records"]

    def test_nothing_is_logged_while_there_is_nothing_to_tell(self, log):
        progress = Progress(list, None, 0.0)
        progress.tell(60.0)
        assert log.text == ""


class TestTerminal:
    def test_the_line_says_for_how_long_and_how_far(self, log):
        terminal = Drawn()
        progress = Progress(lambda: ["a: 1 records", "b: [red]2[/red] records"], terminal, 100.0)
        progress.tell(100.0)
        progress.tell(225.0)
        assert [line[1:] for line in terminal.lines] == [
            " 0:00 a: 1 records · b: [red]2[/red] records",
            " 2:05 a: 1 records · b: [red]2[/red] records",
        ]
        assert len(log.text.splitlines()) == 2

    def test_a_sign_moves_while_nothing_else_does(self):
        line = TerminalLine()
        assert len({line.of([], seconds / 4) for seconds in range(4)}) == 4

    def test_the_line_is_no_longer_than_the_terminal_is_wide(self):
        line = TerminalLine().of(["records " * 20], 0)
        assert len(line) == 60
        assert line.endswith("…")

    @pytest.mark.parametrize(
        ("share", "drawn"), [(0, "━" * 12 + "   0%"), (0.62, "━" * 12 + "  62%"), (1, "━" * 12 + " 100%")]
    )
    def test_a_bar_shows_the_share_as_far_as_it_is_known(self, share, drawn):
        assert TerminalLine().of(["a: 1 records"], 0, share)[1:] == f" 0:00 {drawn} a: 1 records"
        assert "━" not in TerminalLine().of(["a: 1 records"], 0, None)

    def test_a_bar_is_in_two_colours(self, monkeypatch):
        monkeypatch.delenv("NO_COLOR")
        monkeypatch.setenv("FORCE_COLOR", "1")
        line = TerminalLine().of([], 0, 0.25)
        assert f"\x1b[32m{'━' * 3}\x1b[0m" in line
        assert f"\x1b[90m{'━' * 9}\x1b[0m" in line

    def test_nothing_is_drawn_where_nothing_can_be_erased(self, monkeypatch):
        monkeypatch.setenv("TERM", "dumb")
        monkeypatch.setenv("FORCE_COLOR", "1")
        terminal = Drawn()
        Progress(lambda: ["a"], terminal, 0.0).tell(1.0)
        assert terminal.lines == []


class TestTold:
    def test_it_is_told_until_the_end_and_no_thread_is_left(self, monkeypatch):
        monkeypatch.setattr("source_events.process.progress.DRAW_EVERY", 0.001)
        asked = threading.Event()
        before = threading.active_count()

        def lines() -> list[str]:
            asked.set()
            return []

        with told(lines):
            assert asked.wait(5)
            assert threading.active_count() == before + 1
        assert threading.active_count() == before

    def test_an_error_ends_it_too(self):
        before = threading.active_count()
        with pytest.raises(ValueError, match="of the block"), told(list):
            raise ValueError("of the block")
        assert threading.active_count() == before


def test_the_library_for_terminals_is_imported_only_where_there_is_one():
    code = (
        "import sys; from source_events.process import progress; import time\n"
        "progress.DRAW_EVERY = 0.001\n"
        "with progress.told(lambda: ['a']): time.sleep(0.1)\n"
        "assert 'rich' not in sys.modules and 'airbyte_cdk' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
