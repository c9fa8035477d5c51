"""PyTorch, imported when it is first used.

What declares itself beside what it computes (losses, optimisers) is then quick to import: the
command line and the options need the declaration alone. Packages export names likewise.
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
        """A module that is imported when it is first asked for something."""

        def __init__(self, name: str) -> None:
            self._name = name

        def __getattr__(self, name: str) -> Any:
            found = self.__dict__[name] = getattr(import_module(self._name), name)
            return found

    torch = _Lazy("torch")


def exports(package: str, homes: Mapping[str, Sequence[str]]) -> Callable[[str], Any]:
    """Return the ``__getattr__`` of a package: names are imported from their homes when asked for.

    ``homes`` maps modules of the package to the names that they define.
    """

    def get(name: str) -> Any:
        for home, names in homes.items():
            if name in names:
                return getattr(import_module(f"{package}.{home}"), name)
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    return get
