from __future__ import annotations

import json
import subprocess
import sys
import threading

import pyarrow as pa
import pytest

from source_events import arrow
from source_events.records.columns import ROWS
from source_events.report import ReadFailed
from source_events.settings.configuration import InvalidConfiguration
from source_events.settings.documents import InvalidDocument
from unit_tests.exchange import Transport
from unit_tests.providers.cloud4wi import requests, responses
from unit_tests.reading import configuration, read

DAY = ("2024-01-01T00:00:00Z", "2024-01-01T23:59:59Z")
FEED, LOGIN = requests.feed(*DAY), requests.login()
STATE = {
    "type": "STREAM",
    "stream": {
        "stream_descriptor": {"name": "org_events"},
        "stream_state": {"createdAt": "2024-01-01T12:00:00Z"},
    },
}
SECOND = requests.feed(*DAY, scroll="s")


def expect(network: Transport, *pages) -> None:
    """A login, these pages, and an empty one."""
    network.expect(LOGIN, responses.token())
    network.expect(FEED, pages[0])
    network.expect(SECOND, *pages[1:], responses.empty("s"))


def events(*ids: str) -> list:
    return [responses.event(each) for each in ids]


def rows_of(batches) -> list[dict]:
    """The rows as records: JSON decoded, and without nulls."""
    found = []
    for row in pa.Table.from_batches(batches).to_pylist():
        for name in ("event", "visit", "where", "when", "unknownFields"):
            row[name] = json.loads(row[name]) if row[name] else None
        row["createdAt"] = row["createdAt"].strftime("%Y-%m-%dT%H:%M:%SZ")
        found.append(row)
    return found


def ids_of(batches) -> list[str]:
    return [each for batch in batches for each in batch.column("id").to_pylist()]


class TestRead:
    def test_the_records_are_those_of_any_read(self, network):
        pages = [
            responses.page([{**responses.event("a"), "new": {"x": [1]}}, *events("b")], "s"),
            responses.page(events("c"), "s"),
        ]
        expect(network, *pages)
        with arrow.read(configuration(), "org_events") as found:
            rows = rows_of(found)
        expect(network, *pages)
        records = {record["id"]: record for record in read("org_events").records()}
        for row in rows:
            record = records.pop(row["id"])
            record.pop("new", None)
            assert {name: value for name, value in row.items() if value is not None} == record
        assert not records

    def test_nothing_is_asked_for_before_the_first_batch(self, network):
        with arrow.read(configuration(), "org_events") as found:
            assert found.schema.names[:2] == ["id", "provider"]
        assert network.made == []

    def test_small_pages_become_one_batch(self, network):
        expect(network, responses.page(events("a"), "s"), responses.page(events("b"), "s"))
        with arrow.read(configuration(), "org_events") as found:
            assert [batch.num_rows for batch in found] == [2]

    def test_large_pages_become_several(self, network):
        expect(network, responses.page(events(*map(str, range(ROWS + 1))), "s"))
        with arrow.read(configuration(), "org_events") as found:
            batches = list(found)
        assert [batch.num_rows for batch in batches] == [ROWS, 1]
        assert sorted(ids_of(batches), key=int) == [*map(str, range(ROWS + 1))]

    def test_a_batch_has_a_bounded_number_of_bytes(self, network, monkeypatch):
        monkeypatch.setattr("source_events.batches.MOST_BYTES", 2000)
        expect(network, responses.page([{**responses.event(str(n)), "new": "x" * 900} for n in range(7)], "s"))
        with arrow.read(configuration(), "org_events") as found:
            batches = list(found)
        assert len(batches) == 7
        assert max(batch.nbytes for batch in batches) <= 2000
        assert sorted(ids_of(batches)) == [*"0123456"]

    def test_plain_json_has_no_extension_type(self, network):
        expect(network, responses.page(events("a"), "s"))
        with arrow.read(configuration(), "org_events", plain_json=True) as found:
            [batch] = found
        assert batch.schema.field("when").type == pa.string()

    def test_it_is_an_arrow_stream(self, network):
        expect(network, responses.page(events("a", "b"), "s"))
        with arrow.read(configuration(), "org_events") as found:
            table = pa.table(found)
        assert table.column("id").to_pylist() == ["a", "b"]
        assert table.schema == found.schema

    def test_it_can_be_read_once(self, network):
        expect(network, responses.page(events("a"), "s"))
        with arrow.read(configuration(), "org_events") as found:
            assert ids_of(found) == ["a"]
            with pytest.raises(RuntimeError, match="call `read` again"):
                list(found)


