"""The base of all option classes: fields with help texts, checks, conversion to and from JSON."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Self

from impasto.errors import OptionsError, nearest


def option(default: Any, help: str, **metadata: Any) -> Any:
    """Declare a field: its default, the help text of its flag, and other metadata of the flag."""
    return field(default=default, metadata={"help": help, **metadata})


@dataclass(frozen=True, kw_only=True)
class Checked:
    """A frozen set of options that converts to and from plain JSON data."""

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain data for ``from_dict``."""
        return {name: _plain(value) for name, value in asdict(self).items()}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Build from plain data. Raises `OptionsError` for unknown names and invalid values."""
        known = [f.name for f in fields(cls)]
        for name in data:
            if name not in known:
                raise OptionsError(f"unknown option {name!r}{nearest(name, known)}")
        return cls(**data)

    def _set(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)

    def _number(
        self, name: str, low: float, high: float = math.inf, *, open_low: bool = False
    ) -> None:
        value = getattr(self, name)
        allowed = f"{'more than' if open_low else 'at least'} {low:g}" + (
            f" and at most {high:g}" if high < math.inf else ""
        )
        try:
            number = float(value)
        except (TypeError, ValueError, OverflowError):
            number = math.nan
        inside = (number > low if open_low else number >= low) and number <= high
        if isinstance(value, bool) or not math.isfinite(number) or not inside:
            raise OptionsError(f"{flag(name)} must be {allowed}, got {quoted(value)}")
        self._set(name, number)

    def _integer(self, name: str, low: int, high: int) -> None:
        value = getattr(self, name)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise OptionsError(
                f"{flag(name)} must be a whole number from {low} to {high}, got {quoted(value)}"
            )

    def _choice(self, name: str, known: Collection[str]) -> None:
        value = getattr(self, name)
        if not isinstance(value, str) or value not in known:
            hint = nearest(value if isinstance(value, str) else quoted(value), known)
            raise OptionsError(f"{flag(name)} does not know {quoted(value)}{hint}")

    def _path(self, name: str) -> None:
        value = getattr(self, name)
        if value is not None and not isinstance(value, str | Path):
            raise OptionsError(f"{flag(name)} must be a path, got {quoted(value)}")
        self._set(name, None if value is None else Path(value))

    def _boolean(self, name: str) -> None:
        value = getattr(self, name)
        if not isinstance(value, bool):
            raise OptionsError(f"{flag(name)} must be true or false, got {quoted(value)}")

    def _text(self, name: str) -> None:
        value = getattr(self, name)
        if not isinstance(value, str | Path) or not str(value):
            raise OptionsError(f"{flag(name)} must be a non-empty string, got {quoted(value)}")
        self._set(name, str(value))


def flag(name: str) -> str:
    """Return the flag of a field: ``style_weight`` is ``--style-weight``."""
    return "--" + name.replace("_", "-")


def quoted(value: object) -> str:
    """Return the representation of a value for an error message, shortened to fit a line."""
    try:
        text = repr(value)
    except ValueError:  # Python refuses to print integers with thousands of digits
        return "a number of thousands of digits"
    return text if len(text) <= 80 else f"{text[:77]}..."


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return value
