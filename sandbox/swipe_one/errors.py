"""Swipe One's refusals: always an object with `status` and `message`."""

from aiohttp import web


class Refusal(Exception):
    """A request that the API refuses.

    400 invalid input, 401 key missing or invalid, 404 contact not found are documented; 403 for a key of another
    workspace and 404 for an unknown one are not.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message

    def response(self) -> web.Response:
        return web.json_response({"status": "fail", "message": self.message}, status=self.status)


def invalid(message: str) -> Refusal:
    return Refusal(400, f"Invalid input: {message}")
