from __future__ import annotations

import json
from typing import Any

import pytest

from source_events.process.table import Column, Table, fitting, printable, shortened, text_of


def lines(*records: dict[str, Any]) -> list[bytes]:
    return [json.dumps(record).encode() for record in records]


def event(number: int, **fields: Any) -> dict[str, Any]:
    return {
        "body": {"a": number},
        "id": f"id-{number}",
        "provider": "cloud4wi",
        "type": "visit",
        "createdAt": f"2024-01-01T00:00:0{number}.5Z",
        "organizationId": "o",
        "contactId": "c",
        **fields,
    }


@pytest.fixture(autouse=True)
def _terminal(monkeypatch):
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "80")


def shown(capsys, *records: dict[str, Any]) -> list[str]:
    Table(lines(*records)).show("org_events", "Cloud4Wi")
    return [line.rstrip() for line in capsys.readouterr().out.splitlines()]


class TestShow:
    def test_the_head_says_what_it_is_and_the_newest_come_first(self, capsys):
        assert shown(capsys, event(1), event(3), event(2)) == [
            "3 records of org_events, Cloud4Wi",
            "createdAt 2024-01-01T00:00:01Z to 2024-01-01T00:00:03Z",
            "organizationId o",
            "",
            "createdAt             type   contactId  id    body",
            "─" * 54,
            '2024-01-01T00:00:03Z  visit  c          id-3  {"a": 3}',
            '2024-01-01T00:00:02Z  visit  c          id-2  {"a": 2}',
            '2024-01-01T00:00:01Z  visit  c          id-1  {"a": 1}',
        ]

    def test_a_single_one_has_one_time(self, capsys):
        assert shown(capsys, event(1))[:2] == [
            "1 record of org_events, Cloud4Wi",
            "createdAt 2024-01-01T00:00:01Z",
        ]

    def test_an_organization_that_differs_is_a_column(self, capsys):
        text = shown(capsys, event(1), event(2, organizationId="p"))
        assert not any(line.startswith("organizationId") for line in text)
        assert "organizationId" in text[3]

    def test_what_there_is_no_room_for_is_named_and_no_line_is_too_long(self, capsys):
        fields = {f"field_{number}": "x" * 300 for number in range(9)}
        text = shown(capsys, event(1, **{name: f"{name} {value}" for name, value in fields.items()}))
        assert max(map(len, text)) <= 80
        [first, *_] = [place for place, line in enumerate(text) if line.startswith("Not shown: ")]
        assert "field_8. --json shows whole records." in " ".join(text[first:])

    def test_a_field_that_says_what_another_does_or_nothing_is_no_column(self, capsys):
        text = shown(capsys, event(1, customer="c", empty=None))
        assert "customer" not in text[4]
        assert text[-1] == "Not shown: customer. --json shows whole records."

    def test_there_are_no_colours_where_there_is_no_terminal(self, capsys):
        assert "\x1b" not in "".join(shown(capsys, event(1, text="\x1b[31mred\x1b[0m [bold]b[/bold]")))

    def test_markup_in_a_value_is_shown_as_it_is(self, capsys):
        assert "[bold]b[/bold]" in shown(capsys, event(1, text="[bold]b[/bold]", body=None))[-1]


class TestFitting:
    def test_every_value_has_its_whole_width_where_there_is_room(self):
        a, b = Column("id", ("x" * 40,)), Column("b", ("y" * 30,))
        assert fitting([a, b], 100) == {a: 40, b: 30}

    def test_natives_get_the_room_that_is_left_first(self):
        a, b = Column("id", ("x" * 40,)), Column("b", ("y" * 30,))
        assert fitting([a, b], 50) == {a: 18, b: 30}

    def test_a_column_that_would_be_too_narrow_is_left_out(self):
        a, b = Column("id", ("x" * 14,)), Column("b", ("y" * 30,))
        assert fitting([a, b], 23) == {a: 14}
        assert fitting([a, b], 24) == {a: 14, b: 8}


class TestTexts:
    @pytest.mark.parametrize(
        ("raw", "text"),
        [(b'"a\\u00e9"', "aé"), (b"null", ""), (b"12.50", "12.50"), (b'{"a":1}', '{"a":1}'), (None, "")],
    )
    def test_a_text_is_shown_as_such_and_anything_else_as_its_json(self, raw, text):
        assert text_of(raw) == text

    @pytest.mark.parametrize("control", ["\x1b", "\x07", "\x9b", "\u202e", "\u2028"], ids=ascii)
    def test_what_a_terminal_would_obey_is_replaced(self, control):
        assert printable(f"a{control}b") == "a\ufffdb"

    @pytest.mark.parametrize(
        ("text", "short"), [("abcd", "abcd"), ("abcde", "abc…"), ("日本", "日本"), ("日本語", "日 …")]
    )
    def test_a_long_text_is_cut_by_the_cells_that_it_takes(self, text, short):
        assert shortened(text, 4) == short
