"""The contact list in any order, from any place in it."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from sandbox.swipe_one.parameters import ContactQuery, Cursor

Contact = dict[str, Any]


class Listing(NamedTuple):
    """Contacts in ascending order, and the place of each: what they are sorted by, and the id to tell equals apart."""

    contacts: list[Contact]
    places: list[tuple[str, str]]

    def page(self, query: ContactQuery, limit: int) -> tuple[list[Contact], bool]:
        """The contacts of one page, and whether the list goes on behind them."""
        cursor = query.after or query.before
        place = (cursor.value, cursor.key) if cursor else None
        if (query.order == 1) != (query.before is not None):
            start = bisect_right(self.places, place) if place else 0
            rows, further = self.contacts[start : start + limit], start + limit < len(self.places)
        else:
            end = bisect_left(self.places, place) if place else len(self.places)
            rows, further = self.contacts[max(end - limit, 0) : end], end > limit
        return rows if query.order == 1 else rows[::-1], further or query.before is not None


def listing(contacts: Iterable[Contact], sort: str, text: str) -> Listing:
    wanted = [contact for contact in contacts if text.lower() in _searched(contact)]
    wanted.sort(key=lambda contact: _place(contact, sort))
    return Listing(wanted, [_place(contact, sort) for contact in wanted])


def cursor(contact: Contact, query: ContactQuery) -> Cursor:
    """The place of a contact in the list, as a request continues from it."""
    return Cursor(query.sort, query.order, *_place(contact, query.sort))


def _place(contact: Mapping[str, Any], sort: str) -> tuple[str, str]:
    return str(contact.get(sort) or ""), contact["_id"]


def _searched(contact: Mapping[str, Any]) -> str:
    return f"{contact.get('fullName', '')} {contact.get('email', '')}".lower()
