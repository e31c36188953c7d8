"""`python -m docs.generate` brings the parts of the documentation that repeat the code up to date.

Such a part stands between `<!-- generated: KIND ARGUMENTS -->` and `<!-- end -->`; a test fails when one is out of
date. Everything comes from the specification, the manifests, the schemas and the results of the benchmarks. The version
is written into every file that repeats it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import claims, scaling
from docs import version
from sandbox.provider import descriptions
from source_events import providers
from source_events.settings.specification import specification

PROJECT = Path(__file__).resolve().parent.parent
PAGES = ("README.md", "docs/**/*.md", "examples/**/*.md")
BLOCK = re.compile(r"(<!-- generated: (?P<kind>\w+)(?P<arguments>[^>]*?) -->\n).*?(<!-- end -->)", re.DOTALL)
NONE = "-"
MARKUP = {r"</?(?:i|b)>": "*", r"</?code>": "`", "&gt;": ">", "&lt;": "<", r"<br ?/?>": " "}

Json = Mapping[str, Any]


@dataclass(frozen=True)
class Stream:
    """A stream as its manifest and its schema describe it."""

    name: str
    primary_key: str
    cursor: str | None
    fields: Json


def main() -> None:
    for path in pages():
        _rewrite(path, up_to_date)
    for path in version.files():
        _rewrite(path, version.up_to_date)
    _rewrite(PROJECT / "acceptance-test-config.yml", with_scenarios)
    _rewrite(PROJECT / ".github/ISSUE_TEMPLATE/defect.yml", with_titles)


def _rewrite(path: Path, made_anew: Callable[[str], str]) -> None:
    text = path.read_text(encoding="utf-8")
    if (now := made_anew(text)) != text:
        path.write_text(now, encoding="utf-8")
        print(f"{path.relative_to(PROJECT)} has changed")


def pages() -> list[Path]:
    """The pages of the documentation."""
    return sorted(path for pattern in PAGES for path in PROJECT.glob(pattern))


def up_to_date(page: str) -> str:
    """The page with its generated parts made anew."""

    def made_anew(block: re.Match[str]) -> str:
        lines = KINDS[block["kind"]](*block["arguments"].split())
        return f"{block[1]}\n" + "".join(f"{line}\n" for line in lines) + f"\n{block[4]}"

    return BLOCK.sub(made_anew, page)


# --- configuration


def common_configuration() -> Iterator[str]:
    """The fields that every system has."""
    form = specification()["connectionSpecification"]
    yield from _fields({**form, "properties": {**form["properties"], "provider": {**_provider(form), "oneOf": None}}})


def configuration(provider: str) -> Iterator[str]:
    """The fields of one system's `provider`."""
    yield from _fields(providers.connection_specification(provider))


def _provider(form: Json) -> Json:
    field: Json = form["properties"]["provider"]
    return field


def _fields(form: Json) -> Iterator[str]:
    yield from _table(("Field", "Title", "Default", "Meaning"), _rows(form))


def _rows(form: Json, prefix: str = "", branch: str = "") -> Iterator[Sequence[str]]:
    required = form.get("required", ())
    for name, field in sorted(form["properties"].items(), key=lambda item: item[1].get("order", 0)):
        default = "**required**" if name in required else f"`{field['default']}`" if "default" in field else NONE
        meaning = _text(field.get("description", ""))
        if "const" in field:
            meaning = f"`{field['const']}`"
        if "enum" in field:
            meaning += f" One of {', '.join(f'`{value}`' for value in field['enum'])}."
        if field.get("airbyte_secret"):
            meaning += " *Secret.*"
        yield f"`{prefix}{name}`", field.get("title", ""), default, branch + meaning
        for choice in field.get("oneOf") or ():
            yield from _rows(choice, f"{prefix}{name}.", f"{choice['title']}: ")


# --- streams


def streams(provider: str) -> Iterator[str]:
    """The streams of a system."""
    rows = [
        (f"`{stream.name}`", f"`{stream.primary_key}`", f"`{stream.cursor}`" if stream.cursor else NONE, _modes(stream))
        for stream in streams_of(provider)
    ]
    yield from _table(("Stream", "Primary key", "Cursor", "Sync modes"), rows)


