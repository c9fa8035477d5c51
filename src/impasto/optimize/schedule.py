"""Scales as data: at which sizes to paint, coarse to fine, and how many steps at each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

from impasto.errors import OptionsError
from impasto.images.resize import fit

_SMALLEST_HALF = 64
"""No scale that is there for want of time has a shorter long side: it shows next to nothing."""

_SMALLEST = {"auto": 320, "deep": _SMALLEST_HALF}
"""No scale of these has a shorter long side. Below 320, Gram matrices swallow the content."""

_COARSE_SHARE = 0.6
"""Of the steps left at each scale but the last, so many are spent there: coarse steps are cheap."""


@dataclass(frozen=True)
class Scale:
    """One size of a schedule: pixels and steps.

    ``refined`` says after which steps a relaxed objective was refined, where that is known: it
    follows from the plan of the moment, which a clock may have made.
    """

    width: int
    height: int
    steps: int
    refined: tuple[int, ...] | None = None

    @property
    def pixels(self) -> int:
        """How many pixels: what a step costs is in proportion to them."""
        return self.width * self.height

    def to_list(self) -> list[Any]:
        """Return it as plain data; `from_list` takes it back."""
        refined = None if self.refined is None else list(self.refined)
        return [self.width, self.height, self.steps, refined]

    @classmethod
    def from_list(cls, data: Sequence[Any]) -> Self:
        """Build it from plain data. Raises `TypeError` or `ValueError` for what is none."""
        width, height, steps, refined = data
        numbers = [width, height, steps, *(refined or ())]
        if any(type(number) is not int for number in numbers):
            raise TypeError(f"a scale is given in whole numbers, got {data!r}")
        return cls(width, height, steps, None if refined is None else tuple(refined))


def plan(
    width: int, height: int, scales: str | Sequence[int], steps: int, step: int = 1
) -> tuple[Scale, ...]:
    """Return the schedule that ends at (width, height) and takes ``steps`` in all.

    ``scales`` and ``step`` as in `pyramid`. Raises `OptionsError` when there are fewer steps than
    scales.
    """
    sizes = pyramid(width, height, scales, step)
    if steps < len(sizes):
        if scales not in _SMALLEST:
            raise OptionsError(f"--steps {steps} is too few for {len(sizes)} scales")
        sizes = sizes[-steps:]
    return shared(sizes, steps)


def pyramid(
    width: int, height: int, scales: str | Sequence[int], step: int = 1
) -> tuple[Scale, ...]:
    """Return the scales that end at (width, height), coarse to fine, without steps.

    ``scales`` is "single", "auto" (halving the long side while it stays large enough for the
    content to hold), "deep" (halving it further), or rising long sides of which the last is that
    of the picture. Sides are multiples of ``step``.
    """
    *coarser, _ = _long_sides(max(width, height), scales)
    found = (Scale(*fit(width, height, side, step), 0) for side in coarser)
    return (*(s for s in found if s.width < width or s.height < height), Scale(width, height, 0))


def halves(scale: Scale, step: int = 1) -> tuple[Scale, ...]:
    """Return the scales below one, coarse to fine: each long side half of the next."""
    side = max(scale.width, scale.height) // 2
    if side < max(_SMALLEST_HALF, 2 * step):
        return ()
    half = Scale(*fit(scale.width, scale.height, side, step), 0)
    return (*halves(half, step), half)


def shared(scales: Sequence[Scale], steps: int, least: int = 1) -> tuple[Scale, ...]:
    """Share out steps, coarse to fine: at least ``least`` to each, more in all if that takes more.

    No scale has fewer steps of a larger sum.
    """
    schedule = []
    for index, scale in enumerate(scales):
        finer = len(scales) - 1 - index
        share = max(least, round(steps * _COARSE_SHARE / finer) if finer else steps)
        schedule.append(replace(scale, steps=share))
        steps -= share
    return tuple(schedule)


def _long_sides(side: int, scales: str | Sequence[int]) -> list[int]:
    if scales == "single":
        return [side]
    if not isinstance(scales, str):
        return [int(s) for s in scales]
    sides = [side]
    while sides[0] // 2 >= _SMALLEST[scales]:
        sides.insert(0, sides[0] // 2)
    return sides
