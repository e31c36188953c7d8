"""An account that events are posted to: what all providers share."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

import msgspec
import requests
from airbyte_cdk.utils.airbyte_secrets_utils import filter_secrets
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from seed.events import SEED_KEY, Event, SeedFailed, Settings
from source_events import providers
from source_events.components.authentication import Authenticator
from source_events.components.decoder import AnswerRefused, Decoder, raise_refusal_of
from source_events.components.errors import message_in
from source_events.components.factory import Factory
from source_events.runtime import Runtime
from source_events.source import EventsDeclarativeSource
from source_events.transport.network import Reply

Json = dict[str, Any]


class Account(ABC):
    """One account of a provider, with the connector's own authentication and connections.

    `config` is the connector's completed configuration. A provider's class says how an event is posted, and how a
    record of the connector shows it.
    """

    settings_form: ClassVar[type[Settings]] = Settings
    optional_fields: ClassVar[frozenset[str]] = frozenset()
    """What an event may have here beyond key, type, contact and content."""
    needs_contact: ClassVar[bool] = True
    looks_first: ClassVar[bool] = True
    """Whether `listed` tells what is there already; if not, the API itself refuses to create an event twice."""
    advice: ClassVar[Mapping[int, str]] = {}
    """What to mend when a request that creates is answered with this status."""
    streams_of_parts: ClassVar[frozenset[str]] = frozenset()
    """Streams whose records are parts of events."""

    def __init__(self, config: Json, settings: Settings) -> None:
        self.config = config
        self.settings = settings
        self.provider: Json = config["provider"]
        # Two attempts for the login, as in a check: somebody is waiting.
        self._runtime = Runtime(1, config["requests_per_minute"], check=True)
        self._reader = self.authenticator(config)

    @abstractmethod
    def post(self, event: Event) -> bool:
        """Create the event; false if the API says that it is there already.

        :raises SeedFailed: if the API refuses it or does not answer
        """

    def listed(self, events: Sequence[Event]) -> Iterable[Json]:
        """What the account has that may be these events.

        :raises SeedFailed: if the API refuses to tell
        """
        return ()

    def find(self, events: Sequence[Event]) -> set[str]:
        """The keys of those events that the account has; empty if the API itself refuses to create one twice."""
        wanted = {event.key for event in events} if self.looks_first else set()
        return wanted and {key for key in map(self._key_of, self.listed(events)) if key in wanted}

    def check_event(self, event: Event) -> None:
        """
        :raises SeedFailed: if the event lacks something, or has something that the API does not know
        """
        if not event.type:
            raise SeedFailed(f"Event {event.key!r} has no type: give it a `type`, or set `seed.event_types`.")
        if self.needs_contact and not event.contact_id:
            raise SeedFailed(f"Event {event.key!r} has no contact: give it a `contact_id`, or set `seed.contact_ids`.")
        for name in ("created_by", "created_at", "property_records"):
            if getattr(event, name) is not None and name not in self.optional_fields:
                raise SeedFailed(f"Event {event.key!r} has `{name}`, which this system's events do not have.")

    # --- records

    @abstractmethod
    def content_of(self, record: Json) -> Any:
        """What the record shows of the content that was posted, with the key in it."""

    def _key_of(self, record: Json) -> str | None:
        """The key of the seeded event that this is, if it is one."""
        content = self.content_of(record)
        key = content.get(SEED_KEY) if isinstance(content, Mapping) else None
        return key if isinstance(key, str) else None

    def is_record_of(self, event: Event, record: Json) -> bool:
        return self._key_of(record) == event.key

    def differences(self, event: Event, record: Json) -> list[str]:
        """The names of the fields in which the record is not what was posted."""
        expected = {"type": event.type, **({"contactId": event.contact_id} if event.contact_id else {})}
        wrong = [name for name, value in expected.items() if record.get(name) != value]
        return wrong + (["content"] if self.content_of(record) != event.marked_content else [])

    def problems(self, event: Event, records: Mapping[str, Sequence[Json]]) -> list[str]:
        """What is wrong with what the connector has read of the event; `records` are those of each event stream."""
        found = []
        for stream, rows in records.items():
            if stream in self.streams_of_parts or (stream == "contact_events" and not event.contact_id):
                continue
            matching = [row for row in rows if self.is_record_of(event, row)]
            if len(matching) != 1:
                found.append(f"{stream}: {'not read' if not matching else f'read {len(matching)} times'}")
            elif self.differences(event, matching[0]):
                found.append(f"{stream}: differs in {', '.join(self.differences(event, matching[0]))}")
        return found

    # --- requests

    def authenticator(self, config: Json) -> Authenticator:
        """The connector's authentication, as the provider's manifest has it."""
        manifest = providers.manifest(self.provider["provider_type"])
        source = EventsDeclarativeSource(self._runtime, catalog=None, config=config, state=None, source_config=manifest)
        definition = next(_authenticators(source.resolved_manifest["streams"]))
        found: Authenticator = Factory(config, self._runtime, self._runtime.stream("seed"), ()).make(definition)
        return found

    def rows(
        self, url: str, parameters: Mapping[str, str | int], decoder: Decoder, advice: Mapping[int, str]
    ) -> list[Json]:
        """The rows of a page; `advice` says what to mend for the status of an answer without any."""
        reply = self._succeeding(self._send("GET", url, self._reader, parameters=parameters), advice)
        try:
            return [msgspec.json.decode(row) for row in decoder.decode(reply.body).rows]
        except AnswerRefused as refused:
            raise SeedFailed(f"The API refused to list the events: {refused}.") from None
        except msgspec.DecodeError:
            raise _unreadable(reply) from None

    def create(self, url: str, body: Json, authenticator: Authenticator | None = None) -> Reply:
        """Post once, whatever the answer is: to post again could create the event twice."""
        return self._send("POST", url, authenticator or self._reader, body=body)

    def check_accepted(self, reply: Reply) -> None:
        """
        :raises SeedFailed: if the answer to a request that creates does not say that the event was accepted
        """
        body = self._succeeding(reply, self.advice).body
        try:
            answer = msgspec.json.decode(body) if body.strip() else {}
            if isinstance(answer, Mapping):
                raise_refusal_of(answer.get("status"), answer.get("message"), answer.get("error"))
        except AnswerRefused as refused:
            raise SeedFailed(f"The API refused the event: {refused}.") from None
        except msgspec.DecodeError:
            raise _unreadable(reply) from None

    def words(self, reply: Reply) -> str:
        """The API's own explanation."""
        return message_in(decoded_json(reply)) or ""

    def _send(self, method: str, url: str, authenticator: Authenticator, **content: Any) -> Reply:
        network = self._runtime.network
        try:
            request = network.prepare(method, url, authenticator.headers(), **content)
            return network.fetch(request, {**network.settings(url), "allow_redirects": False}, reserve=False)
        except AirbyteTracedException as error:
            raise SeedFailed(error.message or "The login failed.") from None
        except requests.RequestException as error:
            message = f"The API did not answer ({type(error).__name__}). Check `provider.api_url`."
            if method == "POST":
                message += " Whether it took the event is unknown: wait a minute, then run again."
            raise SeedFailed(message) from None

    def _succeeding(self, reply: Reply, advice: Mapping[int, str]) -> Reply:
        status = reply.status
        if 200 <= status < 300:
            return reply
        # Masked before it is cut: the half of a secret is in no list.
        words = filter_secrets(" ".join(self.words(reply).split()))[:300].rstrip(".")
        meaning = advice.get(status) or COMMON_ADVICE.get(status) or _advice_for_class(status)
        raise SeedFailed(f"The API answered {status} {reply.reason}{f': {words}' if words else ''}. {meaning}")


