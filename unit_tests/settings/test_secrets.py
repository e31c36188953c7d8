"""No part of a secret is left, whichever others the configuration has."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest
from airbyte_cdk.utils.airbyte_secrets_utils import filter_secrets

from source_events.settings.secrets import mask_secrets

SPECIFICATION = {
    "properties": {name: {"type": "string", "airbyte_secret": True} for name in ("key", "password")}
    | {"user": {"type": "string"}}
}


@pytest.mark.parametrize("order", [1, -1])
def test_a_secret_that_begins_with_another_is_masked_to_its_end(order: int) -> None:
    mask_secrets(dict([("key", "not-a-secret"), ("password", "not-a-secret-either")][::order]), SPECIFICATION)
    assert filter_secrets("not-a-secret-either, not-a-secret") == "****, ****"


def test_a_secret_is_masked_in_every_form_in_which_it_is_written() -> None:
    secret = 'not "a" secret/é'
    mask_secrets({"password": secret, "user": "somebody"}, SPECIFICATION)
    for written in (secret, json.dumps(secret), quote(secret, safe="")):
        assert "not" not in filter_secrets(f"somebody {written}")
    assert filter_secrets("somebody") == "somebody"


def test_an_empty_secret_masks_nothing() -> None:
    mask_secrets({"password": ""}, SPECIFICATION)
    assert filter_secrets("a text") == "a text"
