"""Parses sizes, times, amounts of memory and shares into plain values."""

from __future__ import annotations

import itertools
import math
import os
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from impasto.errors import OptionsError, nearest
from impasto.nets.feature_net import VGG19
from impasto.options.checked import flag, quoted

MAX_BUDGET = 30 * 24 * 3600.0
"""The longest budget, in seconds: 30 days."""


def scales(value: Any, size: Any) -> str | tuple[int, ...]:
    """Parse ``scales``: "auto", "deep", "single", or rising long sides that end at ``size``."""
    if value in ("auto", "deep", "single"):
        return str(value)
    wrong = OptionsError(
        f"--scales must be auto, deep, single, or long sides such as 160,320, got {quoted(value)}"
    )
    try:
        parts = value.split(",") if isinstance(value, str) else list(value)
        sides = [int(part) if isinstance(part, str) else part for part in parts]
    except (TypeError, ValueError):
        raise wrong from None
    if not all(isinstance(side, int) and not isinstance(side, bool) for side in sides):
        raise wrong
    if not sides or sides[-1] != size:
        sides.append(size)
    if sides[0] < 1 or any(a >= b for a, b in itertools.pairwise(sides)):
        raise OptionsError(f"--scales must rise towards --size {size}, got {quoted(value)}")
    return tuple(sides)


def canvas(value: Any, most: int) -> tuple[int, int] | None:
    """Parse ``canvas`` into width and height, from a pair or a string such as 640x480."""
    if value is None:
        return None
    found = re.fullmatch(r"(\d{1,9})[x×](\d{1,9})", value.strip()) if type(value) is str else None
    sides = tuple(map(int, found.groups())) if found else value
    if (
        not isinstance(sides, tuple | list)
        or len(sides) != 2
        or not all(type(side) is int and 1 <= side <= most for side in sides)
    ):
        raise OptionsError(
            f"--canvas must be width and height such as 1920x1080, each at most {most}, "
            f"got {quoted(value)}"
        )
    return sides[0], sides[1]


def budget(value: Any) -> float | None:
    """Parse ``budget`` into seconds, from a number or a string such as 90, 90s, 10m or 1h30m."""
    if value is None:
        return None
    seconds = math.nan
    if isinstance(value, str):
        seconds = _duration(value)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        with suppress(OverflowError):
            seconds = float(value)
    if not 0 < seconds <= MAX_BUDGET:
        raise OptionsError(
            "--budget must be a time such as 90s, 10m or 1h30m, more than 0 and at most "
            f"{MAX_BUDGET / 3600:g}h, got {quoted(value)}"
        )
    return seconds


def moment(name: str, value: Any) -> float:
    """Convert a time in a film to seconds: 12.5, 90s, 1m30s, 1:30 or 0:01:30.5."""
    found = math.nan
    if isinstance(value, str):
        clock = re.fullmatch(
            r"(?:(\d{1,3}):)?(\d{1,3}):(\d{1,2}(?:\.\d+)?)", value.strip(), re.ASCII
        )
        if clock:
            hours, minutes, seconds = (float(part or 0) for part in clock.groups())
            found = 3600 * hours + 60 * minutes + seconds
        else:
            found = _duration(value)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        with suppress(OverflowError):
            found = float(value)
    if not 0 <= found < math.inf:
        raise OptionsError(
            f"{flag(name)} must be a time such as 12.5, 1m30s or 0:01:30, got {quoted(value)}"
        )
    return found


def _duration(text: str) -> float:
    """Return the seconds of a string such as 90, 1.5m or 1h30m; NaN if it is malformed."""
    number = r"(\d+(?:\.\d+)?)"
    pattern = f"(?:{number}h)?(?:{number}m)?(?:{number}s?)?"
    found = re.fullmatch(pattern, text.strip(), re.ASCII)
    parts = found.groups() if found else ()
    if not any(parts):
        return math.nan
    hours, minutes, seconds = (float(part or 0) for part in parts)
    return 3600 * hours + 60 * minutes + seconds


def memory(value: Any) -> int | None:
    """Parse ``max_memory`` into bytes, from an integer or a string such as 800MB or 4GB."""
    if value is None or (type(value) is int and value > 0):
        return value
    found = re.fullmatch(r"(\d{1,9}(?:\.\d+)?) ?([KMGT]?)i?B?", str(value).strip(), re.ASCII | re.I)
    size = 0
    if isinstance(value, str) and found:
        number, unit = found.groups()
        step = 1024 if "i" in value.lower() else 1000
        size = round(float(number) * step ** " KMGT".index(unit.upper() or " "))
    if size <= 0:
        raise OptionsError(f"--max-memory must be a size such as 800MB or 4GB, got {quoted(value)}")
    return size


