"""Cards: metadata of a style and of the training that made it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self

MAX_NAME = 40


@dataclass(frozen=True, kw_only=True)
class StyleCard:
    """A style: its name in commands, and the painting it was trained on."""

    name: str
    title: str = ""
    painter: str = ""
    year: str = ""
    licence: str = ""
    source: str = ""
    group: str = ""
    """The kind of painting, by which lists of styles are grouped: prints, abstract, ..."""
    words: str = ""
    """Additional search terms, separated by spaces."""
    sha256: str = ""
    """The hash of the painting's file."""
    size: int = 0
    """The long side in pixels at which the painting was used."""
    weight: float = 0.0
    """The weight of its style term, as found by training."""
    distance: float = 0.0
    """How far it changes photos: the content term that training aims at."""
    grey: bool = False
    """Whether the painting has no colour; grey photos then give grey pictures."""

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain data."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Build from plain data. Raises `ValueError` if it is not a valid card."""
        if not isinstance(data, Mapping):
            raise ValueError(f"a style card is a {type(data).__name__}, not an object")
        kinds = {
            f.name: {"float": float, "int": int, "bool": bool}.get(str(f.type), str)
            for f in fields(cls)
        }
        known: dict[str, Any] = {}
        for name, kind in kinds.items():
            if name not in data:
                continue
            value = data[name]
            if not _has_type(value, kind):
                raise ValueError(
                    f"{name} of a style card must be of type {kind.__name__}, got {value!r}"
                )
            known[name] = kind(value)
        if isinstance(known.get("name"), str):
            known["name"] = plain_name(known["name"])
        if not is_style_name(known.get("name")):
            raise ValueError(f"{known.get('name')!r} is not a valid style name")
        return cls(**known)


@dataclass(frozen=True, kw_only=True)
class PackCard:
    """A network and the training that made it. ``training`` is plain data for human readers."""

    architecture: str
    styles: tuple[StyleCard, ...]
    training: Mapping[str, Any] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the styles, in the order of the tensors' rows."""
        return tuple(style.name for style in self.styles)


def _has_type(value: object, kind: type) -> bool:
    """Return whether a value has the given type: string, boolean, or number within float range."""
    if kind is bool:
        return isinstance(value, bool)
    if kind is str or isinstance(value, bool) or not isinstance(value, int | float):
        return kind is str and isinstance(value, str)
    return abs(value) <= sys.float_info.max


def plain_name(name: str) -> str:
    """Replace underscores by hyphens: ``rain_princess`` becomes ``rain-princess``."""
    return name.replace("_", "-")


def is_style_name(name: object) -> bool:
    """Return whether a string is a style name: lower case letters, digits and inner hyphens."""
    return (
        isinstance(name, str)
        and 0 < len(name) <= MAX_NAME
        and all(
            part.isascii() and part.isalnum() and part == part.lower() for part in name.split("-")
        )
    )
