"""What was posted and has not been seen in the account yet."""

from __future__ import annotations

from collections.abc import Set
from pathlib import Path

import msgspec

from seed.events import SeedFailed, parse


class Pending:
    """The keys of such events, in a file beside the configuration: a run may be stopped before the account shows them.

    :raises SeedFailed: if the file cannot be read or written
    """

    def __init__(self, config: Path) -> None:
        self.path = config.with_name(f"{config.name}.pending")
        self.keys: Set[str] = (
            parse(self.path, frozenset[str], "file of pending events") if self.path.exists() else set()
        )

    def add(self, key: str) -> None:
        self._keep(self.keys | {key})

    def discard(self, keys: Set[str]) -> None:
        self._keep(self.keys - keys)

    def _keep(self, keys: Set[str]) -> None:
        if keys == self.keys:
            return
        self.keys = keys
        try:
            if keys:
                self.path.write_bytes(msgspec.json.encode(sorted(keys)))
            else:
                self.path.unlink(missing_ok=True)
        except OSError as error:
            raise SeedFailed(f"The file {self.path} cannot be written: {error.strerror}.") from None
