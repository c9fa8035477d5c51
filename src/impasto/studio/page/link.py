"""Settings of the page as a link, such as ``?mode=quick&style=wave&strength=0.8``."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from impasto.errors import nearest
from impasto.options.apply import MAX_SEED
from impasto.options.checked import shown
from impasto.options.paint import QUALITIES
from impasto.samples import PAINTINGS

MODES = ("quick", "paint")
COLORS = ("style", "photo")
"""Of the colours that may be asked for, those on the page."""

STRENGTHS = (0.1, 1.5)
STROKES = {"quick": (0.5, 2.0), "paint": (0.25, 2.0)}
SMALLEST = 128
STEP = 64
"""Sizes go by so many pixels."""


@dataclass(frozen=True)
class Linked:
    """What a link says, and what of it could not be used, in words."""

    settings: Mapping[str, Any] = field(default_factory=dict)
    complaints: tuple[str, ...] = ()


def read(query: str, *, styles: Collection[str], largest: int) -> Linked:
    """Read a link's query. What makes no sense is left out and complained about."""
    pairs = parse_qsl(query.removeprefix("?")[:2000])
    strokes = STROKES["paint" if ("mode", "paint") in pairs else "quick"]
    checks: dict[str, Callable[[str], Any]] = {
        "mode": lambda text: _one_of(text, MODES),
        "style": lambda text: _one_of(text, styles),
        "strength": lambda text: _number(text, *STRENGTHS),
        "color": lambda text: _one_of(text, COLORS),
        "size": lambda text: int(_number(text, SMALLEST, largest)),
        "stroke": lambda text: _number(text, *strokes),
        "seed": lambda text: int(_number(text, 0, MAX_SEED)),
        "quality": lambda text: _one_of(text, QUALITIES),
        "painting": lambda text: _one_of(text, PAINTINGS),
    }
    settings: dict[str, Any] = {}
    complaints = []
    for name, text in pairs:
        if name not in checks:
            continue  # other parameters are other people's
        try:
            settings[name] = checks[name](text)
        except ValueError as error:
            complaints.append(f"The link's {name} is {shown(text)}: {error}")
    return Linked(settings, tuple(complaints))


def _one_of(text: str, known: Collection[str]) -> str:
    if text not in known:
        raise ValueError(f"unknown here{nearest(text, known)}" if known else "there are none here")
    return text


def _number(text: str, low: float, high: float) -> float:
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    if not low <= number <= high:
        raise ValueError(f"it must be a number from {low:g} to {high:g}")
    return number
