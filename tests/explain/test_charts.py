from __future__ import annotations

import math
import re
from itertools import pairwise

import pytest

from impasto.explain.charts import BOX, chart
from impasto.explain.explanation import StepLosses


def make(count: int, scales: int = 1) -> list[StepLosses]:
    found = []
    for step in range(1, count + 1):
        scale = 1 + (step - 1) * scales // count
        found.append(StepLosses(step, scale, 32 * scale, 24 * scale, 0.0, 0.0, 0.0, {}, 0.0))
    return found


def points(path: str) -> list[tuple[str, float, float]]:
    return [(pen, float(x), float(y)) for pen, x, y in re.findall(r"([ML])([\d.]+) ([\d.]+)", path)]


def test_a_power_law_of_the_step_is_where_it_belongs() -> None:
    """10^-step is a straight line from corner to corner, but for the margin."""
    drawn = chart(make(11), [("a", "red", [10.0**-step for step in range(1, 12)])])
    (line,) = drawn.lines
    found = points(line.path)
    assert [pen for pen, _, _ in found] == ["M", *["L"] * 10][: len(found)]
    assert [x for _, x, _ in found] == pytest.approx([BOX * i / 10 for i in range(11)], abs=0.06)
    shown = [y for _, _, y in found if y < BOX]
    steps = [b - a for a, b in pairwise(shown)]
    assert steps == pytest.approx([steps[0]] * len(steps), abs=0.2)
    assert (line.label, line.colour, line.last) == ("a", "red", 1e-11)


def test_ticks_name_the_values_at_their_height() -> None:
    drawn = chart(make(5), [("a", "", [1e5, 1e4, 1e3, 1e2, 1e1])])
    heights = [y for _, _, y in points(drawn.lines[0].path)]
    assert [tick.label for tick in drawn.down] == ["10¹", "10²", "10³", "10⁴", "10⁵"]
    assert [10 * tick.at for tick in drawn.down] == pytest.approx(heights[::-1], abs=0.06)
    assert [(t.at, t.label) for t in drawn.across] == [
        (0, "1"), (25, "2"), (50, "3"), (75, "4"), (100, "5"),
    ]  # fmt: skip


def test_within_a_decade_there_are_ticks_too() -> None:
    labels = [tick.label for tick in chart(make(3), [("a", "", [8.0, 3.0, 1.5])]).down]
    assert labels == ["2", "5"]


@pytest.mark.parametrize("bad", [0.0, -1.0, math.nan, math.inf])
def test_values_without_a_logarithm_are_gaps(bad: float) -> None:
    drawn = chart(make(5), [("a", "", [4.0, 3.0, bad, 2.0, 1.0]), ("b", "", [bad] * 5)])
    assert [pen for pen, _, _ in points(drawn.lines[0].path)] == ["M", "L", "M", "L"]
    assert [line.label for line in drawn.lines] == ["a"]


def test_every_scale_is_a_piece_of_its_own() -> None:
    drawn = chart(make(10, scales=2), [("a", "", [5.0] * 10)])
    pens = [pen for pen, _, _ in points(drawn.lines[0].path)]
    assert [i for i, pen in enumerate(pens) if pen == "M"] == [0, 5]
    (mark,) = drawn.scales
    assert mark.label == "64 × 48"
    assert mark.at == pytest.approx(100 * 5 / 9)


def test_a_single_step_leaves_a_dot() -> None:
    drawn = chart(make(1), [("a", "", [5.0])])
    assert drawn.lines[0].path.endswith("h0.1")
    assert [tick.label for tick in drawn.across] == ["1"]


@pytest.mark.parametrize("count", [2, 3, 7, 24, 50, 149, 150, 500, 999, 12345])
def test_steps_on_the_axis_are_few_and_apart(count: int) -> None:
    ticks = chart(make(count), [("a", "", [1.0] * count)]).across
    assert 2 <= len(ticks) <= 8
    assert (ticks[0].label, ticks[-1].label) == ("1", str(count))
    gaps = [b.at - a.at for a, b in pairwise(ticks)]
    assert min(gaps) > 6
