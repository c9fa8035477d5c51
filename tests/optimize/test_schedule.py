"""Schedules: what must hold of every one, and a few by hand."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from impasto.errors import OptionsError
from impasto.optimize.schedule import _SMALLEST, Scale, plan

QUICK = settings(max_examples=150, deadline=None, derandomize=True)
SIDES = st.integers(1, 5000)


@st.composite
def requests(draw):
    width, height = draw(SIDES), draw(SIDES)
    longest = max(width, height)
    kind = draw(st.sampled_from(["single", "auto", "sides"]))
    if kind == "sides":
        coarser = draw(st.sets(st.integers(1, longest), max_size=6)) - {longest}
        kind = (*sorted(coarser), longest)
    return width, height, kind, draw(st.integers(1, 2000))


@QUICK
@given(requests())
def test_what_holds_of_every_schedule(request):
    width, height, scales, steps = request
    assume(isinstance(scales, str) or steps >= len(scales))
    schedule = plan(width, height, scales, steps)
    assert sum(scale.steps for scale in schedule) == steps
    assert all(scale.steps >= 1 for scale in schedule)
    assert (schedule[-1].width, schedule[-1].height) == (width, height)
    longs = [max(scale.width, scale.height) for scale in schedule]
    assert longs == sorted(set(longs))
    for scale, side in zip(schedule, longs, strict=True):
        # The aspect ratio, to half a pixel; a side is at least one.
        assert abs(scale.width - max(1, width * side / max(width, height))) <= 0.5 + 1e-6
        assert abs(scale.height - max(1, height * side / max(width, height))) <= 0.5 + 1e-6
    if scales == "single":
        assert len(schedule) == 1
    elif scales == "auto":
        assert len(schedule) == 1 or longs[0] >= _SMALLEST["auto"]
        assert all(b // 2 == a for a, b in itertools.pairwise(longs))
        assert longs[0] < 2 * _SMALLEST["auto"] or len(schedule) == steps
    else:
        assert tuple(longs) == scales


def test_deep_scales_go_farther_down():
    schedule = plan(640, 480, "deep", 300)
    assert [scale.width for scale in schedule] == [80, 160, 320, 640]
    assert plan(640, 480, "deep", 2)[0].width == 320


@pytest.mark.parametrize("scales", ["auto", "deep", "single", (100, 300, 640)])
def test_sides_are_multiples_of_a_step(scales):
    schedule = plan(640, 480, scales, 300, 32)
    assert all(s.width % 32 == s.height % 32 == 0 for s in schedule)
    assert (schedule[-1].width, schedule[-1].height) == (640, 480)
    assert sum(s.steps for s in schedule) == 300


def test_by_hand():
    assert plan(640, 480, "single", 300) == (Scale(640, 480, 300),)
    assert plan(640, 480, "auto", 300) == (Scale(320, 240, 180), Scale(640, 480, 120))
    assert plan(480, 640, (160, 320, 640), 300) == (
        Scale(120, 160, 90),
        Scale(240, 320, 126),
        Scale(480, 640, 84),
    )


def test_automatic_scales_stop_where_the_style_would_swallow_the_content():
    twice = 2 * _SMALLEST["auto"]
    assert plan(twice - 1, 300, "auto", 300) == (Scale(twice - 1, 300, 300),)
    assert plan(twice, 300, "auto", 300)[0] == Scale(_SMALLEST["auto"], 150, 180)


def test_few_steps_leave_coarse_automatic_scales_out():
    assert plan(1000, 10, "auto", 1) == (Scale(1000, 10, 1),)
    assert plan(1000, 10, "auto", 2) == (Scale(500, 5, 1), Scale(1000, 10, 1))


def test_fewer_steps_than_scales_asked_for():
    with pytest.raises(OptionsError, match="--steps 2 is too few for 3 scales"):
        plan(640, 480, (160, 320, 640), 2)
    assert [scale.steps for scale in plan(640, 480, (160, 320, 640), 3)] == [1, 1, 1]