class TestState:
    def test_it_is_what_the_next_read_goes_on_with(self, network):
        expect(network, responses.page(events("a"), "s"))
        with arrow.read(configuration(), "org_events") as found:
            assert found.state is None
            list(found)
        assert found.state == STATE
        assert json.loads(json.dumps(found.state)) == STATE
        network.expect(LOGIN, responses.token())
        start = requests.feed("2024-01-01T06:00:00Z", DAY[1])
        network.expect(start, responses.empty("s"))
        with arrow.read(configuration(lookback_window="PT6H"), "org_events", found.state) as again:
            assert list(again) == []
        assert again.state == STATE

    def test_it_is_never_ahead_of_the_batches_that_have_been_taken(self, network):
        expect(network, responses.page(events(*map(str, range(ROWS + 1))), "s"))
        with arrow.read(configuration(), "org_events") as found:
            assert [found.state for _ in found] == [None, None]
        assert found.state == STATE

    @pytest.mark.parametrize(
        "state",
        [
            {"createdAt": "2024-01-01T00:00:00Z"},
            {**STATE, "stream": {**STATE["stream"], "stream_state": {"createdAt": "x"}}},
        ],
    )
    def test_one_that_is_none_is_refused(self, state):
        with pytest.raises(InvalidDocument, match=r"^The state of `org_events` is not valid"):
            arrow.read(configuration(), "org_events", state)

    def test_one_of_another_stream_is_refused(self):
        with pytest.raises(
            InvalidDocument, match=r"^The state of `contact_events` is not valid: it is that of `org_events`"
        ):
            arrow.read(configuration(), "contact_events", STATE)


class TestErrors:
    def test_a_wrong_configuration(self):
        with pytest.raises(InvalidConfiguration, match="`num_workers`"):
            arrow.read(configuration(num_workers=0), "org_events")

    def test_a_stream_that_there_is_not(self):
        with pytest.raises(
            InvalidDocument,
            match=r"^There is no stream `x`; the streams are: contact_events, contacts, locations, org_events\.$",
        ):
            arrow.read(configuration(), "x")

    def test_a_read_that_fails_has_given_what_could_be_read(self, network):
        network.expect(LOGIN, responses.token())
        network.expect(FEED, responses.page(events("a"), "s"))
        network.expect(SECOND, responses.refused())
        found = arrow.read(configuration(), "org_events")
        batches = iter(found)
        assert next(batches).column("id").to_pylist() == ["a"]
        with pytest.raises(ReadFailed, match=r"^org_events: .*suspended") as raised:
            next(batches)
        assert raised.value.__cause__ is None
        assert found.state["stream"]["stream_state"] == {"createdAt": DAY[0]}

    def test_a_consumer_of_the_stream_gets_the_error_of_a_read(self, network):
        network.expect(LOGIN, responses.token())
        network.expect(FEED, responses.refused())
        with pytest.raises(ReadFailed, match="suspended") as raised, arrow.read(configuration(), "org_events") as found:
            pa.table(found)
        assert isinstance(raised.value.__cause__, Exception)

    def test_without_pyarrow_it_says_what_to_install(self):
        code = "import sys; sys.modules['pyarrow'] = None; import source_events.arrow"
        result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        assert result.stderr.endswith("ImportError: Arrow needs pyarrow: pip install 'source-events[arrow]'\n")

    def test_importing_it_leaves_the_log_of_the_program_alone(self):
        code = (
            "import logging, sys; logging.basicConfig(); before = logging.getLogger().handlers[:];"
            "import source_events.arrow;"
            "sys.exit(logging.getLogger().handlers != before)"
        )
        subprocess.run([sys.executable, "-c", code], check=True)


