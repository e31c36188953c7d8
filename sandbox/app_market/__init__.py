"""App Market's server-to-server API, with an instance, a secret and contacts that exist nowhere else."""

BASE = "/v1.0"

INSTANCE_ID = "0f9c1d2e-0000-4000-8000-5a4db0c50001"
"""One app on one website, with all the events."""

EMPTY_INSTANCE_ID = "0f9c1d2e-0000-4000-8000-5a4db0c50002"
"""An instance that exists and has neither events nor contacts."""

API_SECRET = "not-a-secret-sandbox-only-app-market-000000"
"""Signs the tokens of requests to the API."""

RENDER_SECRET = "not-a-secret-sandbox-only-app-market-render"
"""Signs what the website hands to the app's frame; the API does not accept it."""
