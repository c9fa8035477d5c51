"""Schedules as data: the sizes to paint at, coarse to fine, and the steps at each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

from impasto.errors import OptionsError
from impasto.images.resize import fit

_SMALLEST_HALF = 64
"""The shortest long side of a scale that is used when time is short; smaller ones show nothing."""

_SMALLEST = {"auto": 320, "deep": _SMALLEST_HALF}
"""The shortest long side of such scales. Below 320, Gram matrices destroy the content."""

_COARSE_SHARE = 0.6
"""The share of the remaining steps at each scale except the last; coarse steps are cheap."""


@dataclass(frozen=True)
class Scale:
    """One size of a schedule: pixels and steps.

    ``refined`` has the steps after which a relaxed objective was refined, or None if not known in
    advance: they depend on the plan, which may depend on the clock.
    """

    width: int
    height: int
    steps: int
    refined: tuple[int, ...] | None = None

    @property
    def pixels(self) -> int:
        """The number of pixels, to which the cost of a step is proportional."""
        return self.width * self.height

    def to_list(self) -> list[Any]:
        """Return the scale as plain data, for `from_list`."""
        refined = None if self.refined is None else list(self.refined)
        return [self.width, self.height, self.steps, refined]

    @classmethod
    def from_list(cls, data: Sequence[Any]) -> Self:
        """Build a scale from plain data. Raises `TypeError` or `ValueError` for invalid data."""
        width, height, steps, refined = data
        numbers = [width, height, steps, *(refined or ())]
        if any(type(number) is not int for number in numbers):
            raise TypeError(f"a scale must be whole numbers, got {data!r}")
        return cls(width, height, steps, None if refined is None else tuple(refined))


def plan(
    width: int, height: int, scales: str | Sequence[int], steps: int, step: int = 1
) -> tuple[Scale, ...]:
    """Return the schedule that ends at (width, height) and has ``steps`` in total.

    ``scales`` and ``step`` as in `pyramid`. Raises `OptionsError` if there are fewer steps than
    explicit scales.
    """
    sizes = pyramid(width, height, scales, step)
    if steps < len(sizes):
        if scales not in _SMALLEST:
            raise OptionsError(f"--steps {steps} is too few for {len(sizes)} scales")
        sizes = sizes[-steps:]
    return distribute(sizes, steps)


def pyramid(
    width: int, height: int, scales: str | Sequence[int], step: int = 1
) -> tuple[Scale, ...]:
    """Return the scales that end at (width, height), coarse to fine, without steps.

    ``scales`` is "single", "auto" (halving the long side while it stays large enough to preserve
    the content), "deep" (halving it further), or increasing long sides, the last of which is that
    of the picture. Sides are multiples of ``step``.
    """
    *coarser, _ = _long_sides(max(width, height), scales)
    found = (Scale(*fit(width, height, side, step), 0) for side in coarser)
    return (*(s for s in found if s.width < width or s.height < height), Scale(width, height, 0))


def halved(scale: Scale, step: int = 1) -> tuple[Scale, ...]:
    """Return the scales below one, coarse to fine: each long side half of the next."""
    side = max(scale.width, scale.height) // 2
    if side < max(_SMALLEST_HALF, 2 * step):
        return ()
    half = Scale(*fit(scale.width, scale.height, side, step), 0)
    return (*halved(half, step), half)


def distribute(scales: Sequence[Scale], steps: int, least: int = 1) -> tuple[Scale, ...]:
    """Distribute steps, coarse to fine: at least ``least`` each, even if that exceeds ``steps``.

    With more ``steps``, no scale gets fewer.
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
