"""Why seeding ends early."""

from airbyte_cdk.utils.airbyte_secrets_utils import filter_secrets


class SeedFailed(Exception):
    """A sentence that says what happened and which field or permission to mend, without any secret."""

    def __init__(self, message: str) -> None:
        super().__init__(filter_secrets(message))
