"""A PostgreSQL server of its own for a test, from the installed binaries."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg2

USER = "postgres"


class Unavailable(Exception):
    """There is nothing to start a server with; the message says what is missing."""


@contextmanager
def running_postgres() -> Iterator[dict[str, Any]]:
    """A server on the loopback interface, and how to connect to it; gone at the end, with its data.

    :raises Unavailable: if it is not installed, or could run as root only
    """
    programs = _programs()
    account = _account()
    with tempfile.TemporaryDirectory(prefix="postgres-") as folder:
        if account:
            os.chown(folder, account.pw_uid, account.pw_gid)
        data, port = Path(folder) / "data", _free_port()
        control = [str(programs / "pg_ctl"), "-s", "-w", "-D", str(data)]
        options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off"
        _run([str(programs / "initdb"), "-D", str(data), "-A", "trust", "-U", USER, "-E", "UTF8"], folder, account)
        _run([*control, "-l", str(Path(folder) / "log"), "-o", options, "start"], folder, account)
        try:
            yield {"host": "127.0.0.1", "port": port, "database": "postgres", "username": USER}
        finally:
            _run([*control, "-m", "immediate", "stop"], folder, account)


def ask(address: str, question: str) -> list[tuple[Any, ...]]:
    """The rows of the answer, if it has some; what is asked takes effect at once."""
    connection = psycopg2.connect(address)
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(question)
            return cursor.fetchall() if cursor.description else []
    finally:
        connection.close()


def _programs() -> Path:
    """The folder with the server's programs; Debian's is not on the path."""
    folders = [*sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)]
    if found := shutil.which("initdb"):
        folders.append(Path(found).parent)
    for folder in folders:
        if (folder / "initdb").exists() and (folder / "pg_ctl").exists():
            return folder
    raise Unavailable("PostgreSQL's initdb and pg_ctl are not installed")


def _account() -> pwd.struct_passwd | None:
    """Whom to run as, where it cannot be the caller: the server refuses to run as root."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam(USER)
    except KeyError as error:
        raise Unavailable(f"PostgreSQL does not run as root, and there is no user {USER}") from error


def _run(command: list[str], folder: str, account: pwd.struct_passwd | None) -> None:
    identity: dict[str, Any] = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []} if account else {}
    # A file, because the server inherits it and a pipe would stay open for as long as it runs.
    with tempfile.TemporaryFile("w+") as output:
        done = subprocess.run(command, cwd=folder, stdout=output, stderr=output, timeout=60, **identity)
        output.seek(0)
        assert done.returncode == 0, output.read()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
