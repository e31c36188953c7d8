"""The names that users' configurations depend on, each with "required" or its default."""

FIELDS = {
    "api_url": "required",
    "time_zone": "required",
    "credentials": "required",
    "accept_language": "en",
}
