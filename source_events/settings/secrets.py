"""The secrets of a configuration, which no output has."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from airbyte_cdk.utils.airbyte_secrets_utils import get_secrets, update_secrets


def mask_secrets(config: Mapping[str, Any], connection_specification: Mapping[str, Any]) -> None:
    """Mask the secrets as they are, as they stand in JSON, and as they stand in a URL."""
    secrets = [str(secret) for secret in get_secrets(connection_specification, config) if secret]
    written = {
        form
        for secret in secrets
        for form in (secret, json.dumps(secret)[1:-1], quote(secret, safe="", errors="replace"))
    }
    update_secrets(sorted(written, key=len, reverse=True))