class TestLeaving:
    @pytest.fixture(autouse=True)
    def pages(self, network):
        network.expect(LOGIN, responses.token())
        network.expect(FEED, responses.page(events(*map(str, range(3 * ROWS))), "s"))
        network.expect(SECOND, responses.page(events("x"), "s"), responses.empty("s"))
        before = set(threading.enumerate())
        yield
        network.forget()
        for thread in set(threading.enumerate()) - before:
            # They have nothing left to do, but may not be gone yet.
            thread.join(10)
            assert not thread.is_alive()

    def test_a_break(self):
        for batch in arrow.read(configuration(), "org_events"):
            assert batch.num_rows == ROWS
            break

    def test_an_exception(self):
        def fail() -> None:
            with arrow.read(configuration(), "org_events") as found:
                for _ in found:
                    raise KeyError

        with pytest.raises(KeyError):
            fail()

    def test_a_stream_that_is_not_read_to_its_end(self):
        with arrow.read(configuration(), "org_events") as found:
            reader = pa.RecordBatchReader.from_stream(found)
            assert reader.read_next_batch().num_rows == ROWS

    def test_a_close(self):
        found = arrow.read(configuration(), "org_events")
        batches = iter(found)
        next(batches)
        found.close()

    def test_the_page_is_gone_when_its_batch_is_there(self, monkeypatch):
        pages = []
        convert = arrow.batches_of
        monkeypatch.setattr(arrow, "batches_of", lambda page, columns: (pages.append(page), convert(page, columns))[1])
        for _ in arrow.read(configuration(), "org_events"):
            assert [(len(page.rows), page.memory) for page in pages] == [(0, None)]
            break


class TestSlice:
    def test_a_slice_is_read_to_the_end_of_its_last_second(self, network):
        first, last = "2024-01-01T06:00:00Z", "2024-01-01T11:59:59Z"
        network.expect(LOGIN, responses.token())
        rows = [responses.event("a", "2024-01-01T11:59:59.9Z"), responses.event("b", "2024-01-01T12:00:00Z")]
        network.expect(requests.feed(first, "2024-01-01T12:00:00Z"), responses.page(rows, "s"))
        network.expect(requests.feed(first, "2024-01-01T12:00:00Z", scroll="s"), responses.empty("s"))
        assert ids_of(arrow.read_slice(configuration(), "org_events", first, last)) == ["a"]

    def test_a_slice_of_contacts(self, network):
        network.expect(LOGIN, responses.token())
        network.expect(requests.contact("c", *DAY), responses.page(events("a")))
        assert ids_of(arrow.read_slice(configuration(), "contact_events", *DAY, ["c"])) == ["a"]

    def test_a_slice_has_each_record_once_also_where_a_part_of_it_is_read_again(self, network):
        first, last = "2024-01-01T00:00:00Z", "2024-01-01T00:00:01Z"
        halves = [requests.feed(first, "2024-01-01T00:00:01Z"), requests.feed(last, "2024-01-01T00:00:02Z")]
        network.expect(LOGIN, responses.token())
        rows = [responses.event("a", first), responses.event("b", last)]
        network.expect(requests.feed(first, "2024-01-01T00:00:02Z"), responses.page([*rows, rows[0]], "s"))
        network.expect(requests.feed(first, "2024-01-01T00:00:02Z", scroll="s"), responses.error(404))
        for half, row in zip(halves, rows, strict=True):
            network.expect(half, responses.page([row], "t"))
        network.expect(requests.feed(first, "2024-01-01T00:00:01Z", scroll="t"), responses.empty("t"))
        network.expect(requests.feed(last, "2024-01-01T00:00:02Z", scroll="t"), responses.empty("t"))
        assert ids_of(arrow.read_slice(configuration(), "org_events", first, last)) == ["a", "b"]

    def test_columns_can_be_chosen(self, network):
        expect(network, responses.page(events("a"), "s"))
        [batch] = arrow.read_slice(configuration(), "org_events", *DAY, columns=["createdAt", "id"])
        assert batch.schema.names == ["createdAt", "id"]
