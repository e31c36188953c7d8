"""Whether it is right to skip contacts that, as their list says, have not been active: some are read all the same."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterable, Mapping

from source_events.records.page import Page
from source_events.runtime import Runtime

ONE_IN, LEAST = 100, 20
"""Of the contacts that are skipped, one in so many is read all the same, chosen at random, and at least so many."""


class Audit:
    """Chooses contacts of those that are skipped, and learns from their pages whether one should not have been.

    Such a contact has an event at or after a time, its limit, from which on it has none if its list is right.
    """

    def __init__(self, runtime: Runtime) -> None:
        self.skipped = 0
        """How many have been skipped or chosen of those that would have been."""
        self.chosen: dict[str, str] = {}
        """Those that are read all the same, with their limits."""
        self.found: str | None = None
        """One that has an event that it should not have."""
        self._runtime = runtime
        self._random = random.Random()
        self._place = 0
        self._others: list[tuple[str, str]] = []
        self._unread: set[str] = set()
        self._changed = threading.Condition()

    def chooses(self, contact: str, limit: str) -> bool:
        """Whether this contact, which is skipped, is read all the same."""
        # One of each hundred, so that it is known when it comes, and the order of the list is kept.
        position = self.skipped % ONE_IN
        if not position:
            self._place = self._random.randrange(ONE_IN)
        self.skipped += 1
        if position == self._place:
            self._choose(contact, limit)
            return True
        self._keep(contact, limit)
        return False

    def rest(self) -> Iterable[str]:
        """At the end of the list, those that are chosen so that they are enough."""
        missing = max(LEAST, -(-self.skipped // ONE_IN)) - len(self.chosen)
        for contact, limit in self._random.sample(self._others, max(min(missing, len(self._others)), 0)):
            self._choose(contact, limit)
            yield contact

    def look_at(self, contact: str, page: Page) -> None:
        """See whether a contact's page has an event that it should not have."""
        limit = self.chosen.get(contact)
        if limit and page.latest and page.latest[:19] >= limit[:19]:
            with self._changed:
                self.found = self.found or contact
                self._changed.notify_all()

    def end(self, contacts: Iterable[str]) -> None:
        """These contacts have been read, or will not be."""
        with self._changed:
            self._unread.difference_update(contacts)
            self._changed.notify_all()

    def has_found_one(self) -> bool:
        """Whether one of the chosen has such an event, which is known when all have been read."""
        with self._changed:
            while self._unread and not self.found:
                self._changed.wait(LONGEST_WAIT)
                self._runtime.wait(0)
            return self.found is not None

    def _choose(self, contact: str, limit: str) -> None:
        with self._changed:
            self.chosen[contact] = limit
            self._unread.add(contact)

    def _keep(self, contact: str, limit: str) -> None:
        """Keep `LEAST` of all the others, each as likely as any other."""
        number = self.skipped - len(self.chosen)
        if len(self._others) < LEAST:
            self._others.append((contact, limit))
        elif (place := self._random.randrange(number)) < LEAST:
            self._others[place] = (contact, limit)


LONGEST_WAIT = 0.2
"""Seconds after which it is looked whether the command has ended meanwhile."""


def limits(audit: Audit | None) -> Mapping[str, str]:
    """The contacts that have been chosen, with their limits."""
    return audit.chosen if audit else {}
