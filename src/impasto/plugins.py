"""What goes by a name: what ships, what a program registers, and what installed packages offer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Generic, Protocol, TypeVar

from impasto.errors import OptionsError


class Named(Protocol):
    """Anything that can be registered."""

    @property
    def name(self) -> str:
        """What users call it."""


T = TypeVar("T", bound=Named)


class Plugins(Mapping[str, T], Generic[T]):
    """A table by name of objects of type ``kind``.

    Packages offer theirs as entry points of ``group``: an entry point has the name and refers to
    the object. They are looked for when a name is not ``known``, and loaded when they are asked
    for.
    """

    def __init__(self, group: str, kind: type[T], *shipped: T) -> None:
        self._group, self._kind = group, kind
        self.known = {item.name: item for item in shipped}
        """What ships and what was registered."""

    def register(self, item: T) -> T:
        """Add an object, or replace what was there of its name, and return it."""
        if not isinstance(item, self._kind):
            raise OptionsError(
                f"{self._group}: an object of {self._kind.__name__} can be registered, got {item!r}"
            )
        self.known[item.name] = item
        return item

    def __getitem__(self, name: str) -> T:
        """Return what goes by a name. Raises `OptionsError` for an entry point that is broken."""
        if name in self.known:
            return self.known[name]
        entry = self._offered()[name]
        try:
            item = entry.load()
        except (Exception, SystemExit) as error:
            raise OptionsError(
                f"{name} of the installed package {_package(entry)} cannot be loaded: {error!r}"
            ) from error
        if not isinstance(item, self._kind) or item.name != name:
            raise OptionsError(
                f"{name} of the installed package {_package(entry)} must refer to an object of "
                f"{self._kind.__name__} with that name, got {item!r}"
            )
        return self.register(item)

    def __contains__(self, name: object) -> bool:
        """Tell whether a name means something, without loading it."""
        return name in self.known or name in self._offered()

    def __iter__(self) -> Iterator[str]:
        """Go through all names, those that ship first."""
        return iter([*self.known, *(name for name in self._offered() if name not in self.known)])

    def __len__(self) -> int:
        """Count the names."""
        return len(list(iter(self)))

    def _offered(self) -> dict[str, Any]:
        # Looking through all packages takes as long as importing the command line.
        from importlib.metadata import entry_points

        return {entry.name: entry for entry in entry_points(group=self._group)}


def _package(entry: Any) -> str:
    return str(entry.dist.name if entry.dist else entry.value)
