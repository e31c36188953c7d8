"""The page at `/`: what is served, how to use it, and what has happened lately."""

import json
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from importlib.resources import files
from string import Template

from sandbox import control
from sandbox.faults import Faults
from sandbox.provider import Description, Endpoint, Provider
from sandbox.request_log import Entry, RequestLog

LATEST = 20
EXAMPLE_FAULT = {"path": "/events$", "skip": 2, "times": 3, "status": 503, "headers": {"Retry-After": "1"}}


def page(url: str, providers: Sequence[Provider], log: RequestLog, faults: Faults) -> str:
    template = Template(files("sandbox").joinpath("page.html").read_text(encoding="utf-8"))
    fault = f"curl -s {url}/control/faults -d '{json.dumps(EXAMPLE_FAULT)}'"
    return template.substitute(
        providers="".join(_provider(provider.describe(url)) for provider in providers),
        control=_endpoints(control.ENDPOINTS),
        names=", ".join(f"<code>{escape(provider.name)}</code>" for provider in providers),
        example_fault=_copyable(fault),
        faults=_faults(faults),
        requests=_requests(log.entries[-LATEST:]),
        total=f"{len(log.entries):,}",
    )


def _provider(description: Description) -> str:
    examples = "".join(f"<h3>{escape(title)}</h3>{_copyable(text)}" for title, text in description.examples.items())
    return (
        f"<section><h2>{escape(description.title)}</h2>"
        f'<ul class="facts">{_facts(description.facts)}</ul>'
        f"{_endpoints(description.endpoints)}"
        f"<h3>Invented credentials</h3>{_pairs(description.credentials)}"
        f"<h3>Connector configuration</h3>{_copyable(json.dumps(description.config, indent=2))}"
        f"{examples}</section>"
    )


def _facts(facts: Mapping[str, str]) -> str:
    return "".join(f"<li><b>{escape(value)}</b> {escape(name)}</li>" for name, value in facts.items())


def _pairs(pairs: Mapping[str, str]) -> str:
    return _table((), ((escape(name), f"<code>{escape(value)}</code>") for name, value in pairs.items()))


def _endpoints(endpoints: Sequence[Endpoint]) -> str:
    rows = ((f"<b>{item.method}</b>", f"<code>{escape(item.path)}</code>", escape(item.summary)) for item in endpoints)
    return _table((), rows)


def _faults(faults: Faults) -> str:
    active = [item.as_json() for item in faults.active]
    if not active:
        return '<p class="quiet">None.</p>'
    rows = (
        (
            str(item["number"]),
            f"<code>{escape(json.dumps(item['fault']))}</code>",
            str(item["seen"]),
            str(item["fired"]),
        )
        for item in active
    )
    return _table(("#", "fault", "matched", "fired"), rows)


def _requests(entries: Sequence[Entry]) -> str:
    if not entries:
        return '<p class="quiet">None yet.</p>'
    rows = (
        (
            str(entry.number),
            escape(entry.time[11:23]),
            f"<code>{escape(entry.method)} {escape(entry.path)}</code>",
            f"<code>{escape(_query(entry))}</code>",
            str(entry.status or "none"),
            "" if entry.rows is None else f"{entry.rows:,}",
        )
        for entry in reversed(entries)
    )
    return _table(("#", "time", "request", "query", "status", "rows"), rows)


def _query(entry: Entry) -> str:
    return " ".join(f"{name}={value if len(value) < 32 else f'{value[:30]}…'}" for name, value in entry.query.items())


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    titles = f"<thead><tr>{''.join(f'<th>{title}</th>' for title in head)}</tr></thead>" if head else ""
    cells = ("".join(f"<td>{cell}</td>" for cell in row) for row in rows)
    body = "".join(f"<tr>{row}</tr>" for row in cells)
    return f'<div class="wide"><table>{titles}<tbody>{body}</tbody></table></div>'


def _copyable(text: str) -> str:
    return f'<div class="copy"><button type="button">Copy</button><pre>{escape(text, quote=False)}</pre></div>'
