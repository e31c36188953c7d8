"""What the filters of a query leave of a stream: bounds on `createdAt`, and a choice of types or contacts."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from pyspark.sql.datasource import (
    EqualTo,
    Filter,
    GreaterThan,
    GreaterThanOrEqual,
    In,
    IsNotNull,
    LessThan,
    LessThanOrEqual,
)

from source_events.components.windows import SECOND
from source_events.records.times import format_time

CREATED_AT = "createdAt"
CHOICES = {"type": "event_types", "contactId": "contact_ids"}
"""Which field of the configuration has the choice of a column's values."""


@dataclass
class Restriction:
    """Takes filters, one after the other. `choosable` are the columns of whose values some can be chosen.

    `first` and `last` are the first and the last second that can have records, both to be read; without `undated` no
    record without a time is wanted. `chosen` has the values that are wanted, by column.
    """

    choosable: Collection[str] = ()
    dated: bool = True
    first: datetime | None = None
    last: datetime | None = None
    undated: bool = True
    chosen: dict[str, set[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, definition: Mapping[str, Any]) -> Restriction:
        """One for a stream: only of events it is known what their columns say of what is asked for."""
        has_events = "incremental_sync" in definition
        by_contact = "contacts" in definition["retriever"]
        choosable = {"type": has_events, "contactId": by_contact}
        return cls(choosable=[name for name, known in choosable.items() if known], dated=has_events)

    def take(self, filters: Collection[Filter]) -> list[Filter]:
        """Restrict what is read by the filters; those that what is read does not all pass, and Spark must apply."""
        left = [each for each in filters if not self._take(each)]
        # What is chosen is not null.
        return [each for each in left if not (isinstance(each, IsNotNull) and each.attribute[0] in self.chosen)]

    def choices(self, config: Mapping[str, Any]) -> dict[str, list[str]] | None:
        """The fields of the configuration with what is chosen of them; nothing, if nothing is left."""
        found = {}
        for column, wanted in self.chosen.items():
            configured = config.get(CHOICES[column])
            found[CHOICES[column]] = sorted(wanted if not configured else wanted.intersection(configured))
        return found if all(found.values()) else None

    def within(self, first: str, last: str) -> tuple[str, str] | None:
        """The seconds of these, from the first to the last, that are wanted; nothing, if none are."""
        first = max(first, format_time(self.first)) if self.first else first
        last = min(last, format_time(self.last)) if self.last else last
        return (first, last) if first <= last else None

    def _take(self, filter: Filter) -> bool:
        """Whether all that is read then passes the filter."""
        [column, *deeper] = getattr(filter, "attribute", None) or ("",)
        if deeper:
            return False
        if column in self.choosable and isinstance(filter, EqualTo | In):
            return self._choose(column, filter.value if isinstance(filter, In) else (filter.value,))
        if column != CREATED_AT or not self.dated:
            return False
        if isinstance(filter, IsNotNull):
            self.undated = False
            return True
        if not isinstance(getattr(filter, "value", None), datetime):
            return False
        return self._bound(filter)

    def _choose(self, column: str, values: Collection[Any]) -> bool:
        # What else a configuration would not take: Spark sees to it.
        if not all(isinstance(value, str) and value.isprintable() and value.strip() == value != "" for value in values):
            return False
        self.chosen[column] = self.chosen.get(column, set(values)).intersection(values)
        return True

    def _bound(self, filter: Any) -> bool:
        """Slices are whole seconds: a bound within one, or one that takes its first moment only, is Spark's, too."""
        moment = filter.value.astimezone(timezone.utc)
        second = moment.replace(microsecond=0)
        whole = moment == second
        if isinstance(filter, EqualTo | GreaterThan | GreaterThanOrEqual):
            self.first = max(self.first or second, second)
        if isinstance(filter, EqualTo | LessThan | LessThanOrEqual):
            last = second - SECOND if whole and isinstance(filter, LessThan) else second
            self.last = min(self.last or last, last)
        if isinstance(filter, EqualTo | GreaterThan | GreaterThanOrEqual | LessThan | LessThanOrEqual):
            self.undated = False
        return whole and isinstance(filter, GreaterThanOrEqual | LessThan)
