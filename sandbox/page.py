"""The page at `/`: what is served, how to use it, what happens, and what can be switched while it does."""

import json
import re
import shlex
import sys
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template

from sandbox import control
from sandbox.behaviour import Switch, switches
from sandbox.histogram import Bar, histogram
from sandbox.presets import PRESETS, Preset
from sandbox.provider import Endpoint, Provider

EXAMPLE_FAULT = {"path": "/events$", "skip": 2, "times": 3, "status": 503, "headers": {"Retry-After": "1"}}
CODE = re.compile(r"`(\w+)`")
ADDED = 100
"""Events that a button adds, on the day after the last: those that the next sync finds."""


def page(url: str, providers: Sequence[Provider]) -> str:
    titles = {provider.name: provider.describe(url).title for provider in providers}
    return Template(_file("page.html")).substitute(
        style=_file("page.css"),
        script=_file("page.js"),
        url=escape(url),
        contents=_contents({"requests": "Requests", "faults": "Faults", **titles, "control": "Control"}),
        systems=" or ".join(f'<a href="#{name}">{escape(title)}</a>' for name, title in titles.items()),
        first_commands=_commands(providers[0].name, url),
        presets="".join(map(_preset, PRESETS)),
        example_fault=escape(json.dumps(EXAMPLE_FAULT)),
        providers="".join(_provider(provider, url) for provider in providers),
        names=", ".join(f"<code>{escape(name)}</code>" for name in titles),
        control=_endpoints(control.ENDPOINTS),
        fault_command=_copyable(f"curl -sS {url}/control/faults -d '{json.dumps(EXAMPLE_FAULT)}'"),
    )


def check_command(provider: str, url: str) -> str:
    """A command for a shell in any folder, with the programs of the environment that the sandbox runs in."""
    return f"{_saved_config(provider, url)}\n  {_connector()} check --config {_config_file(provider)}"


def read_command(provider: str, url: str) -> str:
    config, catalog = _config_file(provider), f"sandbox-{provider}-catalog.json"
    return (
        f"{_saved_config(provider, url)}\n"
        f"  {_connector()} catalog --config {config} > {catalog} &&\n"
        f"  {_connector()} read --config {config} --catalog {catalog} > sandbox-{provider}.jsonl"
    )


def _saved_config(provider: str, url: str) -> str:
    return f"curl -sSf {url}/control/{provider}/config -o {_config_file(provider)} &&"


def _config_file(provider: str) -> str:
    """The name says whose it is, so that it takes no other configuration's place."""
    return f"sandbox-{provider}.json"


def _connector() -> str:
    return shlex.quote(str(Path(sys.executable).with_name("source-events")))


def _file(name: str) -> str:
    return files("sandbox").joinpath(name).read_text(encoding="utf-8").strip()


def _contents(places: Mapping[str, str]) -> str:
    return "\n    ".join(f'<a href="#{name}">{escape(title)}</a>' for name, title in places.items())


def _commands(provider: str, url: str) -> str:
    commands = {"Check": check_command(provider, url), "Read": read_command(provider, url)}
    return "".join(f"<h3>{title}</h3>{_copyable(command)}" for title, command in commands.items())


def _preset(preset: Preset) -> str:
    fault = escape(json.dumps(preset.fault))
    said = f"<span>{escape(preset.name)}<small>{escape(preset.summary)} <em></em></small></span>"
    return f'<li><label>{said}<input type="checkbox" role="switch" data-fault="{fault}"></label></li>'


def _provider(provider: Provider, url: str) -> str:
    description, days = provider.describe(url), provider.events_by_day()
    examples = "".join(f"<h3>{escape(title)}</h3>{_copyable(text)}" for title, text in description.examples.items())
    folded = {
        "Configuration": _copyable(json.dumps(description.config, indent=2)),
        "Invented credentials": _pairs(description.credentials),
        "Endpoints": _endpoints(description.endpoints),
        "Requests by hand": examples,
        "Switches": _switches(provider),
    }
    return (
        f'<section id="{provider.name}"><h2>{escape(description.title)}</h2>'
        f"{_facts(days, description.facts)}{_histogram(days)}"
        f"{_commands(provider.name, url)}"
        f"{_adding(provider.name, days)}"
        + "".join(f"<details><summary>{title}</summary>{content}</details>" for title, content in folded.items())
        + "</section>"
    )


def _facts(days: Mapping[date, int], facts: Mapping[str, str]) -> str:
    said = [
        f"<b>{sum(days.values()):,}</b> events",
        *(f"{escape(name)} <b>{escape(facts[name])}</b>" for name in facts),
    ]
    return f'<p class="facts">{" · ".join(said)}</p>'