def numbers(name: str, value: Any, low: float, high: float) -> float | tuple[float, ...]:
    """Parse a number, or several as a list or a string such as 1,0.5, into floats in a range."""
    parts = value.split(",") if isinstance(value, str) else value
    several = isinstance(parts, list | tuple)
    wrong = OptionsError(
        f"{flag(name)} must be at least {low:g} and at most {high:g}, one number or one for each "
        f"style, got {quoted(value)}"
    )
    found = _floats(parts if several else [parts])
    if not found or not all(low <= number <= high for number in found):
        raise wrong
    return found if len(found) > 1 else found[0]


SizeShares = tuple[tuple[float, float], ...]
"""Pairs of a size, as a factor of the picture's own size, and its share."""

SIZES = (1.0, 0.5, 0.25, 0.125)
"""The sizes at which pictures can be compared."""


def sizes(name: str, value: Any) -> SizeShares:
    """Parse sizes and shares, from a string such as 1:1,0.5:0.5 or from pairs, into pairs."""
    wrong = OptionsError(
        f"{flag(name)} must list sizes from {', '.join(f'{size:g}' for size in SIZES)}, each at "
        f"most once with a share of at least 0, such as 1:0.5,0.5:0.5, got {quoted(value)}"
    )
    if isinstance(value, str):
        value = [part.split(":") for part in value.split(",")]
    if isinstance(value, Mapping):
        value = list(value.items())
    try:
        pairs = [_floats(pair) for pair in value]
    except TypeError:
        raise wrong from None
    found = {pair[0]: pair[1] for pair in pairs if len(pair) == 2}
    if (
        not pairs
        or len(found) < len(pairs)
        or not all(size in SIZES and 0 <= share < math.inf for size, share in found.items())
    ):
        raise wrong
    return tuple(found.items())


def each(name: str, value: float | tuple[float, ...], styles: int) -> tuple[float, ...]:
    """Return one number for each style. Raises `OptionsError` if the counts differ."""
    found = value if isinstance(value, tuple) else (value,) * styles
    if len(found) != styles:
        raise OptionsError(f"{flag(name)} has {len(found)} numbers, but {styles} styles were given")
    return found


def files(name: str, value: Any) -> tuple[str, ...] | None:
    """Parse file names, from a list or a string such as a.png,b.png."""
    if value is None:
        return None
    parts = value.split(",") if isinstance(value, str) else value
    several = list(parts) if isinstance(parts, list | tuple) else [parts]
    names = [str(part).strip() for part in several if isinstance(part, str | os.PathLike)]
    if not names or len(names) < len(several) or not all(names):
        raise OptionsError(f"{flag(name)} must be files such as a.png,b.png, got {quoted(value)}")
    return tuple(names)


Shares = tuple[float, ...]
"""A share for each style."""

Blend = Shares | tuple[tuple[str, Shares], ...] | None
"""Shares for all layers, or pairs of a layer and its shares."""


def blend(value: Any) -> Blend:
    """Parse ``blend`` into shares; they are normalised where they are used."""
    if value is None:
        return None
    if isinstance(value, str) and "=" in value:
        value = [part.partition("=")[::2] for part in value.replace(";", " ").split()]
    if isinstance(value, Mapping):
        value = list(value.items())
    if isinstance(value, list | tuple) and value and isinstance(value[0], list | tuple):
        return _blend_by_layer(value)
    return _shares(value)


def _blend_by_layer(pairs: Sequence[Any]) -> tuple[tuple[str, Shares], ...]:
    found: dict[str, Shares] = {}
    for pair in pairs:
        layer, shares = pair if isinstance(pair, list | tuple) and len(pair) == 2 else (pair, None)
        if not isinstance(layer, str):
            raise OptionsError(f"--blend must be pairs of layer and shares, got {quoted(pair)}")
        if layer not in VGG19.names:
            raise OptionsError(
                f"--blend: there is no layer {quoted(layer)}{nearest(layer, VGG19.names)}"
            )
        if layer in found:
            raise OptionsError(f"--blend names {layer} twice")
        found[layer] = _shares(shares)
    return tuple(found.items())


def _shares(value: Any) -> Shares:
    parts = value.split(",") if isinstance(value, str) else value
    shares = _floats(parts) if isinstance(parts, list | tuple) else ()
    if not shares:
        raise OptionsError(f"--blend must be numbers such as 0.7,0.3, got {quoted(value)}")
    if not all(math.isfinite(s) and s >= 0 for s in shares) or sum(shares) == 0:
        raise OptionsError(f"--blend must be shares of at least 0, not all 0, got {quoted(value)}")
    return shares


def _floats(parts: Sequence[Any]) -> tuple[float, ...]:
    """Return the numbers, or an empty tuple if one is not a number."""
    try:
        return tuple(math.nan if isinstance(part, bool) else float(part) for part in parts)
    except (TypeError, ValueError, OverflowError):
        return ()