def _authenticators(definition: Any) -> Iterator[Json]:
    """Those in a manifest; a provider's streams have the same one."""
    if isinstance(definition, Mapping):
        if "authenticator" in definition:
            yield definition["authenticator"]
        for part in definition.values():
            yield from _authenticators(part)
    elif isinstance(definition, list):
        for part in definition:
            yield from _authenticators(part)


COMMON_ADVICE = {
    404: "Check `provider.api_url`.",
    429: "It limits the number of requests: set `requests_per_minute`, and run again later.",
}


def _unreadable(reply: Reply) -> SeedFailed:
    form = reply.headers.get("Content-Type", "").partition(";")[0] or "no type"
    return SeedFailed(
        f"The API answered {reply.status} with something else than the expected JSON ({form}). "
        "Check `provider.api_url`: this may be the address of a web site, or of a login page."
    )


def _advice_for_class(status: int) -> str:
    if status >= 500:
        return "Wait a minute, then run again."
    if 300 <= status < 400:
        return "Set `provider.api_url` to the address that answers itself."
    return "Check the event in the events file."


def decoded_json(reply: Reply) -> Any:
    """The body of an answer; nothing, if it is no JSON."""
    try:
        return msgspec.json.decode(reply.body)
    except msgspec.DecodeError:
        return None


def decoded_text(value: Any) -> Any:
    """What a JSON text says; anything else as it is."""
    try:
        return json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return value
