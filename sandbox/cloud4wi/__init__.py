"""Cloud4Wi's event API, with an organisation, services and contacts that exist nowhere else."""

ORGANIZATION_ID = "155d60f21dc1938562900a0e201d54f6"
"""The organisation of the published example, with all the events."""

EMPTY_ORGANIZATION_ID = "155d60f21dc1938562900a0e201d5000"
"""An organisation that exists, is open to the service and has no events."""

CLIENT_KEY = "ck-00000000-sandbox-only-not-a-real-key"
CLIENT_SECRET = "not-a-secret-sandbox-only-000000"
"""A service with the scopes `organization_read`, `events_read` and `customer_read`."""

UNSCOPED_CLIENT_KEY = "ck-11111111-sandbox-only-not-a-real-key"
UNSCOPED_CLIENT_SECRET = "not-a-secret-sandbox-only-111111"
"""A service with the scope `organization_read` alone: it logs in, and requests of events and contacts answer 403."""

DOCUMENTED_TYPES = (
    "visit",
    "signup",
    "login",
    "send_email",
    "open_email",
    "click_email",
    "send_sms",
    "click_sms",
    "survey",
    "promo",
)
"""The documented values of the `events` parameter. The published example also has other types."""

UNDOCUMENTED_TYPES = ("arriving", "geo_arriving", "geo_visit")
"""Types of the published example that the documentation does not list."""
