"""Invented contacts and locations in the documented form: the same id always gives the same one.

Of a contact's fields the documentation gives names and few types; dates are written here as the events' are.
"""

import hashlib
from collections.abc import Iterable
from random import Random
from typing import Any

from sandbox.cloud4wi import ORGANIZATION_ID
from sandbox.cloud4wi.generator import LOCATIONS, PLACES

FIRST_NAMES = ("Ada", "Zoë", "Nguyễn", "O'Neil", "愛", 'Bob "the\\builder"')
POLICIES = ("privacy", "termsOfUse", "mktgCommunications")
SORTABLE = frozenset(
    (
        "firstName",
        "lastName",
        "gender",
        "birthDate",
        "country",
        "created",
        "privacy",
        "termsOfUse",
        "mktgCommunications",
        "ageVerification",
        "phone",
        "phoneVerified",
        "email",
        "emailVerified",
        "provider",
        "username",
        "locked",
        "locations",
        "system",
        "enabled",
        "type",
        "modified_absolute",
        "created_absolute",
        "totalVisits",
        "visitedLocations",
    )
)


def contact(cid: str) -> dict[str, Any]:
    random = Random(cid)
    number = int(hashlib.md5(cid.encode(), usedforsecurity=False).hexdigest()[:6], 16)
    place = LOCATIONS[random.randrange(len(LOCATIONS))]
    visits = random.randrange(100)
    return {
        "cid": cid,
        "organizationCid": ORGANIZATION_ID,
        "locationCid": place["locationId"],
        "locationName": place["locationName"],
        "title": None,
        "firstName": FIRST_NAMES[number % len(FIRST_NAMES)],
        "lastName": f"No. {number}",
        "gender": random.choice(("male", "female", None)),
        "birthDate": "1980-01-01",
        "birthDay": "01-01",
        "age": str(random.randrange(14, 99)),
        "country": "IT",
        "zipCode": "00100",
        "created": "2023-05-06T07:08:09Z",
        "modified": f"2023-12-{1 + random.randrange(28):02d}T10:11:12Z",
        "email": f"contact-{number}@example.com",
        "emailVerified": random.random() < 0.5,
        "phone": f"+39555{number:08d}",
        "phoneVerified": random.random() < 0.5,
        "signupMethod": random.choice(("form", "facebook", "sms")),
        "externalIdentityId": None,
        "username": f"contact-{number}",
        "locked": False,
        "system": False,
        "enabled": True,
        "type": "customer",
        "personalId": None,
        "externalSource": None,
        "lastLogin": "2023-12-30T10:11:12Z",
        "logins": visits // 2,
        "segmentCids": "s1,s2",
        "policies": [{"name": name, "accepted": random.random() < 0.7} for name in POLICIES],
        "segments": [{"cid": "s1", "name": "VIP \u2028 ☀"}],
        "extId": {"id": f"crm-{number}", "prop1": None, "prop2": None},
        "metrics": {
            "countTotalVisits": visits,
            "avgVisitLength": random.randrange(200) / 2,
            "countVisitedLocations": min(visits, 3),
            "compassTopLocation": place["locationId"],
            "lastVisitDateUtc": "2023-12-30T10:11:12Z" if visits else None,
            "lastVisitDateBusiness": "2023-12-30T11:11:12Z" if visits else None,
        },
    }


def ordered(contacts: Iterable[str], sort: str | None, *, reverse: bool) -> list[str]:
    """The ids in an order; by visits or names where that is asked for, else by id."""
    ids = sorted(contacts)
    if sort:
        ids.sort(key=lambda cid: str(contact(cid).get(sort)))
    return ids[::-1] if reverse else ids


LOCATION_LIST: list[dict[str, Any]] = [
    {
        "id": location["locationId"],
        "name": place.name,
        "organziationId": ORGANIZATION_ID,
        "lat": place.latitude,
        "lng": place.longitude,
        "timezone": place.timezone,
        "externalId": f"store-{number}" if number % 2 else None,
        "tags": ["flagship"] if number % 3 == 0 else [],
        "address": {"city": place.timezone.partition("/")[2], "country": None},
    }
    for number, (place, location) in enumerate(zip(PLACES, LOCATIONS, strict=True))
]
"""The organisation's locations, which events name. `organziationId` is spelt as in the documentation."""
