"""What a request shows that it may be made."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from airbyte_cdk.sources.types import Config

from source_events.components.templates import Template


class Authenticator(ABC):
    """Says which headers show that a request may be made.

    An answer with the status `refused_with` says that they are no longer valid: the request is repeated with others, at
    most `renewals` times.
    """

    refused_with: int | None = None

    @property
    def renewals(self) -> int:
        return 1

    @abstractmethod
    def headers(self, instead_of: Mapping[str, str] | None = None) -> Mapping[str, str]:
        """The headers to send; `instead_of` are some that have just been refused."""

    def accept(self) -> None:
        """A request has been answered with headers of this authenticator; who logs in wants to know."""
        return

    def renewing(self) -> AbstractContextManager[None]:
        """While headers that have been refused are renewed; one thread may find out for all that it is of no use."""
        return nullcontext()

    def is_used_elsewhere(self, refused: Mapping[str, str]) -> bool:
        """Whether headers that were new and are refused all the same have been made invalid by somebody else."""
        return False


class HeaderAuthenticator(Authenticator):
    """Headers of a fixed form, such as `{X-Api-Key: "{{ config['provider']['api_key'] }}"}`."""

    def __init__(self, config: Config, headers: Mapping[str, str]) -> None:
        self._headers: Mapping[str, str] = Template(headers, config).render()

    def headers(self, instead_of: Mapping[str, str] | None = None) -> Mapping[str, str]:
        return self._headers


def chosen(config: Config, path: Sequence[str], choices: Mapping[str, Authenticator]) -> Authenticator:
    """The authenticator that the value at this path of the configuration names."""
    value: Any = config
    for name in path:
        value = value[name]
    return choices[value]
