"""What the commands for people have in common: sentences on standard error, and no message of the protocol."""

from __future__ import annotations

import logging
import sys
from argparse import Namespace
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from airbyte_cdk.utils.airbyte_secrets_utils import filter_secrets
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_events.process.entrypoint import PageEntrypoint
from source_events.report import PeopleFilter
from source_events.settings.configuration import read_configuration, validate
from source_events.settings.specification import specification


def launch_for_people(module: str, arguments: Namespace) -> None:
    """Run the command of this module; exits with 1 after an error, which is a sentence on standard error."""
    log_for_people()
    try:
        import_module(module).run(arguments)
    except AirbyteTracedException as error:
        sentence = error.message or error.internal_message
    except Exception as error:
        sentence = f"Something has happened that nobody expected: {type(error).__name__}: {error}. Please report it."
    else:
        return
    tell("error", str(sentence))
    sys.exit(1)


def tell(level: str, sentence: str) -> None:
    """Write a sentence to standard error, as the parser of the arguments does."""
    print(filter_secrets(f"source-events: {level}: {sentence}"), file=sys.stderr)


def log_for_people() -> None:
    """Write warnings as sentences to standard error, and nothing else of the log."""
    handler = SentenceHandler(logging.WARNING)
    handler.addFilter(PeopleFilter())
    logging.getLogger().handlers = [handler]


class SentenceHandler(logging.Handler):
    """Writes the message of a log line alone, without the stack of an error that may come with it."""

    def emit(self, record: logging.LogRecord) -> None:
        tell(record.levelname.lower(), record.getMessage())


def configuration_for_people(path: str) -> Mapping[str, Any]:
    """The configuration of this file, whose secrets are masked from now on in all that is told.

    :raises InvalidDocument: if it cannot be read
    :raises InvalidConfiguration: if a field is wrong
    """
    config = read_configuration(path)
    validate(config)
    PageEntrypoint.set_up_secret_filter(config, specification()["connectionSpecification"])
    return config
