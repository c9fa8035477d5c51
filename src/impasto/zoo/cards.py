"""Cards: what is to be known of a style and of the training that made it."""

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
    """The kind of painting, as lists of styles are ordered: prints, abstract, ..."""
    words: str = ""
    """More words that it is searched by, with spaces between them."""
    sha256: str = ""
    """The hash of the painting's file."""
    size: int = 0
    """The long side in pixels at which the painting was looked at."""
    weight: float = 0.0
    """The weight of its style term, as training found it."""
    distance: float = 0.0
    """How far it takes photos from themselves: the content term that training asks of it."""
    grey: bool = False
    """Whether the painting has no colour: of a grey photo a grey picture is made then."""

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain data."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Build from plain data; raises `ValueError` for what is not a card."""
        if not isinstance(data, Mapping):
            raise ValueError(f"a style's card is {type(data).__name__}, not an object")
        kinds = {
            f.name: {"float": float, "int": int, "bool": bool}.get(str(f.type), str)
            for f in fields(cls)
        }
        known: dict[str, Any] = {}
        for name, kind in kinds.items():
            if name not in data:
                continue
            value = data[name]
            if not _is(value, kind):
                raise ValueError(f"{name} of a style's card is {value!r}")
            known[name] = kind(value)
        if isinstance(known.get("name"), str):
            known["name"] = plain_name(known["name"])
        if not is_style_name(known.get("name")):
            raise ValueError(f"{known.get('name')!r} is not a name of a style")
        return cls(**known)


@dataclass(frozen=True, kw_only=True)
class PackCard:
    """A network and the training that made it. ``training`` is plain data, for people to read."""

    architecture: str
    styles: tuple[StyleCard, ...]
    training: Mapping[str, Any] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the styles, in the order of the tensors' rows."""
        return tuple(style.name for style in self.styles)


def _is(value: object, kind: type) -> bool:
    """Return whether a value is a text, a truth, or a number that floats can hold, as asked."""
    if kind is bool:
        return isinstance(value, bool)
    if kind is str or isinstance(value, bool) or not isinstance(value, int | float):
        return kind is str and isinstance(value, str)
    return abs(value) <= sys.float_info.max


def plain_name(name: str) -> str:
    """Return a name with hyphens for underscores: ``rain_princess`` is ``rain-princess``."""
    return name.replace("_", "-")


def is_style_name(name: object) -> bool:
    """Return whether a text can name a style: lower case letters, digits and inner hyphens."""
    return (
        isinstance(name, str)
        and 0 < len(name) <= MAX_NAME
        and all(
            part.isascii() and part.isalnum() and part == part.lower() for part in name.split("-")
        )
    )
