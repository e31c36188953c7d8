"""The compared programs, and the files that they read."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sandbox.carecloud import BASE, EXTERNAL_APPLICATION_ID, LOGIN, PASSWORD
from sandbox.cloud4wi import CLIENT_KEY, CLIENT_SECRET, EMPTY_ORGANIZATION_ID, ORGANIZATION_ID
from sandbox.swipe_one import API_KEY, WORKSPACE_ID

PROJECT = Path(__file__).resolve().parent.parent
PEERS = PROJECT / ".venv-bench/bin/python"
CONNECTOR = (sys.executable, "-m", "source_events")
STOCK = (sys.executable, "-m", "benchmarks.peers.stock")
LIMIT = (sys.executable, "-m", "benchmarks.limits")


@dataclass(frozen=True)
class Task:
    """What is to be read: one stream of one provider of the sandbox at `url`."""

    url: str
    start: str
    end: str
    stream: str = "org_events"
    provider: str = "cloud4wi"
    workers: int = 8
    contacts: Sequence[str] = ()
    empty: bool = False

    @property
    def organization(self) -> str:
        return EMPTY_ORGANIZATION_ID if self.empty else ORGANIZATION_ID


@dataclass(frozen=True)
class Program:
    """A program with the share of the task's work that it gets; one that is slow gets less of it."""

    name: str
    command: Sequence[str]
    share: float = 1.0
    form: str | None = "airbyte"
    """How its output is read; nothing where there is none."""

    def arguments(self, task: Task, folder: Path) -> list[str]:
        """The command line, after the files that it names have been written into the folder."""
        files = write_files(task, folder)
        named = {"{connector}": files["connector"], "{peer}": files["peer"], "{catalog}": files["catalog"]}
        return [named.get(word, word.replace("{folder}", str(folder))) for word in self.command]


def connector(command: str = "read") -> Program:
    return Program("connector", (*CONNECTOR, *_airbyte(command, "{connector}")))


def stock(command: str = "read", manifest: str = "stock.yaml", share: float = 1.0) -> Program:
    return Program("stock declarative source", (*STOCK, manifest, *_airbyte(command, "{peer}")), share)


def _airbyte(command: str, config: str) -> list[str]:
    arguments = {
        "spec": [],
        "check": ["--config", config],
        "read": ["--config", config, "--catalog", "{catalog}"],
    }
    return [command, *arguments[command]]


def singer(share: float) -> Program:
    command = (str(PEERS), "-m", "benchmarks.peers.singer_tap", "--config", "{peer}")
    return Program("Meltano singer-sdk tap", command, share, "singer")


def dlt(step: str, share: float) -> Program:
    name = {"extract": "dlt rest_api, extract", "jsonl": "dlt rest_api, to JSONL"}[step]
    return Program(
        name, (str(PEERS), "-m", "benchmarks.peers.dlt_source", step, "{peer}", "{folder}/dlt"), share, "dlt"
    )


def limit(kind: str) -> Program:
    names = {
        "download": "limit: download only",
        "splice": "limit: raw splice",
        "decode": "limit: decode and encode",
        "contacts": "limit: requests and raw splice",
        "sockets": "limit: sockets and raw splice",
    }
    return Program(names[kind], (*LIMIT, kind, "{peer}"), form=None if kind == "download" else "airbyte")


def carecloud_limit() -> Program:
    return Program("limit: decode and encode", (sys.executable, "-m", "benchmarks.carecloud", "{peer}"))


def renamed(program: Program, name: str) -> Program:
    return replace(program, name=name)


def write_files(task: Task, folder: Path) -> dict[str, str]:
    """The connector's configuration, that of everything else, and the catalogue; returns their paths by name."""
    dates = {"start_date": task.start, "end_date": task.end}
    contacts = {"contact_ids": list(task.contacts)} if task.contacts else {}
    stream = {
        "name": task.stream,
        "json_schema": {},
        "supported_sync_modes": ["full_refresh", "incremental"],
        "source_defined_cursor": True,
        "default_cursor_field": ["createdAt"],
    }
    contents: dict[str, Any] = {
        "connector": {"provider": _provider(task), **dates, "num_workers": task.workers, **contacts},
        "peer": {**_account(task), **dates, "num_workers": task.workers, **contacts},
        "catalog": {
            "streams": [
                {
                    "stream": stream,
                    "sync_mode": "incremental",
                    "destination_sync_mode": "append",
                    "cursor_field": ["createdAt"],
                }
            ]
        },
    }
    for name, content in contents.items():
        (folder / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")
    return {name: str(folder / f"{name}.json") for name in contents}


def _account(task: Task) -> dict[str, str]:
    if task.provider == "carecloud":
        return {
            "url": task.url + BASE,
            "login": LOGIN,
            "password": PASSWORD,
            "external_application_id": EXTERNAL_APPLICATION_ID,
        }
    if task.provider == "swipe_one":
        return {"url": f"{task.url}/api", "workspace_id": WORKSPACE_ID, "api_key": API_KEY}
    return {
        "url": task.url,
        "organization_id": task.organization,
        "client_key": CLIENT_KEY,
        "client_secret": CLIENT_SECRET,
    }


def _provider(task: Task) -> dict[str, Any]:
    account = _account(task)
    if task.provider == "carecloud":
        return {
            "provider_type": "carecloud",
            "api_url": account.pop("url"),
            "time_zone": "Europe/Prague",
            "credentials": {"auth_type": "bearer", **account},
        }
    return {"provider_type": task.provider, "api_url": account.pop("url"), **account}


def peers_installed() -> bool:
    return os.access(PEERS, os.X_OK)
