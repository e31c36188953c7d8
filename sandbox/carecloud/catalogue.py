"""The project's reference lists: groups and types of events, and the properties of events."""

import hashlib
from typing import Any


def identifier(text: str) -> str:
    """An id as CareCloud has them: 26 hexadecimal digits."""
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()[:26]


def _group(text_id: str, name: str) -> dict[str, Any]:
    return {"event_group_id": identifier(text_id), "name": name, "text_id": text_id, "state": 1}


def _type(text_id: str, name: str, group: str, state: int = 1) -> dict[str, Any]:
    return {
        "event_type_id": identifier(text_id),
        "event_group_id": identifier(group),
        "event_group_text_id": group,
        "name": name,
        "text_id": text_id,
        "icon_name": None,
        "state": state,
    }


def _property(property_id: str, name: str, data_type: str, items: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    return {
        "property_id": property_id,
        "name": name,
        "description": None,
        "data_type": data_type,
        "items": items,
        "is_required": False,
        "is_unique": property_id == "receipt",
        "last_change": "2023-05-06 07:08:09",
        "state": 1,
    }


ITEMS = [
    {"id": str(number), "name": f'{{"cs":"{czech}","en":"{english}"}}', "resource_record_id": None, "state": 1}
    for number, (czech, english) in enumerate((("červená", "red"), ("modrá", "blue"), ("žlutá", "yellow")), 1)
]

EVENT_GROUPS = [_group("shop", "Obchod"), _group("web", "Web")]
EVENT_TYPES = [
    _type("purchase", "Nákup", "shop"),
    _type("complaint", "Reklamace", "shop"),
    _type("login", "Přihlášení", "web"),
    _type("newsletter", "Odběr novinek „Zprávy“", "web"),
    _type("retired", "Vyřazený", "web", state=0),
]
PROPERTIES_OF_TYPES = {
    "purchase": ("has_purchase", "amount", "items_count", "colour", "basket", "receipt"),
    "complaint": ("amount", "receipt"),
    "newsletter": ("delivered",),
}
"""The ids of the properties that events of a type may have, by the type's readable id; the other types have none."""
EVENT_PROPERTIES = [
    _property("has_purchase", "Má nákup", "boolean"),
    _property("amount", "Částka", "float"),
    _property("items_count", "Počet položek", "integer"),
    _property("delivered", "Doručeno", "date"),
    _property("colour", "Barva", "string", ITEMS),
    _property("basket", "Košík", "custom"),
    _property("receipt", "Účtenka", "string"),
]
