"""The settings of the page: their bounds and defaults, and links that carry them.

A link is the address of the page with settings, such as ``?mode=quick&style=wave&strength=0.8``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from impasto.errors import nearest
from impasto.options.apply import MAX_SEED
from impasto.options.paint import QUALITIES
from impasto.samples import PAINTINGS
from impasto.text import shown
from impasto.zoo.registry import StyleError, parse

MODES = ("quick", "paint")
COLORS = ("style", "photo")
"""The colours that the page offers."""

MOST_STYLES = 2
"""The most styles that the page mixes."""

QUALITY = "good"
"""The quality that is chosen at first."""

SMALLEST = 128
"""The smallest size on the page, in pixels."""

_SIZES = {"quick": 1024, "paint": 640}
_SIZE_STEP = 64
_STROKES = {"quick": (0.5, 2.0), "paint": (0.25, 2.0)}
_WORDS = {"style_scale": "stroke size", "color": "choice of colours"}
"""What the page calls a setting."""

_LONGEST = 2000
"""Characters of a link that are read."""


@dataclass(frozen=True)
class Slider:
    """A number that is set with a slider."""

    name: str
    label: str
    low: float
    high: float
    value: float
    step: float = 0.05


def sliders(mode: str, largest: int) -> dict[str, Slider]:
    """Return the sliders of a mode by name; no size is above ``largest``."""
    size = min(SMALLEST, largest), largest, min(_SIZES[mode], largest)
    all_of_them = (
        Slider("strength", "Strength", 0.1, 1.5, 1.0),
        Slider("style_scale", "Stroke size", *_STROKES[mode], 1.0),
        Slider("size", "Size, the long side in pixels", *size, _SIZE_STEP),
    )
    return {slider.name: slider for slider in all_of_them}


def qualities(max_steps: int) -> dict[str, int]:
    """Return the qualities that can be asked for, and their steps."""
    return {name: steps for name, steps in QUALITIES.items() if steps <= max_steps}


def read(query: str, *, styles: Collection[str], largest: int) -> tuple[dict[str, Any], list[str]]:
    """Return the settings of a link, and what is wrong with those left out, in words."""
    pairs = parse_qsl(query[:_LONGEST])
    ranges = sliders("paint" if ("mode", "paint") in pairs else "quick", largest)
    checks: dict[str, Callable[[str], Any]] = {
        "mode": lambda text: _one_of(text, MODES),
        "style": lambda text: _mixture(text, styles),
        "strength": lambda text: _within(text, ranges["strength"]),
        "style_scale": lambda text: _within(text, ranges["style_scale"]),
        "size": lambda text: int(_within(text, ranges["size"])),
        "color": lambda text: _one_of(text, COLORS),
        "seed": lambda text: int(_number(text, 0, MAX_SEED)),
        "quality": lambda text: _one_of(text, QUALITIES),
        "painting": lambda text: _one_of(text, PAINTINGS),
    }
    settings: dict[str, Any] = {}
    complaints: list[str] = []
    for name, text in pairs:
        if name not in checks:
            continue  # such as those that mail programs add
        try:
            settings[name] = checks[name](text)
        except ValueError as error:
            complaints.append(f"The link's {_WORDS.get(name, name)} is {shown(text)}: {error}")
    return settings, complaints


def _one_of(text: str, known: Collection[str]) -> str:
    if text not in known:
        raise ValueError(f"unknown here{nearest(text, known)}" if known else "there are none here")
    return text


def _mixture(text: str, known: Collection[str]) -> str:
    try:
        pack, shares = parse(text)
    except StyleError as error:
        raise ValueError(str(error)) from None
    for style in (text,) if pack else shares:
        _one_of(style, known)
    if len(shares) > MOST_STYLES:
        raise ValueError(f"the page mixes at most {MOST_STYLES} styles")
    whole = sum(shares.values())
    mixed = [f"{style}:{share / whole:.3g}" for style, share in shares.items() if share]
    return ",".join(mixed) if len(mixed) > 1 else mixed[0].partition(":")[0]


def _within(text: str, slider: Slider) -> float:
    return _number(text, slider.low, slider.high)


def _number(text: str, low: float, high: float) -> float:
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    if not low <= number <= high:
        raise ValueError(f"it must be a number from {low:g} to {high:g}")
    return number
