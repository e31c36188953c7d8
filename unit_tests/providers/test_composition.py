from __future__ import annotations

import pytest

from source_events.components.templates import InvalidManifest
from source_events.providers.composition import References, composed

SHARED = {"source": {"version": "1", "type": "DeclarativeSource"}, "event_cursor": {"cursor_field": "createdAt"}}
STREAM = {"name": "events", "primary_key": "id", "retriever": {"class_name": "a.Reader"}}


def resolved(value, **definitions):
    return References({"definitions": definitions}).resolved(value)


class TestReferences:
    def test_a_text_stands_for_what_it_refers_to(self):
        assert resolved({"a": ["#/definitions/b"]}, b="#/definitions/c", c={"d": 1}) == {"a": [{"d": 1}]}

    def test_one_may_lead_into_an_object(self):
        assert resolved("#/definitions/a/b", a={"b": 1}) == 1

    def test_an_object_says_only_where_it_differs_at_every_depth(self):
        base = {"requester": {"url": "a", "parameters": {"x": 1, "y": 2}}, "paging": 1}
        own = {"$ref": "#/definitions/base", "requester": {"parameters": {"y": 3}}}
        assert resolved(own, base=base) == {"requester": {"url": "a", "parameters": {"x": 1, "y": 3}}, "paging": 1}
        assert base["requester"]["parameters"]["y"] == 2

    def test_null_takes_a_field_away(self):
        own = {"$ref": "#/definitions/base", "parameters": {"x": None}}
        assert resolved(own, base={"parameters": {"x": {"z": 1}}}) == {"parameters": {"x": None}}

    @pytest.mark.parametrize(
        ("own", "expected"),
        [
            ({"class_name": "B"}, {"class_name": "B"}),
            ({"$ref": "#/definitions/other"}, {"class_name": "C"}),
            ("#/definitions/other", {"class_name": "C"}),
        ],
    )
    def test_an_object_that_says_what_it_is_has_nothing_of_the_one_whose_place_it_takes(self, own, expected):
        base = {"paging": {"class_name": "A", "limit": 1}}
        found = resolved({"$ref": "#/definitions/base", "paging": own}, base=base, other={"class_name": "C"})
        assert found == {"paging": expected}

    @pytest.mark.parametrize(
        "value", ["#/definitions/none", {"$ref": "#/definitions/a/b"}, {"x": "#/definitions/a/b/c"}]
    )
    def test_what_nothing_defines_is_named(self, value):
        with pytest.raises(InvalidManifest, match=r"refers to `#/definitions/[a-c/none]+`, which nothing defines"):
            resolved(value, a={"c": 1})

    def test_a_circle_is_named(self):
        with pytest.raises(InvalidManifest, match="`#/definitions/a` refers to itself"):
            resolved("#/definitions/a", a={"b": "#/definitions/c"}, c={"$ref": "#/definitions/a"})

    def test_what_is_no_object_has_no_fields_to_differ_in(self):
        with pytest.raises(InvalidManifest, match=r"`.ref: #/definitions/a` does not refer to an object"):
            resolved({"$ref": "#/definitions/a", "b": 1}, a=[1])


class TestManifest:
    @pytest.fixture
    def schemas(self, tmp_path):
        for name in ("events", "other"):
            (tmp_path / f"{name}.json").write_text("{}")
        return tmp_path

    @pytest.fixture
    def compose(self, schemas):
        return lambda **own: composed(own, SHARED, schemas)

    def test_what_all_have_need_not_be_said(self, compose, schemas):
        assert compose(streams=[STREAM], definitions={"unused": 1}) == {
            **SHARED["source"],
            "check": {"type": "CheckStream", "stream_names": ["events"]},
            "streams": [
                {
                    "type": "DeclarativeStream",
                    **STREAM,
                    "retriever": {"type": "CustomRetriever", **STREAM["retriever"]},
                    "schema_loader": {"type": "JsonFileSchemaLoader", "file_path": str(schemas / "events.json")},
                }
            ],
        }

    def test_it_may_be_said_all_the_same(self, compose):
        check = {"type": "CheckStream", "stream_names": ["other"]}
        manifest = compose(version="2", check=check, streams=[STREAM])
        assert (manifest["version"], manifest["check"]) == ("2", check)

    def test_a_stream_whose_cursor_is_taken_away_has_none(self, compose):
        [stream] = compose(streams=[{**STREAM, "incremental_sync": None}])["streams"]
        assert "incremental_sync" not in stream

    def test_the_key_of_rows_may_be_the_primary_key(self, compose):
        rows = {"requester": {"decoder": {"key": "n"}}}
        assert compose(streams=[{**STREAM, "primary_key": "n", "retriever": rows}])["streams"]

    def test_streams_may_share_a_schema(self, compose):
        [stream] = compose(streams=[{**STREAM, "schema": "other"}])["streams"]
        assert stream["schema_loader"]["file_path"].endswith("/other.json")
        assert "schema" not in stream

    @pytest.mark.parametrize(
        ("own", "message"),
        [
            ({"streams": [STREAM], "spec": {}}, "A manifest has no field `spec`; it has check, "),
            ({"streams": []}, "The manifest has no `streams`"),
            ({"streams": [{**STREAM, "transformations": []}]}, "The stream `events` has no field `transformations`"),
            ({"streams": [{"name": "events", "primary_key": "id"}]}, "The stream `events` has no `retriever`"),
            ({"streams": [{**STREAM, "name": "none"}]}, "no schema: there is no file `schemas/none.json`"),
            ({"streams": [{**STREAM, "incremental_sync": {"cursor_field": "at"}}]}, "can be nothing but"),
            ({"streams": [STREAM, STREAM]}, "more than one stream `events`"),
            (
                {"streams": [{**STREAM, "retriever": {"requester": {"decoder": {"key": "n"}}}}]},
                "The stream `events` has the primary key `id`, and its rows `n`",
            ),
        ],
    )
    def test_what_would_be_ignored_or_is_missing_is_named(self, compose, own, message):
        with pytest.raises(InvalidManifest, match=message):
            compose(**own)
