from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage.transform import resize as skimage_resize

from images import making
from impasto.images import fit, resize, with_pixel_count

SIDES = st.integers(1, 5000)


def test_the_same_size_is_the_same_array():
    rgb = np.zeros((4, 6, 3), np.float32)
    assert resize(rgb, 6, 4) is rgb


def test_width_and_height_are_not_mixed_up():
    out = resize(np.zeros((4, 6, 3), np.float32), 9, 5)
    assert out.shape == (5, 9, 3)
    assert out.dtype == np.float32


@pytest.mark.parametrize(("width", "height"), [(32, 24), (128, 96), (50, 70)])
def test_it_agrees_with_another_library_on_smooth_pictures(width, height):
    rgb = making.smooth().astype(np.float32) / 255
    expected = skimage_resize(rgb, (height, width), order=3, anti_aliasing=True, mode="edge")
    got = resize(rgb, width, height)
    assert np.abs(got - expected)[3:-3, 3:-3].max() < 0.02


def test_a_constant_stays_constant():
    assert np.ptp(resize(np.full((30, 40, 3), 0.3, np.float32), 17, 11)) < 1e-6


def test_no_ringing_beyond_the_range():
    rgb = np.zeros((40, 40, 3), np.float32)
    rgb[:, 20:] = 1
    for side in (13, 97):
        out = resize(rgb, side, side)
        assert out.min() >= 0
        assert out.max() <= 1


def test_shrinking_does_not_alias():
    board = np.indices((128, 128)).sum(axis=0) % 2
    rgb = np.repeat(board[:, :, None], 3, axis=2).astype(np.float32)
    assert np.abs(resize(rgb, 20, 20)[3:-3, 3:-3] - 0.5).max() < 0.05


def test_channels_are_apart_and_any_number():
    planes = np.dstack([np.full((8, 8), i / 4, np.float32) for i in range(5)])
    np.testing.assert_allclose(resize(planes, 3, 3)[1, 1], np.arange(5) / 4, atol=1e-6)


@pytest.mark.parametrize(
    ("size", "long_side", "expected"),
    [
        ((4000, 3000), 640, (640, 480)),
        ((3000, 4000), 640, (480, 640)),
        ((100, 100), 7, (7, 7)),
        ((10000, 1), 100, (100, 1)),
        ((3, 2), 600, (600, 400)),
        ((1000, 335), 10, (10, 3)),
        ((1000, 350), 10, (10, 4)),
    ],
)
def test_fit(size, long_side, expected):
    assert fit(*size, long_side) == expected


@given(SIDES, SIDES, SIDES)
def test_fit_keeps_the_ratio_and_hits_the_side(width, height, long_side):
    w, h = fit(width, height, long_side)
    assert max(w, h) == long_side
    assert min(w, h) >= 1
    exact = min(width, height) * long_side / max(width, height)
    assert abs(min(w, h) - exact) <= 0.5 + 1e-6 or min(w, h) == 1


@given(SIDES, SIDES, st.integers(1, 10**8))
def test_with_pixel_count_keeps_the_ratio(width, height, pixels):
    w, h = with_pixel_count(width, height, pixels)
    exact = (pixels * width / height) ** 0.5, (pixels * height / width) ** 0.5
    for got, wanted in zip((w, h), exact, strict=True):
        assert abs(got - wanted) <= 0.5 + 1e-6 or got == 1
    assert with_pixel_count(width, height, width * height) == (width, height)
