"""The destinations of a load, by the addresses that people give, and how dlt is set up for them."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shlex
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from airbyte_cdk.utils.airbyte_secrets_utils import add_to_secrets

from source_events.settings.documents import InvalidDocument

NEEDS = "Loading needs dlt: pip install 'source-events[load]'"
SETTINGS = {
    "RUNTIME__DLTHUB_TELEMETRY": "false",
    "RUNTIME__LOG_LEVEL": "CRITICAL",
    # Its own handling of signals would first finish what is being loaded.
    "RUNTIME__INTERCEPT_SIGNALS": "false",
    "SCHEMA__NAMING": "sql_ci_v1",
    # To pack files that are read once, on the same machine, costs more than all else on the way into PostgreSQL.
    "DATA_WRITER__DISABLE_COMPRESSION": "true",
}
"""Of dlt, which reads them from the environment. By its default names `createdAt` and `created_at` are one column."""

try:
    os.environ.update(SETTINGS)
    import dlt
    import duckdb
    from dlt.common.destination import Destination
    from dlt.common.destination.exceptions import UnknownDestinationModule
    from dlt.common.pipeline import get_dlt_pipelines_dir
    from dlt.destinations.impl.duckdb.configuration import DuckDbCredentials
except ImportError as error:
    raise InvalidDocument(f"{NEEDS} ({error}).") from error

DUCKDB_SETTINGS = {"memory_limit": "512MB", "preserve_insertion_order": False}
"""It would take 900 MB to merge 300,000 events, and most of a machine's memory if it can; beyond this it takes a file
beside its own."""
DUCKDB, PARQUET, POSTGRES = "duckdb:", "parquet:", ("postgresql://", "postgres://")
PATTERN = frozenset("*?[")
"""It looks for files by patterns, and takes the folder's name for one."""
COUNT = "SELECT type, count(*) FROM {} GROUP BY 1 ORDER BY 2 DESC"


@dataclass(frozen=True)
class Warehouse:
    """Where the data goes; `name` has no password."""

    destination: Any
    name: str
    file_format: str | None = None
    folder: Path | None = None
    """That of Parquet files."""
    question: Callable[[str], str] | None = None
    """A command that asks a table, by its name."""
    merges: bool = True
    """Whether a row that is there already is not added again."""


def warehouse_of(to: str, dataset: str) -> Warehouse:
    """
    :raises InvalidDocument: if it is no destination
    """
    # With its tables emptied first, as is dlt's default, a load that is stopped would leave them so.
    safely: Any = {"replace_strategy": "insert-from-staging"}
    if to.startswith(DUCKDB):
        path = Path(to.removeprefix(DUCKDB)).expanduser()
        catalog = path.name.partition(".")[0]
        if catalog in (dataset, f"{dataset}_staging"):
            raise InvalidDocument(
                f"DuckDB calls the file {path.name} `{catalog}`, as the dataset in it is called. "
                "Choose another file, or another dataset with --dataset NAME."
            )
        _create_for_older_ones(path)
        return Warehouse(
            dlt.destinations.duckdb(DuckDbCredentials(str(path.absolute()), global_config=DUCKDB_SETTINGS), **safely),
            str(path),
            question=lambda table: f'duckdb {quote_word(path)} "{COUNT.format(table)}"',
        )
    if to.startswith(POSTGRES) and is_complete(to):
        place = without_password(to)
        return Warehouse(
            dlt.destinations.postgres(address_for_dlt(to), **safely),
            place,
            "csv",
            question=lambda table: f'psql {quote_word(place)} -c "{COUNT.format(table)}"',
        )
    if to.startswith(PARQUET):
        folder = Path(to.removeprefix(PARQUET)).expanduser()
        if PATTERN & set(str(folder.absolute())):
            raise InvalidDocument(
                f"dlt finds no file below a folder with one of {' '.join(sorted(PATTERN))} in its name: {folder}."
            )
        destination = dlt.destinations.filesystem(folder.absolute().as_uri())
        return Warehouse(
            destination,
            str(folder),
            "parquet",
            folder.absolute(),
            lambda table: f'duckdb -c "{COUNT.format(files_of(folder, table))}"',
        )
    if not to.isidentifier():
        raise InvalidDocument(
            f"There is no destination `{without_password(to)}`; it is duckdb:PATH, postgresql://USER@HOST/DATABASE, "
            "parquet:FOLDER, or the name of a destination of dlt."
        )
    try:
        bucket = to == "filesystem"
        return Warehouse(Destination.from_reference(to), to, "parquet" if bucket else None, merges=not bucket)
    except UnknownDestinationModule:
        raise InvalidDocument(f"dlt has no destination `{to}`.") from None


def _create_for_older_ones(path: Path) -> None:
    """Create the file, if there is none, so that DuckDB from 1.2 on can read it: dbt has an older one than this.

    A path that cannot be written is for the load to tell.
    """
    if not path.exists():
        with suppress(duckdb.Error):
            duckdb.connect(str(path.absolute()), config={"storage_compatibility_version": "v1.2.0"}).close()


def quote_word(word: object) -> str:
    """As a shell takes it for one."""
    return shlex.quote(str(word))


def files_of(folder: Path, table: str) -> str:
    """The files of a table, as DuckDB reads them."""
    return f"'{folder / Path(*table.split('.'))}/*.parquet'"


def hide_password(to: str) -> None:
    """No output has the password of a URL from now on, in any form."""
    parts = urlsplit(to)
    for password in (parts.password, *(value for name, value in parse_qsl(parts.query) if "password" in name)):
        for form in {password, unquote(password), quote(password, safe="")} if password else ():
            add_to_secrets(form)


def is_complete(url: str) -> bool:
    """Whether it names a user, a host and a database."""
    parts = urlsplit(url)
    return bool(parts.username and parts.hostname and parts.path.strip("/"))


def address_for_dlt(url: str) -> str:
    """With the one name of the scheme that dlt knows, and a password, which it wants.

    In place of an empty one, PostgreSQL's library takes that of PGPASSWORD, or of ~/.pgpass.
    """
    parts = urlsplit(url)
    user, at, host = parts.netloc.rpartition("@")
    return parts._replace(scheme="postgresql", netloc=f"{user}{'' if ':' in user else ':'}{at}{host}").geturl()


def without_password(url: str) -> str:
    """The URL as programs take it that ask for the password."""
    parts = urlsplit(url)
    user, at, host = parts.netloc.rpartition("@")
    return parts._replace(netloc=f"{user.partition(':')[0]}{at}{host}", query="").geturl() if parts.netloc else url


@contextmanager
def working_folder(purpose: str) -> Iterator[Path]:
    """An empty folder for dlt, of this purpose alone; nothing of it is needed after a load.

    :raises InvalidDocument: if another load uses it
    """
    parent = Path(get_dlt_pipelines_dir()) / "source_events"
    parent.mkdir(parents=True, exist_ok=True)
    folder = parent / hashlib.sha256(purpose.encode()).hexdigest()[:16]
    with folder.with_suffix(".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InvalidDocument("Another load into this dataset is running. Wait for its end.") from None
        shutil.rmtree(folder, ignore_errors=True)
        yield folder
        shutil.rmtree(folder, ignore_errors=True)
