"""App Market's refusals, of which nothing is documented."""

from aiohttp import web


class Refusal(Exception):
    """A request that the API refuses: 400 wrong parameters or body, 401 wrong token, 404 unknown contact."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message

    def response(self) -> web.Response:
        return web.json_response({"message": self.message}, status=self.status)


def invalid(message: str) -> Refusal:
    return Refusal(400, message)
