"""A declarative source as airbyte-cdk runs it: `python -m benchmarks.peers.stock MANIFEST read --config ...`.

The manifests lie beside this file.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from airbyte_cdk.entrypoint import AirbyteEntrypoint, launch
from airbyte_cdk.sources.declarative.yaml_declarative_source import YamlDeclarativeSource

Content = TypeVar("Content")


def main(manifest: str, arguments: list[str]) -> None:
    source = YamlDeclarativeSource(
        path_to_yaml=str(Path(__file__).with_name(manifest)),
        catalog=_read(arguments, AirbyteEntrypoint.extract_catalog, YamlDeclarativeSource.read_catalog),
        config=_read(arguments, AirbyteEntrypoint.extract_config, YamlDeclarativeSource.read_config),
        state=_read(arguments, AirbyteEntrypoint.extract_state, YamlDeclarativeSource.read_state),
    )
    launch(source, arguments)


def _read(
    arguments: list[str], extract: Callable[[list[str]], str | None], read: Callable[[str], Content]
) -> Content | None:
    path = extract(arguments)
    return read(path) if path else None


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
