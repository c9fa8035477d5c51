from __future__ import annotations

import pytest

from impasto.explain.progress import ProgressMeter


def test_time_left_is_the_cost_left_at_the_pace_so_far() -> None:
    now = 100.0
    meter = ProgressMeter({"a": 10.0, "b": 30.0}, clock=lambda: now)
    first = meter.begin("a")
    assert (first.part, first.number, first.parts) == ("a", 1, 2)
    assert (first.progress, first.seconds, first.remaining) == (0.0, 0.0, None)
    now = 102.0
    event = meter.advance(5.0)
    assert event.progress == pytest.approx(5 / 40)
    assert event.seconds == pytest.approx(2)
    assert event.remaining == pytest.approx(2 / 5 * 35)
    now = 103.0
    event = meter.begin("b")
    assert (event.number, event.progress) == (2, 0.25)
    assert event.remaining == pytest.approx(9)
    now = 112.0
    end = meter.end()
    assert (end.progress, end.seconds, end.remaining) == (1.0, 12.0, 0.0)


def test_a_part_that_takes_more_than_its_cost_stays_within_it() -> None:
    meter = ProgressMeter({"a": 10.0, "b": 10.0})
    meter.begin("a")
    assert meter.advance(25.0).progress == 0.5
    assert meter.begin("b").progress == 0.5
