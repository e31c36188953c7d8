"""The user's configuration, checked field by field, and completed for one command."""

from __future__ import annotations

import difflib
import ipaddress
import logging
from collections.abc import Iterator, Mapping, MutableMapping
from datetime import datetime, timedelta, timezone
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from airbyte_cdk.models import FailureType
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from isodate import duration_isoformat, parse_duration
from jsonschema import Draft7Validator
from jsonschema.exceptions import ValidationError

from source_events.components.templates import InvalidManifest
from source_events.settings import dates
from source_events.settings.documents import read_document
from source_events.settings.specification import specification

logger = logging.getLogger("airbyte")

LONGEST_DURATION = timedelta(days=36_500)
FIRST_YEAR, LAST_YEAR = 1000, 9000
"""Further than the longest duration from the first and the last time that can be represented."""
DATES = {"start_date": dates.first_second, "end_date": dates.last_second}
LOOPBACK_HOSTS = frozenset({"localhost", "host.docker.internal"})


class InvalidConfiguration(AirbyteTracedException):
    """A `config_error` whose message names each field that is wrong and says what to do; never a value."""

    def __init__(self, problems: list[str]) -> None:
        message = "The configuration is not valid. " + " ".join(problems)
        super().__init__(message=message, internal_message=message, failure_type=FailureType.config_error)


def read_configuration(path: str) -> MutableMapping[str, Any]:
    """
    :raises InvalidDocument: if it cannot be read, or is no JSON object
    """
    return read_document("configuration", path, _load)


def _load(document: Any) -> MutableMapping[str, Any]:
    if not isinstance(document, dict):
        raise ValueError("it must be a JSON object")
    return document


def validate(config: Any) -> None:
    """
    :raises InvalidConfiguration: if a field is missing, of the wrong form, or contradicts another
    """
    problems = list(_problems(config))
    if problems:
        raise InvalidConfiguration(problems)


def warn_of_unread_fields(config: Mapping[str, Any]) -> None:
    """Log which fields are none of the form's; those that begin with `_` are a platform's own."""
    unread = [f"`{name}`" for name in _unread(_schema(), config)]
    if unread:
        names = ", ".join(unread)
        logger.warning(f"Fields of the configuration that are not read: {names}. Correct their names, or delete them.")


