"""Losses over the steps as lines in a box, for the page to draw as SVG."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from impasto.explain.explanation import StepLosses
from impasto.explain.numbers import power_of_ten, text

BOX = 1000
"""Coordinates run from 0 to this value, down and to the right."""

_RANGE = 1e7
"""The smallest loss shown is this many times smaller than the largest."""

_FEWEST_TICKS, _MOST_TICKS = 3, 7


@dataclass(frozen=True)
class Line:
    """A line: its label, the name of its colour, an SVG path, and its last value."""

    label: str
    colour: str
    path: str
    last: float


@dataclass(frozen=True)
class Tick:
    """A label at a position in percent, down or to the right."""

    at: float
    label: str


@dataclass(frozen=True)
class Chart:
    """Lines with their axes. ``scales`` marks where each scale of the run begins."""

    lines: tuple[Line, ...]
    down: tuple[Tick, ...]
    across: tuple[Tick, ...]
    scales: tuple[Tick, ...]


def chart(rows: Sequence[StepLosses], series: Sequence[tuple[str, str, Sequence[float]]]) -> Chart:
    """Draw series, (label, colour, a value for each row), on a logarithmic axis.

    Values not above zero are gaps; a series without values above zero gets no line.
    """
    shown = [v for _, _, values in series for v in values if v > 0 and math.isfinite(v)]
    high = max(shown, default=1.0)
    low = max(min(shown, default=0.1), high / _RANGE)
    top, bottom = math.log10(high) + 0.05, math.log10(low) - 0.05
    lines = [
        Line(label, colour, path, values[-1])
        for label, colour, values in series
        if (path := _path(rows, values, top, bottom))
    ]
    return Chart(
        lines=tuple(lines),
        down=tuple(
            Tick(100 * (top - math.log10(value)) / (top - bottom), label)
            for value, label in _values(bottom, top)
        ),
        across=tuple(Tick(_across(rows, step), str(step)) for step in _steps(rows)),
        scales=tuple(
            Tick(_across(rows, row.step), f"{row.width} × {row.height}")
            for before, row in pairwise(rows)
            if before.scale != row.scale
        ),
    )


def _across(rows: Sequence[StepLosses], step: float) -> float:
    """Return the horizontal position of a step in percent."""
    first, last = rows[0].step, rows[-1].step
    return 100 * (step - first) / max(last - first, 1)


def _path(rows: Sequence[StepLosses], values: Sequence[float], top: float, bottom: float) -> str:
    """Return an SVG path; a new segment begins after a gap and at every scale."""
    parts, pen, scale = [], "M", 0
    for row, value in zip(rows, values, strict=True):
        if not (value > 0 and math.isfinite(value)):
            pen = "M"
            continue
        if row.scale != scale:
            pen, scale = "M", row.scale
        x = BOX / 100 * _across(rows, row.step)
        y = BOX * (top - math.log10(value)) / (top - bottom)
        parts.append(f"{pen}{x:.1f} {min(y, BOX):.1f}")
        pen = "L"
    # A single point has no length and would be invisible.
    return "".join(parts) + ("h0.1" if len(parts) == 1 else "")


def _values(bottom: float, top: float) -> list[tuple[float, str]]:
    """Return the axis ticks: some powers of ten, or 1, 2 and 5 times them if there are few."""
    powers = range(math.ceil(bottom), math.floor(top) + 1)
    if len(powers) < _FEWEST_TICKS:
        fine = [m * 10.0**p for p in range(math.floor(bottom), math.ceil(top)) for m in (1, 2, 5)]
        return [(value, text(value)) for value in fine if bottom <= math.log10(value) <= top]
    return [(10.0**p, power_of_ten(p)) for p in powers[:: math.ceil(len(powers) / _MOST_TICKS)]]


def _steps(rows: Sequence[StepLosses]) -> list[int]:
    """Return the axis ticks: the first step, round ones, and the last."""
    first, last = rows[0].step, rows[-1].step
    if last - first < 2:
        return sorted({first, last})
    rough = (last - first) / 5
    unit = 10 ** math.floor(math.log10(rough)) if rough >= 1 else 1
    step = max(1, next(m * unit for m in (1, 2, 5, 10) if m * unit >= rough))
    round_ones = [s for s in range(step, last, step) if s > first]
    near = [s for s in round_ones if last - s >= step / 2 and s - first >= step / 2]
    return [first, *near, last]
