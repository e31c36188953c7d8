"""CareCloud's refusals, with the documented bodies."""

from collections.abc import Mapping
from typing import Any

from aiohttp import web

TITLES = {400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found"}


class Refusal(Exception):
    """A request that the API refuses; `data` is the body's `error_data`."""

    def __init__(self, status: int, detail: str, data: Mapping[str, Any] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.data = data or {}

    def response(self) -> web.Response:
        error = {
            "type": "error",
            "exception": TITLES[self.status].replace(" ", "") + "Exception",
            "title": TITLES[self.status],
            "detail": self.detail,
            "error_data": self.data,
        }
        return web.json_response({"error": error}, status=self.status)


def invalid(name: str, value: object, reason: str, message: str) -> Refusal:
    """400 for one parameter or field. Reasons: empty, not_found, required, not_allowed_value, ..."""
    problem = {"name": name, "reason": reason, "value": value, "message": message}
    return Refusal(400, f"{name}: {message}", {"invalid_params": [problem]})


def unknown(resource: str, identifier: str) -> Refusal:
    detail = f"There is no {resource} {identifier}"
    return Refusal(404, detail, {"resource_name": resource, "resource_id": identifier})