def _unread(schema: Mapping[str, Any], value: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for name, entry in value.items():
        field = schema["properties"].get(name)
        if field is None and not name.startswith("_"):
            yield prefix + name
        elif field and "oneOf" in field and isinstance(entry, Mapping):
            discriminator, known = _alternatives(field["oneOf"])
            if entry.get(discriminator) in list(known):
                yield from _unread(known[entry[discriminator]], entry, f"{prefix}{name}.")


def complete(config: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration with its defaults.

    Dates are seconds, of a day the first or the last, which `end_is_day` says to read to its end. `end_date` is the
    moment of the call unless it is set, so that all slices of a sync end together. Fields that begin with `_` are a
    platform's own, and left out: the CDK would take some of them for code to run.

    :raises InvalidConfiguration: see `validate`
    """
    validate(config)
    schema = _schema()
    own = {name: value for name, value in config.items() if not name.startswith("_")}
    completed = _with_defaults(own, schema)
    completed["provider"] = _with_defaults(config["provider"], _branch(schema, config["provider"]["provider_type"]))
    completed["provider"]["api_url"] = completed["provider"]["api_url"].rstrip("/")
    now = datetime.now(timezone.utc).replace(tzinfo=None)
    completed["start_date"] = dates.first_second(completed["start_date"]).isoformat() + "Z"
    end = dates.last_second(completed["end_date"]) if completed.get("end_date") else now
    completed["end_date"] = end.isoformat(timespec="seconds") + "Z"
    completed["end_is_day"] = dates.is_day(config.get("end_date"))
    completed["event_types"] = completed.get("event_types") or []
    completed["contact_ids"] = completed.get("contact_ids") or []
    # JSON schema takes 8.0 for an integer.
    for name in ("num_workers", "requests_per_minute"):
        completed[name] = int(completed[name]) if completed.get(name) else None
    return completed


def form_of(provider_type: str) -> dict[str, Any]:
    """The fields that a configuration of this provider may have, a JSON schema."""
    schema = _schema()
    return {**schema, "properties": {**schema["properties"], "provider": _branch(schema, provider_type)}}


@cache
def _schema() -> dict[str, Any]:
    """Read once, because a command checks its configuration more than once."""
    schema: dict[str, Any] = specification()["connectionSpecification"]
    return schema


def _problems(config: Any) -> Iterator[str]:
    schema = _schema()
    if not isinstance(config, Mapping):
        yield "It must be a JSON object."
        return
    yield from _schema_problems(schema, config, "", _places(schema, config))
    provider = config.get("provider")
    if isinstance(provider, Mapping):
        yield from _address_problems(provider.get("api_url"))
    yield from _time_problems(config)


def _branch(schema: Mapping[str, Any], provider_type: str) -> dict[str, Any]:
    """
    :raises InvalidManifest: if it does not say where the API is
    """
    branches = schema["properties"]["provider"]["oneOf"]
    found: dict[str, Any] = next(
        branch for branch in branches if branch["properties"]["provider_type"]["const"] == provider_type
    )
    if "api_url" not in found["properties"]:
        raise InvalidManifest(
            f"The form of {provider_type} has no `api_url`, the address that its requests begin with."
        )
    return found


def _alternatives(branches: list[Mapping[str, Any]]) -> tuple[str, dict[str, Mapping[str, Any]]]:
    """The field whose constant tells the alternatives apart, and the alternatives by that constant."""
    discriminator = next(name for name, field in branches[0]["properties"].items() if "const" in field)
    return discriminator, {branch["properties"][discriminator]["const"]: branch for branch in branches}


def _places(schema: Mapping[str, Any], value: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Where each field is, by its name: of the alternative that is chosen, or of all as long as none is."""
    places = {name: prefix + name for name in schema["properties"]}
    for name, field in schema["properties"].items():
        if "oneOf" not in field:
            continue
        discriminator, known = _alternatives(field["oneOf"])
        entry = value.get(name)
        given = entry if isinstance(entry, Mapping) else {}
        for constant, branch in known.items():
            if given.get(discriminator) == constant or given.get(discriminator) not in list(known):
                places = _places(branch, given, f"{prefix}{name}.") | places
    return places


def _schema_problems(
    schema: Mapping[str, Any], value: Mapping[str, Any], prefix: str, places: Mapping[str, str]
) -> Iterator[str]:
    # A form leaves an optional field that was emptied as null.
    given = {name: entry for name, entry in value.items() if entry is not None or name in schema.get("required", ())}
    choices = {name: field["oneOf"] for name, field in schema["properties"].items() if "oneOf" in field}
    fields = {
        name: {rule: entry for rule, entry in field.items() if rule != "oneOf"}
        for name, field in schema["properties"].items()
    }
    flat = {**schema, "properties": fields}
    unknown = [name for name in given if name not in schema["properties"] and not name.startswith("_")]
    strange = [name for name in unknown if name not in places]
    yield from (_missing(name, prefix, strange) for name in schema.get("required", ()) if name not in given)
    errors = (error for error in Draft7Validator(flat).iter_errors(given) if not _is_told_elsewhere(error, prefix))
    yield from (_sentence(error, prefix) for error in errors)
    for name, entry in given.items():
        # A pattern's `$` also matches before a line break at the end.
        if isinstance(entry, str) and ("\n" in entry or "\r" in entry):
            yield f"`{prefix}{name}` must not have a line break."
        if isinstance(entry, str) and not _is_text(entry):
            yield f"`{prefix}{name}` is not a text: it has half of a surrogate pair."
        for position, item in enumerate(entry if isinstance(entry, list) else ()):
            if isinstance(item, str) and not _is_text(item):
                yield f"`{prefix}{name}[{position}]` is not a text: it has half of a surrogate pair."
    for name, branches in choices.items():
        if isinstance(given.get(name), Mapping):
            yield from _choice_problems(branches, given[name], f"{prefix}{name}.", places)
    for name in unknown:
        alike = [prefix + other for other in difflib.get_close_matches(name, schema["properties"], n=1)]
        meant = [places[name]] if name in places else alike
        if meant:
            yield f"`{prefix}{name}` is not a field; did you mean `{meant[0]}`?"


def _is_text(value: str) -> bool:
    """Whether it can be written as UTF-8: JSON can escape halves of a surrogate pair that no text can have."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _choice_problems(
    branches: list[Mapping[str, Any]], value: Mapping[str, Any], prefix: str, places: Mapping[str, str]
) -> Iterator[str]:
    """The problems of an object that may have one of several forms, told apart by the constant that each has."""
    discriminator, known = _alternatives(branches)
    chosen = value.get(discriminator)
    if isinstance(chosen, str) and chosen in known:
        yield from _schema_problems(known[chosen], value, prefix, places)
    else:
        alike = difflib.get_close_matches(str(chosen).lower().replace(" ", "_"), known, n=1)
        hint = f"; did you mean `{alike[0]}`?" if alike else "."
        yield f"`{prefix}{discriminator}` must be one of {', '.join(known)}{hint}"


def _missing(name: str, prefix: str, strange: list[str]) -> str:
    alike = difflib.get_close_matches(name, strange, n=1)
    hint = f" (is it what you called `{alike[0]}`?)" if alike else ""
    return f"`{prefix}{name}` is missing{hint}."


def _sentence(error: ValidationError, prefix: str) -> str:
    """The problem in words. The library's own message is not used, because it quotes the value."""
    field = prefix + "".join(f"[{part}]" if isinstance(part, int) else str(part) for part in error.absolute_path)
    rule: Any = error.validator_value
    schema: Any = error.schema
    if error.validator == "pattern" and not error.instance:
        return f"`{field}` must not be empty."
    described = {
        "type": f"must be of type {rule}",
        "const": f"must be {rule}",
        "enum": f"must be one of {_listed(rule)}",
        "pattern": f"must have the form: {schema.get('pattern_descriptor', rule)}",
        "minLength": "must not be empty",
        "minItems": "must not be empty",
        "minimum": f"must be at least {rule}",
        "maximum": f"must be at most {rule}",
        "uniqueItems": "must not name anything twice",
    }
    return f"`{field}` {described.get(str(error.validator), f'is not valid ({error.validator})')}."


def _is_told_elsewhere(error: ValidationError, prefix: str) -> bool:
    """Whether other sentences say it better: a field that is missing, and a date of another form."""
    is_date = not prefix and error.absolute_path[0] in DATES if error.absolute_path else False
    return error.validator == "required" or (error.validator == "pattern" and is_date and bool(error.instance))


def _listed(rule: Any) -> str:
    return ", ".join(map(str, rule)) if isinstance(rule, list) else str(rule)


def _address_problems(address: Any) -> Iterator[str]:
    if not isinstance(address, str):
        return
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host or any(character.isspace() for character in address):
        yield "`provider.api_url` must be an address like https://host/path."
    elif parts.username or parts.password:
        yield "`provider.api_url` must not hold a user or a password; use the fields for credentials."
    elif "?" in address or "#" in address:
        yield "`provider.api_url` must not hold a query or a fragment."
    elif parts.scheme != "https" and not (parts.scheme == "http" and _is_loopback(host)):
        yield "`provider.api_url` must begin with https://, so that the credentials are encrypted on their way."


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host in LOOPBACK_HOSTS


def _time_problems(config: Mapping[str, Any]) -> Iterator[str]:
    moments = {}
    for name, moment in DATES.items():
        value = config.get(name)
        # What is no text, is empty or has a line break, is told as such.
        if not isinstance(value, str) or not value or "\n" in value or "\r" in value:
            continue
        if problem := dates.problem(value):
            yield f"`{name}` {problem}."
            continue
        moments[name] = moment(value)
        if not FIRST_YEAR <= moments[name].year <= LAST_YEAR:
            yield f"`{name}` must be in the years {FIRST_YEAR} to {LAST_YEAR}."
    if "start_date" in moments:
        if "end_date" in moments and moments["start_date"] > moments["end_date"]:
            yield "`start_date` must not be after `end_date`."
        elif moments["start_date"] > datetime.now(timezone.utc).replace(tzinfo=None):
            yield "`start_date` must not be in the future."
    for name, least in (("window_size", timedelta(minutes=1)), ("lookback_window", timedelta())):
        duration = _duration(config.get(name))
        if duration is not None and duration < least:
            yield f"`{name}` must be at least {duration_isoformat(least)}."
        if duration is not None and duration > LONGEST_DURATION:
            yield f"`{name}` must be at most {duration_isoformat(LONGEST_DURATION)}."


def _duration(value: Any) -> timedelta | None:
    """The duration, if it is one of whole seconds; one that is too long for a `timedelta` is as long as can be."""
    try:
        duration = parse_duration(value) if isinstance(value, str) else None
    except OverflowError:
        return timedelta.max
    except ValueError:
        return None
    return duration if isinstance(duration, timedelta) else None


def _with_defaults(value: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    defaults = {name: field["default"] for name, field in schema["properties"].items() if "default" in field}
    return defaults | {name: entry for name, entry in value.items() if entry is not None}
