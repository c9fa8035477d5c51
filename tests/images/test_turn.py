"""Rotated pictures have no empty corners."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from impasto.images.turn import inner, turned


def test_quarter_turns_are_exact():
    rgb = np.random.default_rng(0).random((5, 7, 3)).astype(np.float32)
    for quarters in range(-4, 5):
        np.testing.assert_array_equal(turned(rgb, 90.0 * quarters), np.rot90(rgb, quarters))


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.integers(8, 60), st.integers(8, 60), st.floats(-360, 360))
def test_nothing_is_left_but_the_picture(height, width, degrees):
    flat = turned(np.full((height, width, 3), 0.6, np.float32), degrees)
    np.testing.assert_allclose(flat, 0.6, atol=1e-5)
    assert min(flat.shape[:2]) >= min(height, width) * 0.4


def test_a_square_on_its_corner_holds_one_of_half_its_area():
    assert inner(1000, 1000, math.pi / 4) == (707, 707)
    # A long strip on its side: bounded by its width alone.
    height, width = inner(10, 10_000, math.pi / 4)
    assert height == width == 7
    assert inner(30, 40, 1e-9) in ((29, 39), (30, 40))


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.floats(4, 500), st.floats(4, 500), st.floats(0.001, math.pi / 2 - 0.001))
def test_its_corners_lie_inside_the_turned_picture(height, width, angle):
    h, w = inner(height, width, angle)
    if min(h, w) == 1:
        return
    for x, y in ((w / 2, h / 2), (w / 2, -h / 2)):
        # Turned back, the corner is within the picture.
        u = x * math.cos(angle) + y * math.sin(angle)
        v = -x * math.sin(angle) + y * math.cos(angle)
        assert abs(u) <= width / 2 + 1e-6
        assert abs(v) <= height / 2 + 1e-6


def test_what_points_right_points_up_after_a_quarter_turn_in_two_steps():
    x = np.linspace(0, 1, 80, dtype=np.float32)
    ramp = np.broadcast_to(x[None, :, None], (80, 80, 3)).copy()
    twice = turned(turned(ramp, 45), 45)
    assert twice[0].mean() > twice[-1].mean() + 0.1
    assert twice.std(axis=1).max() < 0.02


@pytest.mark.parametrize("degrees", [30, 90])
def test_the_picture_given_is_left_alone(degrees):
    rgb = np.random.default_rng(0).random((9, 9, 3)).astype(np.float32)
    before = rgb.copy()
    turned(rgb, degrees)[:] = 0
    np.testing.assert_array_equal(rgb, before)
