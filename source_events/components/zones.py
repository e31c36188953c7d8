"""The time zone of a system whose times carry no offset."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from airbyte_cdk.models import FailureType
from airbyte_cdk.sources.types import Config

from source_events.runtime import failure


def zone_of(config: Config) -> ZoneInfo:
    """The zone that is configured as `provider.time_zone`.

    :raises AirbyteTracedException: see `zone_named`
    """
    return zone_named(config["provider"]["time_zone"])


def zone_named(name: str) -> ZoneInfo:
    """
    :raises AirbyteTracedException: a `config_error`, if there is no such zone
    """
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, LookupError):
        message = "`provider.time_zone` is not a time zone that exists; give an IANA name like Europe/Prague or UTC."
        raise failure(message, FailureType.config_error) from None
