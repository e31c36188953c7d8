"""A module here, named like its `provider_type`, seeds that provider's accounts.

It has a class `Account`, derived from `seed.account.Account`, or a sentence `REFUSAL` where the API
cannot create events.
"""

from __future__ import annotations

from importlib import import_module

from seed.account import Account
from seed.events import SeedFailed


def account_class(provider_type: str) -> type[Account]:
    """
    :raises SeedFailed: if events cannot be created in accounts of this provider
    """
    module = import_module(f"{__name__}.{provider_type}")
    if hasattr(module, "REFUSAL"):
        raise SeedFailed(module.REFUSAL)
    found: type[Account] = module.Account
    return found
