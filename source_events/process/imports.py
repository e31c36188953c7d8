"""What a process of the connector leaves out of the import of the CDK, which is most of what a short command does."""

from __future__ import annotations

import contextlib
import gc
import sys
from importlib.util import find_spec, module_from_spec
from types import ModuleType
from typing import Any


def prepare_imports() -> None:
    """Halve the import of the CDK; to be called before it.

    Of what an import makes nothing is garbage. The library behind the CDK's models looks for descriptions of their
    fields in their source code, for JSON schemas that nobody asks it for. And the CDK's package imports all that it has
    to offer, destinations and file formats too.
    """
    gc.disable()
    with contextlib.suppress(ImportError):
        import attributes_doc

        attributes_doc.get_attributes_doc = lambda cls: {}
    import_when_asked("airbyte_cdk")


class UnaskedPackage(ModuleType):
    """A package whose modules can be imported; its own code runs when it is asked for another name."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or self.__spec__ is None or self.__spec__.loader is None:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        module = sys.modules.get(f"{self.__name__}.{name}")
        if module is not None:
            # One that is being imported at this moment.
            return module
        self.__class__ = ModuleType  # type: ignore[assignment]
        self.__spec__.loader.exec_module(self)
        return getattr(self, name)


def import_when_asked(name: str) -> None:
    """Import a package without running its own code."""
    spec = None if name in sys.modules else find_spec(name)
    if spec is not None:
        package = module_from_spec(spec)
        package.__class__ = UnaskedPackage
        sys.modules[name] = package
