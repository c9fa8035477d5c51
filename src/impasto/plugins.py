"""Tables of plugins by name: built in, registered by a program, or from installed packages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Generic, Protocol, TypeVar

from impasto.errors import OptionsError


class Named(Protocol):
    """An object that can be registered."""

    @property
    def name(self) -> str:
        """The name for users."""


T = TypeVar("T", bound=Named)


class Plugins(Mapping[str, T], Generic[T]):
    """A table of objects of type ``kind`` by name.

    Packages provide objects by entry points of ``group``: the name of an entry point is that of the
    object. They are searched only for names that are not ``known``, and loaded on first use.
    """

    def __init__(self, group: str, kind: type[T], *builtin: T) -> None:
        self._group, self._kind = group, kind
        self.known = {item.name: item for item in builtin}
        """Built-in and registered objects."""

    def register(self, item: T) -> T:
        """Add an object, replacing one with the same name, and return it."""
        if not isinstance(item, self._kind):
            raise OptionsError(
                f"{self._group}: only a {self._kind.__name__} can be registered, got {item!r}"
            )
        self.known[item.name] = item
        return item

    def __getitem__(self, name: str) -> T:
        """Return the object with a name. Raises `OptionsError` if its entry point is broken."""
        if name in self.known:
            return self.known[name]
        entry = self._entry_points()[name]
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
        """Return whether a name exists, without loading its object."""
        return name in self.known or name in self._entry_points()

    def __iter__(self) -> Iterator[str]:
        """Iterate over all names, built-in ones first."""
        others = (name for name in self._entry_points() if name not in self.known)
        return iter([*self.known, *others])

    def __len__(self) -> int:
        """Return the number of names."""
        return len(list(iter(self)))

    def _entry_points(self) -> dict[str, Any]:
        # Searching all packages takes as long as importing the command line.
        from importlib.metadata import entry_points

        return {entry.name: entry for entry in entry_points(group=self._group)}


def _package(entry: Any) -> str:
    return str(entry.dist.name if entry.dist else entry.value)