def stream_overview() -> Iterator[str]:
    """Which system has which stream."""
    known = {name: streams_of(name) for name in providers.names()}
    titles = [f"[{_title(name)}](providers/{name}.md)" for name in known]
    streams = {stream.name for of_one in known.values() for stream in of_one}
    having = {name: {stream.name for stream in of_one} for name, of_one in known.items()}
    order = sorted(streams, key=lambda name: (-sum(name in of_one for of_one in having.values()), name))
    rows = [
        (f"`{name}`", *("yes" if name in having[provider] else NONE for provider in known), _modes_of_all(name, known))
        for name in order
    ]
    yield from _table(("Stream", *titles, "Sync modes"), rows)


def fields(provider: str, name: str) -> Iterator[str]:
    """The fields of a stream."""
    (stream,) = (stream for stream in streams_of(provider) if stream.name == name)
    yield from _table(("Field", "Type", "Meaning"), _field_rows(stream.fields))


def _field_rows(fields: Json, prefix: str = "") -> Iterator[Sequence[str]]:
    for name, field in fields.items():
        yield f"`{prefix}{name}`", _type(field), field.get("description", "")
        yield from _field_rows(field.get("properties", {}), f"{prefix}{name}.")


def entities(provider: str) -> Iterator[str]:
    """A diagram of the streams, their fields and the fields by which they refer to each other."""
    known = streams_of(provider)
    yield "```mermaid"
    yield "erDiagram"
    for stream in known:
        yield f"    {stream.name} {{"
        references = dict(_references(stream, known))
        for name, field in stream.fields.items():
            keys = ["PK"] * (name == stream.primary_key) + ["FK"] * (name in references)
            yield f"        {_type(field).replace(' or ', '_or_')} {name} {', '.join(keys)}".rstrip()
        yield "    }"
    for stream in known:
        for field, target in _references(stream, known):
            yield f"    {target} ||--o{{ {stream.name} : {field}"
    yield "```"


def _references(stream: Stream, known: Sequence[Stream]) -> Iterator[tuple[str, str]]:
    """The fields that hold another stream's key: of the same name, or, for the key `id`, named after the stream."""
    named = {"contactId": "contacts", "eventId": "org_events", "type": "event_definitions"}
    targets = {other.primary_key: other.name for other in known if other.primary_key != "id"}
    targets |= {field: target for field, target in named.items() if any(other.name == target for other in known)}
    for field, target in targets.items():
        if field in stream.fields and target != stream.name:
            yield field, target


def streams_of(provider: str) -> list[Stream]:
    """A system's streams, in the manifest's order."""
    return [_stream(stream) for stream in providers.manifest(provider)["streams"]]


def _stream(stream: Json) -> Stream:
    own = stream["retriever"].get("cursor_field")
    cursor = stream["incremental_sync"]["cursor_field"] if "incremental_sync" in stream else own
    schema = json.loads(Path(stream["schema_loader"]["file_path"]).read_text("utf-8"))
    return Stream(stream["name"], stream["primary_key"], cursor, schema["properties"])


def _modes_of_all(name: str, known: Mapping[str, Sequence[Stream]]) -> str:
    """The sync modes of a stream; where they differ, which systems have more than full refresh."""
    modes = {_title(system): _modes(each) for system, of_one in known.items() for each in of_one if each.name == name}
    if len(set(modes.values())) == 1:
        return next(iter(modes.values()))
    more = [title for title, of_one in modes.items() if "incremental" in of_one]
    return f"full refresh; {', '.join(more)}: incremental, too"


def _modes(stream: Stream) -> str:
    return "full refresh, incremental" if stream.cursor else "full refresh"


def _type(field: Json) -> str:
    if "airbyte_type" in field:
        return str(field["airbyte_type"])
    kinds = [field["type"]] if isinstance(field.get("type"), str) else field.get("type", ["any"])
    return " or ".join(kind for kind in kinds if kind != "null")


def systems() -> Iterator[str]:
    """The pages of the systems."""
    yield ", ".join(f"[{_title(name)}](providers/{name}.md)" for name in providers.names())


