"""Ready configurations for the connector: complete, with the sandbox's own credentials and the address that it has."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sandbox.provider import Provider


def configuration_text(provider: Provider, url: str) -> str:
    return json.dumps(provider.describe(url).config, indent=2) + "\n"


def write_configurations(folder: Path, providers: Sequence[Provider], url: str) -> list[Path]:
    """Write `PROVIDER.json` for each provider, and return the paths. Earlier ones of a sandbox are replaced.

    :raises ValueError: if there is such a file with anything else in it, before anything has been written
    """
    files = {folder / f"{provider.name}.json": configuration_text(provider, url) for provider in providers}
    for path, text in files.items():
        if path.exists() and not _is_of_a_sandbox(path, json.loads(text)):
            raise ValueError(f"{path} is not a configuration of the sandbox; choose another folder or move it away")
    folder.mkdir(parents=True, exist_ok=True)
    for path, text in files.items():
        path.write_text(text, encoding="utf-8")
    return list(files)


def _is_of_a_sandbox(path: Path, config: Mapping[str, Any]) -> bool:
    try:
        found = json.loads(path.read_bytes())
    except ValueError:
        return False
    return isinstance(found, dict) and _account(found) == _account(config)


def _account(config: Mapping[str, Any]) -> object:
    """Whose data it reads: all about the provider but the address, which differs from one start to the next."""
    provider = config.get("provider")
    return {**provider, "api_url": None} if isinstance(provider, dict) else None
