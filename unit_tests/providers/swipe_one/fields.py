"""The names that users' configurations depend on, each with "required" or its default."""

FIELDS = {
    "workspace_id": "required",
    "api_key": "required",
    "contacts": "all",
    "api_url": "https://api.swipeone.com/api",
}