def _histogram(days: Mapping[date, int]) -> str:
    stretches = histogram(days)
    bars = [bar for stretch in stretches for bar in stretch]
    if not bars:
        return ""
    highest = max(bar.events for bar in bars)
    width = (bars[0].last - bars[0].first).days + 1
    said = f"{_span(min(days), max(days))}; a bar is {'a day' if width == 1 else f'{width} days'}, at most {highest:,}"
    if len(stretches) > 1:
        said += "; long pauses are left out"
    drawn = '<span aria-hidden="true">…</span>'.join(_stretch(stretch, highest) for stretch in stretches)
    return f'<figure class="histogram"><div>{drawn}</div><figcaption>{said}.</figcaption></figure>'


def _stretch(bars: Sequence[Bar], highest: int) -> str:
    rows = (
        f'<rect x="{place + 0.1}" y="{100 - height:g}" width=".8" height="{height:g}">'
        f"<title>{_span(bar.first, bar.last)}: {bar.events:,}</title></rect>"
        for place, bar in enumerate(bars)
        if (height := 100 * bar.events / highest)
    )
    name = f"{sum(bar.events for bar in bars):,} events, {_span(bars[0].first, bars[-1].last)}"
    return (
        f'<svg viewBox="0 0 {len(bars)} 100" preserveAspectRatio="none" style="--bars: {len(bars)}" role="img" '
        f'aria-label="{name}">{"".join(rows)}</svg>'
    )


def _span(first: date, last: date) -> str:
    return _day(first) if first == last else f"{_day(first)} to {_day(last)}"


def _day(day: date) -> str:
    return f"{day.day} {day:%b %Y}"


def _adding(provider: str, days: Mapping[date, int]) -> str:
    if not days:
        return ""
    day = max(days) + timedelta(days=1)
    events = escape(json.dumps({"generate": ADDED, "start": f"{day}T00:00:00Z", "end": f"{day}T23:59:59Z"}))
    button = f'<button type="button" data-provider="{provider}" data-add="{events}">Add {ADDED} events</button>'
    return f"<p>{button} on {_day(day)}, for a read that goes on from a state.</p>"


def _switches(provider: Provider) -> str:
    rows = (
        f"<li{' class=changed' if switch.value != switch.default else ''}><label><span><code>{switch.name}</code>"
        f"<small>{_prose(switch.meaning)}</small><output class=error></output></span>"
        f"{_input(provider.name, switch)}</label></li>"
        for switch in switches(provider.behaviour)
    )
    return f'<ul class="switches">{"".join(rows)}</ul>'


def _input(provider: str, switch: Switch) -> str:
    default = escape(json.dumps(switch.default))
    data = f'data-provider="{provider}" data-switch="{switch.name}" data-default="{default}"'
    if switch.kind == "choice":
        options = "".join(_option(choice, choice == switch.value) for choice in switch.choices)
        return f'<select {data} autocomplete="off">{options}</select>'
    if switch.kind == "flag":
        return f'<input type="checkbox" role="switch" {data} autocomplete="off"{" checked" if switch.value else ""}>'
    value = "" if switch.value is None else escape(str(switch.value))
    step = 'step="any" placeholder="none"' if switch.kind == "number" else ""
    return f'<input type="{switch.kind}" {step} value="{value}" {data} autocomplete="off">'


def _option(choice: object, selected: bool) -> str:
    chosen = " selected" if selected else ""
    return f'<option value="{escape(json.dumps(choice))}"{chosen}>{escape(str(choice))}</option>'


def _prose(text: str) -> str:
    return CODE.sub(r"<code>\1</code>", escape(text))


def _pairs(pairs: Mapping[str, str]) -> str:
    return _table([(escape(name), f"<code>{escape(value)}</code>") for name, value in pairs.items()])


def _endpoints(endpoints: Sequence[Endpoint]) -> str:
    rows = [(f"<b>{item.method}</b>", f"<code>{escape(item.path)}</code>", escape(item.summary)) for item in endpoints]
    return _table(rows, "endpoints")


def _table(rows: Sequence[Sequence[str]], kind: str = "") -> str:
    cells = ("".join(f"<td>{cell}</td>" for cell in row) for row in rows)
    body = "".join(f"<tr>{row}</tr>" for row in cells)
    return f'<div class="wide"><table class="{kind}"><tbody>{body}</tbody></table></div>'


def _copyable(text: str) -> str:
    return f'<div class="copy"><pre>{escape(text, quote=False)}</pre><button type="button">Copy</button></div>'
