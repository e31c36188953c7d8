"""What the scripts begin with: a source that has been checked, and columns for fields of several types."""

import json
import sys
from pathlib import Path

import airbyte
from airbyte.exceptions import PyAirbyteError
from airbyte.shared.sql_processor import SqlProcessorBase
from airbyte.types import SQLTypeConverter
from sqlalchemy.types import JSON, VARCHAR


def checked_source(path: str) -> airbyte.Source:
    """The source of a configuration that works; otherwise the process ends with a sentence that says why not."""
    try:
        config = json.loads(Path(path).read_text(encoding="utf-8"))
        source = airbyte.get_source("source-events", config=config, local_executable="source-events")
        source.check()
    except (OSError, ValueError) as error:
        sys.exit(f"{path}: {error}")
    except PyAirbyteError as error:
        reason = (error.context or {}).get("failure_reason")
        sys.exit(f"{path}: {reason or error}")
    return source


class Columns(SQLTypeConverter):
    """Makes a column of JSON for a field that may hold an object as well as a text.

    PyAirbyte itself makes a text of it, says at each that it does, and then cannot write objects into Postgres.
    """

    def to_sql_type(self, field):
        types = field.get("type")
        several = {*types} - {"null"} if isinstance(types, list) else set()
        if len(several) < 2:
            return super().to_sql_type(field)
        return JSON() if several & {"object", "array"} else VARCHAR()


SqlProcessorBase.type_converter_class = Columns
