"""Imports PyTorch when it is first used.

The modules of losses and optimisers contain both a declaration and the computation. The command
line and the options need only the declarations, so importing them must be fast. Packages export
names in the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch as torch
    from torch import Tensor as Tensor
else:
    Tensor = Any  # for annotations

    class _Lazy:
        """A module that is imported at the first access to an attribute."""

        def __init__(self, name: str) -> None:
            self._name = name

        def __getattr__(self, name: str) -> Any:
            found = self.__dict__[name] = getattr(import_module(self._name), name)
            return found

    torch = _Lazy("torch")


def exports(package: str, homes: Mapping[str, Sequence[str]]) -> Callable[[str], Any]:
    """Return a ``__getattr__`` for a package, which imports names on first access.

    ``homes`` maps modules of the package to the names that they define.
    """

    def get(name: str) -> Any:
        for home, names in homes.items():
            if name in names:
                return getattr(import_module(f"{package}.{home}"), name)
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    return get
