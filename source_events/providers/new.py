"""`python -m source_events.providers.new NAME` writes the folder of a new provider, which `discover` takes at once.

It is that of an ordinary API: a key in a header, one list of events, links to the next page, a filter of time.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from source_events import providers

NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")

SPEC = """\
order: {order}
type: object
title: {title}
description: What the system is, in one sentence.
required: [provider_type, account_id, api_key]
properties:
  provider_type:
    type: string
    const: {name}
    default: {name}
    order: 0
  account_id:
    type: string
    title: Account
    description: Where a person finds it.
    order: 1
  api_key:
    type: string
    title: API key
    description: Where a person makes one, and what it must be allowed to do.
    airbyte_secret: true
    pattern: "^[!-~]+$"
    pattern_descriptor: letters, digits and signs, no spaces
    order: 2
  api_url:
    type: string
    title: API address
    description: Leave it as it is, unless {title} gave you another address.
    default: https://api.{host}.example/v1
    format: uri
    order: 3
"""

MANIFEST = """\
# {title}'s API, and the address of its documentation
streams:
  - $ref: "#/definitions/event_stream"
    name: org_events
    schema: events
    retriever:
      $ref: "#/definitions/event_reader"
      requester: "#/definitions/requester"
      paging: "#/definitions/link_paging"

definitions:
  # Whose data it is, whatever the credentials.
  account: "{{{{ config['provider']['account_id'] }}}}"

  requester:
    url: "{{{{ config['provider']['api_url'] }}}}/events"
    # The slice's first second, and the first one behind it: right whether the API includes its bounds or not, because
    # what belongs to another slice is left out here.
    parameters:
      since: "{{{{ window.start }}}}"
      until: "{{{{ window.end }}}}"
    page_size: {{limit: 100}}
    decoder:
      $ref: "#/definitions/event_fields"
      # In an answer.
      rows: events
      next: next
      # In a row.
      id: id
      type: type
      time: created_at
      contact: contact_id?
    authenticator:
      $ref: "#/definitions/key_headers"
      headers: {{X-Api-Key: "{{{{ config['provider']['api_key'] }}}}"}}
    refusals:
      401: {title} does not accept the key. Check `provider.api_key`.
      403: {title} refuses the request. The key `provider.api_key` must be allowed to read events.
      404: {title} does not know the account, or this address. Check `provider.account_id` and `provider.api_url`.
"""

SCHEMA: dict[str, Any] = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "type": "object",
    "additionalProperties": True,
    "properties": {
        "id": {"type": "string", "description": "The event's id."},
        "provider": {"type": "string", "description": "Always {name}."},
        "type": {"type": ["null", "string"], "description": "The event's type, as the system writes it."},
        "createdAt": {
            "type": ["null", "string"],
            "description": "When the event was created, UTC.",
            "format": "date-time",
            "airbyte_type": "timestamp_with_timezone",
        },
        "organizationId": {"type": "string", "description": "The account."},
        "contactId": {"type": ["null", "string"], "description": "The contact, if the event has one."},
        "unknownFields": {
            "type": ["null", "object"],
            "description": "Top-level fields that are not named here.",
            "additionalProperties": True,
        },
        "created_at": {"type": ["null", "string"], "description": "The same time, as the system writes it."},
        "contact_id": {"type": ["null", "string"], "description": "The contact, as the system writes it."},
    },
}

NEXT = """\
{folder} is a provider of an invented API: `source-events discover` takes it at once. Fill in
  spec.yaml            the fields of the connection form: what a user must say, where it is found, the API's address
  manifest.yaml        the endpoint and its time filter, where an answer has its rows and its next page, where a row has
                       its id, type, time and contact, the header of the key, what a refusal means
  schemas/events.json  the other fields of an event
docs/adding-a-provider.md explains each line, and says what makes the provider complete.
"""


def write(name: str) -> Path:
    """Write the folder of a provider, and say where it is.

    :raises ValueError: if the name is none of a provider, or is taken
    """
    folder = providers.FOLDER / name
    if not NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no provider's name: small letters, digits and single underscores between them.")
    if folder.exists() or folder.with_suffix(".py").exists():
        raise ValueError(f"There is a {name} in {providers.FOLDER} already.")
    orders = [providers.connection_specification(other).get("order", 0) for other in providers.names()]
    said = {
        "name": name,
        "title": name.replace("_", " ").title(),
        "host": name.replace("_", "-"),
        "order": max(orders, default=0) + 1,
    }
    (folder / "schemas").mkdir(parents=True)
    (folder / "spec.yaml").write_text(SPEC.format(**said), encoding="utf-8")
    (folder / "manifest.yaml").write_text(MANIFEST.format(**said), encoding="utf-8")
    schema = json.dumps(SCHEMA, indent=2).replace("{name}", name)
    (folder / "schemas" / "events.json").write_text(f"{schema}\n", encoding="utf-8")
    return folder


def main(arguments: Sequence[str]) -> int:
    if len(arguments) != 1:
        print("Say the name of the provider: python -m source_events.providers.new NAME", file=sys.stderr)
        return 2
    try:
        folder = write(arguments[0])
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        print(f"The folder cannot be written: {error}.", file=sys.stderr)
        return 1
    print(NEXT.format(folder=folder), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
