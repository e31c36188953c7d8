"""Cloud4Wi's refusals. The documentation gives the statuses; the form of the body is not documented."""

from aiohttp import web


class Refusal(Exception):
    """A request that the API refuses, with the status that Cloud4Wi documents for the reason.

    401 wrong client key or secret, or logout without a valid token; 403 missing scope, and also a missing, unknown or
    expired token; 404 unknown resource; 409 invalid parameters, where others answer 400.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message

    def response(self) -> web.Response:
        return web.json_response({"status": "KO", "message": self.message}, status=self.status)


def invalid(message: str) -> Refusal:
    return Refusal(409, message)
