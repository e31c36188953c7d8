"""The names that users' configurations depend on, each with "required" or its default."""

FIELDS = {
    "organization_id": "required",
    "client_key": "required",
    "client_secret": "required",
    "api_url": "https://explore.cloud4wi.com",
}
