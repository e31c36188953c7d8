"""The definitions of the events that are predefined in the workspaces, in the form that answers have been seen with."""

from collections.abc import Mapping, Sequence
from typing import Any

from sandbox.swipe_one import EVENT_TYPES, WORKSPACE_ID


def _definition(name: str, label: str, *properties: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": name,
        "label": label,
        "properties": list(properties),
        "recordSummary": f"{label} \u2028 ☀",
        "createdAt": "2023-11-05T06:07:08.009Z",
        "updatedAt": "2023-12-05T06:07:08.009Z",
        "createdBy": {"id": "admin123", "name": "Admin", "type": "user"},
        "workspaceId": WORKSPACE_ID,
    }


def _property(name: str, label: str, field_type: str, data_type: str) -> Mapping[str, Any]:
    return {"name": name, "label": label, "fieldType": field_type, "dataType": data_type}


DEVICE = _property("device", "Device", "text", "string")
LOCATION = _property("location", 'Place, as "New York"', "text", "string")
EVENT_DEFINITIONS: Sequence[Mapping[str, Any]] = [
    _definition("email_opened", "E-mail opened", _property("email_subject", "Subject", "text", "string"), DEVICE),
    _definition("order_placed", "Order placed", _property("order", "Order", "text", "object")),
    _definition("tag_updated", "Tags changed"),
    *(
        _definition(name, name.replace("_", " ").capitalize(), DEVICE, LOCATION)
        for name in EVENT_TYPES
        if name not in ("email_opened", "order_placed", "tag_updated")
    ),
]
