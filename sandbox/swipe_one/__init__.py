"""Swipe One's contacts and their events, with workspaces and keys that exist nowhere else."""

WORKSPACE_ID = "6660175570fbd8a9c22bedfb"
"""The workspace of the published example, with all contacts."""

EMPTY_WORKSPACE_ID = "6660175570fbd8a9c22b0000"
"""A workspace that exists, is open to the key and has no contacts."""

API_KEY = "sandbox-only-not-a-real-key-000000"
"""A key of both workspaces."""

FOREIGN_API_KEY = "sandbox-only-not-a-real-key-111111"
"""A valid key that belongs to neither workspace."""

EXAMPLE_CONTACT = "6682840d9286aa59ee3d4181"
"""The contact of the published examples."""

EVENT_TYPES = (
    "email_opened",
    "link_clicked",
    "UserLoggedIn",
    "page_viewed",
    "tag_updated",
    "order_placed",
    "form_submitted",
)
"""The types that are predefined in the workspaces; no other can be created."""