def overview() -> Iterator[str]:
    """The systems with their streams."""
    yield from _table(("System", "`provider_type`", "Streams", ""), map(_overview, providers.names()))


def _overview(name: str) -> Sequence[str]:
    described: str = providers.connection_specification(name)["description"]
    streams = ", ".join(f"`{stream.name}`" for stream in streams_of(name))
    return f"[**{_title(name)}**](docs/providers/{name}.md)", f"`{name}`", streams, described.rstrip(".")


def folders() -> Iterator[str]:
    """The folders of the systems."""
    yield ", ".join(f"[{name}]({name})" for name in providers.names())


def seed_blocks() -> Iterator[str]:
    """The block `seed` of each system, with contacts and types that the sandbox has."""
    described = descriptions("")
    blocks = {_title(name): described[name].seed for name in providers.names() if name in described}
    yield from _table(
        ("System", "`seed`"), [(title, f"`{json.dumps(block)}`") for title, block in blocks.items() if block]
    )


# --- files that are no pages


def with_scenarios(text: str) -> str:
    """The CDK's standard tests of each configuration; one with wrong credentials fails whatever makes a request."""
    head, key, _ = text.partition("acceptance_tests:\n")
    folder = PROJECT / "integration_tests/configs"
    right = [folder / f"{name}.json" for name in providers.names()]
    wrong = [path for name in providers.names() for path in sorted(folder.glob(f"{name}_wrong_*.json"))]
    lines = []
    for kind in ("spec", "connection", "discovery", "basic_read", "full_refresh"):
        lines += [f"  {kind}:", "    tests:"]
        for path in right if kind == "discovery" else (*right, *wrong):
            lines += [f"      - config_path: {path.relative_to(PROJECT)}"]
            lines += [f"        status: {'succeed' if path in right else 'failed'}"]
    return head + key + "".join(f"{line}\n" for line in lines)


def with_titles(text: str) -> str:
    """The form for defects with all systems."""
    titles = ", ".join(map(_title, providers.names()))
    return re.sub(r"options: \[.*, several or none\]", f"options: [{titles}, several or none]", text)


def pictures() -> Iterator[str]:
    """The form of each system, and of each choice of credentials that it has but the first."""
    lines: list[str] = []
    for name in providers.names():
        lines += _pictures(f"## {_title(name)}", f"the form for {_title(name)}", name)
        for suffix, choice in _further_choices(name):
            title = f"the form for {_title(name)} with {choice}"
            lines += _pictures(f"## {_title(name)}, {choice}", title, f"{name}-{suffix}")
    yield from lines[:-1]


def _further_choices(name: str) -> Iterator[tuple[str, str]]:
    for field in providers.connection_specification(name)["properties"].values():
        for choice in field.get("oneOf", ())[1:]:
            constant = next(each["const"] for each in choice["properties"].values() if "const" in each)
            yield constant, choice["title"]


def _pictures(heading: str, title: str, name: str) -> Iterator[str]:
    yield from (heading, "", f"![{title}](pictures/{name}.png)", "")
    yield from ("<details><summary>With the optional fields</summary>", "")
    yield from (f"![{title}, with the optional ones](pictures/{name}-unfolded.png)", "", "</details>", "")


# --- text


def _title(provider: str) -> str:
    return str(providers.connection_specification(provider)["title"])


def _text(description: str) -> str:
    for markup, sign in MARKUP.items():
        description = re.sub(markup, sign, description)
    return description


def _table(head: Sequence[str], rows: Iterator[Sequence[str]] | Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"


KINDS: Mapping[str, Callable[..., Iterator[str]]] = {
    function.__name__: function
    for function in (
        *(common_configuration, configuration, streams, stream_overview, fields, entities, systems, folders, pictures),
        *(overview, seed_blocks),
        *(claims.speed, claims.requests_a_second, claims.requests_of_contacts, claims.sync_times),
        *(claims.memory, claims.state),
        *(scaling.scaling_contacts, scaling.scaling_events, scaling.scaling_accounts),
    )
}

if __name__ == "__main__":
    main()
