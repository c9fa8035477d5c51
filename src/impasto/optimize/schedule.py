"""Scales as data: at which sizes to paint, coarse to fine, and how many steps at each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from impasto.errors import OptionsError
from impasto.images.resize import fit

_SMALLEST_AUTO = 320
"""No automatic scale has a shorter long side: below it the style swallows the content."""

_COARSE_SHARE = 0.6
"""Of the steps left at each scale but the last, so many are spent there: coarse steps are cheap."""


@dataclass(frozen=True)
class Scale:
    """One size of a schedule: pixels and steps."""

    width: int
    height: int
    steps: int


def plan(width: int, height: int, scales: str | Sequence[int], steps: int) -> tuple[Scale, ...]:
    """Return the schedule that ends at (width, height) and takes ``steps`` in all.

    ``scales`` is "single", "auto" (halving the long side while it stays large enough for the
    content to hold), or rising long sides of which the last is that of the picture. Raises
    `OptionsError` when there are fewer steps than scales.
    """
    sides = _long_sides(max(width, height), scales)
    if steps < len(sides):
        if scales != "auto":
            raise OptionsError(f"--steps {steps} is too few for {len(sides)} scales")
        sides = sides[-steps:]
    schedule = []
    for index, side in enumerate(sides):
        coarser_left = len(sides) - 1 - index
        share = steps if not coarser_left else round(steps * _COARSE_SHARE / coarser_left)
        share = max(1, share)
        w, h = fit(width, height, side) if coarser_left else (width, height)
        schedule.append(Scale(w, h, share))
        steps -= share
    return tuple(schedule)


def _long_sides(side: int, scales: str | Sequence[int]) -> list[int]:
    if scales == "single":
        return [side]
    if scales != "auto":
        return [int(s) for s in scales]
    sides = [side]
    while sides[0] // 2 >= _SMALLEST_AUTO:
        sides.insert(0, sides[0] // 2)
    return sides
