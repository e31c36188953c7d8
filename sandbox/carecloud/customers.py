"""Invented customers: the same number always gives the same one. What they have is personal data of the usual kinds."""

from collections.abc import Mapping, Sequence
from typing import Any

from sandbox.carecloud.catalogue import identifier

FIRST_NAMES = ("Žofie", "Jan", "Nguyễn", "O'Neil", 'Bob "the\\builder"')
FILTERS = ("email", "phone", "first_name", "last_name", "birthdate", "customer_source_id", "customer_short_salutation")
MOST_IDS = 1000


def customer_id(number: int) -> str:
    """The id of a generated customer; the same for every seed, so that later events belong to the same people."""
    return identifier(f"customer {number}")


def customer(key: str, number: int, last_change: str | None) -> dict[str, Any]:
    """A customer as the API has it; one in thirteen has never been changed, which the API writes as a zero date."""
    first = FIRST_NAMES[number % len(FIRST_NAMES)]
    return {
        "customer_id": key,
        "personal_information": {
            "gender": 1 + number % 5,
            "first_name": first,
            "last_name": f"No. {number}",
            "birthdate": "1980-01-01",
            "email": f"contact-{number}@example.com",
            "phone": f"+420555{number:06d}",
            "language_id": "cs",
            "address": {"address1": "Náměstí 1 \u2028", "city": "Praha", "zip": "110 00", "country_code": "cz"},
            "agreement": {
                "agreement_gtc": 1,
                "agreement_profiling": 2,
                "agreement_marketing_communication": number % 2,
                "custom_agreements": [],
            },
            "consents": [
                {"consent_id": identifier("newsletter"), "consent_value": 1, "last_change": "2024-01-02 03:04:05"}
            ],
        },
        "doi_email": "2023-06-23 11:47:22" if number % 2 == 0 else "0000-00-00 00:00:00",
        "doi_phone": None,
        "last_change": "0000-00-00 00:00:00" if number % 13 == 12 else last_change,
        "state": 0 if number % 23 == 22 else 1,
    }


def matches(found: Mapping[str, Any], wanted: Mapping[str, str]) -> bool:
    """Whether a customer has all of these fields of personal data, which the API compares as they are."""
    information: Mapping[str, Any] = found.get("personal_information") or {}
    return all(str(information.get(name)) == value for name, value in wanted.items())


def by_field(customers: Sequence[dict[str, Any]], field: str, *, descending: bool) -> list[dict[str, Any]]:
    return sorted(customers, key=lambda each: str(each.get(field)), reverse=descending)
