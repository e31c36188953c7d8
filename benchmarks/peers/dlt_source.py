"""dlt's rest_api source: `python -m benchmarks.peers.dlt_source extract|jsonl|duckdb CONFIG FOLDER`.

`extract` stops at dlt's own intermediate files; `jsonl` goes on to lines of JSON, without a database in between;
`duckdb` merges into a table of a DuckDB file by the primary key.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import dlt
import requests
from dlt.destinations import filesystem
from dlt.sources.helpers.rest_client.paginators import JSONResponseCursorPaginator
from dlt.sources.rest_api import rest_api_source
from dlt.sources.rest_api.typing import RESTAPIConfig


def token(config: dict[str, Any]) -> str:
    pair = {"clientKey": config["client_key"], "clientSecret": config["client_secret"]}
    answer = requests.post(f"{config['url']}/v1/sts/login/services", json=pair, timeout=60)
    answer.raise_for_status()
    return str(answer.json()["token"])


def source(config: dict[str, Any]) -> Any:
    def with_envelope(row: dict[str, Any]) -> dict[str, Any]:
        return {
            **row,
            "id": row["event"]["id"],
            "provider": "cloud4wi",
            "type": row["event"]["type"],
            "createdAt": row["when"]["createdAt"],
            "organizationId": row.get("organizationId") or config["organization_id"],
            "contactId": row["customerId"],
        }

    described: RESTAPIConfig = {
        "client": {"base_url": config["url"], "auth": {"type": "bearer", "token": token(config)}},
        "resources": [
            {
                "name": "org_events",
                "primary_key": "id",
                "max_table_nesting": 0,
                "endpoint": {
                    "path": f"v1/organizations/{config['organization_id']}/events",
                    "params": {
                        "dateStart": config["start_date"],
                        "dateEnd": config["end_date"],
                        "size": "10000",
                        "sortBy": "utcTime",
                        "enableScroll": "true",
                    },
                    "data_selector": "events",
                    "paginator": JSONResponseCursorPaginator(
                        cursor_path="scrollId", cursor_param="scrollId", stop_after_empty_page=True
                    ),
                },
                "processing_steps": [{"map": with_envelope}],
            }
        ],
    }
    return rest_api_source(described, name="cloud4wi")


def main(step: str, config_file: str, folder: str) -> None:
    config = json.loads(Path(config_file).read_text(encoding="utf-8"))
    pipeline = dlt.pipeline(
        pipeline_name="cloud4wi",
        pipelines_dir=f"{folder}/pipelines",
        destination=(
            dlt.destinations.duckdb(f"{folder}/warehouse.duckdb")
            if step == "duckdb"
            else filesystem(bucket_url=f"{folder}/loaded")
        ),
        dataset_name="events",
    )
    if step == "extract":
        pipeline.extract(source(config))
    elif step == "duckdb":
        pipeline.run(source(config), write_disposition="merge")
    else:
        pipeline.run(source(config), loader_file_format="jsonl")


if __name__ == "__main__":
    main(*sys.argv[1:])
