"""Colour distances against shifts, single colours and permutations."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.color import deltaE_cie76, lab2rgb, rgb2lab

from impasto.metrics.colour import colour_distance, palette


def picture(lab):
    return lab2rgb(lab).astype(np.float32)


def spread(seed=0):
    """CIELAB values that a shift keeps inside of sRGB."""
    random = np.random.default_rng(seed)
    return np.array([55.0, 0, 0]) + random.normal(0, 4, (24, 32, 3))


def distance(a, b):
    return colour_distance(palette(a), palette(b))


@pytest.mark.parametrize("shift", [(10, 0, 0), (0, -8, 0), (3, 4, 12)])
def test_a_shift_of_all_colours_counts_as_itself(shift):
    a, b = spread(), spread() + np.array(shift)
    assert distance(picture(a), picture(b)) == pytest.approx(np.linalg.norm(shift), rel=1e-3)


def test_two_colours():
    red, blue = (
        np.broadcast_to(np.array(c, np.float32), (8, 9, 3)) for c in ((1, 0, 0), (0, 0, 1))
    )
    expected = deltaE_cie76(rgb2lab(red), rgb2lab(blue)).mean()
    assert distance(red, blue) == pytest.approx(expected, rel=1e-4)
    assert distance(red, red) == 0


def test_neither_place_nor_size_counts():
    a = picture(spread())
    random = np.random.default_rng(1)
    shuffled = random.permutation(a.reshape(-1, 3)).reshape(32, 24, 3)
    assert distance(a, shuffled) == pytest.approx(0, abs=1e-6)
    assert distance(a, np.tile(a, (2, 3, 1))) == pytest.approx(0, abs=1e-4)


def test_wider_is_further():
    """Of spreads s and t around one colour each direction gives (s - t)²: in all √3 |s - t|."""
    centre = np.array([55.0, 0, 0])
    a = np.random.default_rng(2).normal(0, 1, (120, 100, 3))
    narrow, wide = picture(centre + 2 * a), picture(centre + 6 * a)
    assert distance(narrow, wide) == pytest.approx(4 * np.sqrt(3), rel=0.02)
