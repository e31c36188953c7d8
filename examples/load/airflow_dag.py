"""Loads what is new every hour.

The variable `events_config` is the path of the configuration, the connection `events_warehouse` that of the database.
"""

from datetime import datetime, timedelta

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

PROGRAM = "/opt/source-events/.venv/bin/source-events"

with DAG(
    "load_events",
    schedule="7 * * * *",
    start_date=datetime(2024, 1, 1),
    # The connector itself reads what has been missed.
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=5)},
):
    BashOperator(
        task_id="load",
        bash_command=f"exec {PROGRAM} load --config {{{{ var.value.events_config }}}}",
        env={"SOURCE_EVENTS_LOAD_TO": "{{ conn.events_warehouse.get_uri() }}"},
        append_env=True,
        execution_timeout=timedelta(hours=6),
    )
