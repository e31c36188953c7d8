"""The names that users' configurations depend on, each with "required" or its default."""

FIELDS = {
    "instance_id": "required",
    "api_secret": "required",
    "scope": "app",
    "api_url": "https://appmarket-publicapi.sitebuilder.com/v1.0",
    "events_path": "/events/get",
    "contacts_path": "/contacts/get",
    "instance_claim": "instanceId",
    "timestamp_unit": "milliseconds",
    "time_zone": "UTC",
}
