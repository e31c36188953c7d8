"""One sync of every stream of a provider into DuckDB, with PyAirbyte."""

import os
import time
import warnings
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from types import ModuleType
from typing import Any

from demo import environment


class SyncFailed(RuntimeError):
    """The connector or PyAirbyte gave up; the message says why."""


@dataclass(frozen=True)
class Sync:
    """What one sync did: the records read of each stream, and how long it took."""

    records: Mapping[str, int]
    seconds: float


def load_pyairbyte() -> ModuleType:
    """Import PyAirbyte, which takes seconds, so that it neither calls home nor asks a registry."""
    os.environ.update(
        AIRBYTE_OFFLINE_MODE="1", DO_NOT_TRACK="1", NO_LIVE_PROGRESS="1", AIRBYTE_LOGGING_ROOT=str(environment.LOGS)
    )
    # Of the cloud clients that PyAirbyte imports: about the Python versions that they will support one day.
    warnings.simplefilter("ignore", FutureWarning)
    import airbyte

    return airbyte


def sync(executable: Path, config: Mapping[str, Any], schema: str) -> Sync:
    """Read every stream from where the last sync into this schema ended.

    PyAirbyte's own messages go to a file: they would break the demo's display.
    """
    airbyte = load_pyairbyte()
    started = time.monotonic()
    said = StringIO()
    try:
        with redirect_stdout(said), redirect_stderr(said):
            records = _read(airbyte, executable, config, schema)
    except airbyte.exceptions.PyAirbyteError as error:
        raise SyncFailed(_reason(error, said.getvalue())) from error
    finally:
        with environment.LOG.open("a", encoding="utf-8") as log:
            log.write(said.getvalue())
    return Sync(records, time.monotonic() - started)


def _read(airbyte: ModuleType, executable: Path, config: Mapping[str, Any], schema: str) -> Mapping[str, int]:
    source = airbyte.get_source("source-events", config=dict(config), local_executable=executable)
    source.select_all_streams()
    cache = airbyte.caches.DuckDBCache(db_path=environment.DATABASE, schema_name=schema, cache_dir=environment.CACHE)
    with cache:
        result = source.read(cache, write_strategy="merge")
        # The public result has the total of all streams only.
        counts = result._progress_tracker.stream_read_counts
        return {stream: counts.get(stream, 0) for stream in source.get_selected_streams()}


def _reason(error: Exception, said: str) -> str:
    """What the connector reported; the exception itself says only that it failed."""
    _, mark, reported = said.partition("ERROR: ")
    reason = " ".join(reported.split()).replace(mark, "\n") if mark else str(error)
    return f"{reason}\nMore is in {environment.shown(environment.LOGS)}."
