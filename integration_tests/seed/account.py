"""An account that events are posted to: what all providers share."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

import msgspec
import requests
from airbyte_cdk.sources.declarative.models.declarative_component_schema import CustomRequester
from airbyte_cdk.sources.declarative.parsers.model_to_component_factory import ModelToComponentFactory
from airbyte_cdk.sources.streams.http.error_handlers import JsonErrorMessageParser
from airbyte_cdk.utils.airbyte_secrets_utils import add_to_secrets
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from requests.auth import AuthBase

from integration_tests.seed.errors import SeedFailed
from integration_tests.seed.events import SEED_KEY, Event, Settings
from source_events import providers
from source_events.connection import Session, connection_of
from source_events.decoder import AnswerRefused, raise_refusal
from source_events.requester import CONNECT_TIMEOUT, READ_TIMEOUT
from source_events.source import EventsDeclarativeSource

Json = dict[str, Any]


class Account(ABC):
    """One account of a provider, with the connector's own authentication and connections.

    `config` is the connector's completed configuration. A provider's class says how an event is posted, and how a
    record of the connector shows it.
    """

    settings: ClassVar[type[Settings]] = Settings
    optional_fields: ClassVar[frozenset[str]] = frozenset()
    """What an event may have here beyond key, type, contact and content."""
    needs_contact: ClassVar[bool] = True
    looks_first: ClassVar[bool] = True
    """Whether `find` tells what is there already; if not, the API itself refuses to create an event twice."""
    advice: ClassVar[Mapping[int, str]] = {}
    """What to mend when a request that creates is answered with this status."""
    streams_of_parts: ClassVar[frozenset[str]] = frozenset()
    """Streams whose records are parts of events."""

    def __init__(self, config: Json, settings: Settings) -> None:
        self.config = config
        self.provider: Json = config["provider"]
        self._session = Session(connection_of(config))
        self._reader = authenticator(config)

    @abstractmethod
    def post(self, event: Event) -> bool:
        """Create the event; false if it is there already.

        :raises SeedFailed: if the API refuses it or does not answer
        """

    def find(self, events: Sequence[Event]) -> Counter[str]:
        """How often the account has each of the events, by its key.

        :raises SeedFailed: if the API refuses to tell
        """
        return Counter()

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

    def key_of(self, record: Json) -> Any:
        """The key of the seeded event that this is; anything else if it is none."""
        return _key(self.content_of(record))

    def is_record_of(self, event: Event, record: Json) -> bool:
        return bool(self.key_of(record) == event.key)

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

    def get(self, url: str, parameters: Mapping[str, str | int], advice: Mapping[int, str]) -> bytes:
        """The body of a successful answer."""
        return self._succeeding(self._send("GET", url, self._reader, params=parameters), advice).content

    def create(self, url: str, body: Json, auth: AuthBase | None = None) -> requests.Response:
        """Post once, whatever the answer is: to post again could create the event twice."""
        return self._send("POST", url, auth or self._reader, json=body)

    def accepted(self, response: requests.Response) -> Json:
        """The answer to a request that creates, if it says that the event was accepted."""
        answer = self._succeeding(response, self.advice)
        try:
            content = msgspec.json.decode(answer.content) if answer.content.strip() else {}
            raise_refusal(content)
        except AnswerRefused as refused:
            raise SeedFailed(f"The API refused the event: {refused}.") from None
        except msgspec.DecodeError:
            raise SeedFailed(f"The API answered {response.status_code} with something else than JSON.") from None
        return content if isinstance(content, dict) else {}

    def words(self, response: requests.Response) -> str:
        """The API's own explanation."""
        return JsonErrorMessageParser().parse_response_error_message(response) or ""

    def _send(self, method: str, url: str, auth: AuthBase, **content: Any) -> requests.Response:
        try:
            response = self._session.request(
                method, url, auth=auth, timeout=(CONNECT_TIMEOUT, READ_TIMEOUT), allow_redirects=False, **content
            )
        except AirbyteTracedException as error:
            raise SeedFailed(error.message or "The login failed.") from None
        except requests.RequestException as error:
            unknown = (
                " Whether the event was taken is unknown: wait a minute, then run again." if method == "POST" else ""
            )
            raise SeedFailed(
                f"The API did not answer ({type(error).__name__}). Check `provider.api_url`.{unknown}"
            ) from (None)
        # An answer may quote what was sent, and the hourly password is in no list of secrets.
        for value in response.request.headers.get("Authorization", "").split()[1:]:
            add_to_secrets(value)
        return response

    def _succeeding(self, response: requests.Response, advice: Mapping[int, str]) -> requests.Response:
        status = response.status_code
        if 200 <= status < 300:
            return response
        words = " ".join(self.words(response).split())[:300].rstrip(".")
        meaning = advice.get(status) or COMMON_ADVICE.get(status) or _advice_for_class(status)
        raise SeedFailed(f"The API answered {status} {response.reason}{f': {words}' if words else ''}. {meaning}")


COMMON_ADVICE = {
    404: "Check `provider.api_url`.",
    429: "It limits the number of requests: set `requests_per_minute`, and run again later.",
}


def _advice_for_class(status: int) -> str:
    if status >= 500:
        return "Run again later: what has been posted is not posted again."
    if 300 <= status < 400:
        return "Set `provider.api_url` to the address that answers itself."
    return "Check the event in the events file."


def authenticator(config: Json) -> AuthBase:
    """The connector's authentication, as the provider's manifest has it."""
    manifest = providers.manifest(config["provider"]["provider_type"])
    source = EventsDeclarativeSource(catalog=None, config=config, state=None, source_config=manifest)
    definition = {
        **source.resolved_manifest["definitions"]["requester"],
        "name": "seed",
        "url": config["provider"]["api_url"],
    }
    requester = ModelToComponentFactory().create_component(CustomRequester, definition, config)
    found: AuthBase = requester.get_authenticator()
    return found


def find_keys(contents: Iterable[Any], events: Iterable[Event]) -> Counter[str]:
    """How often each event's key is in the contents."""
    wanted = {event.key for event in events}
    return Counter(key for key in map(_key, contents) if key in wanted)


def _key(content: Any) -> str | None:
    key = content.get(SEED_KEY) if isinstance(content, Mapping) else None
    return key if isinstance(key, str) else None


def decoded_text(value: Any) -> Any:
    """What a JSON text says; anything else as it is."""
    try:
        return json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return value
