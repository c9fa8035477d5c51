"""Matched colours have the required statistics, and move no further than necessary."""

from __future__ import annotations

import numpy as np
import pytest

from impasto.images import match_colours
from impasto.images.color import whiteness, whiteness_in_bytes
from impasto.images.picture import Stored, eight_bits


def picture(seed, low=0.3, high=0.6, shape=(40, 50)):
    random = np.random.default_rng(seed)
    mix = np.eye(3) + 0.3 * random.normal(size=(3, 3))
    rgb = random.random((*shape, 3)) @ mix
    rgb = (rgb - rgb.min()) / (rgb.max() - rgb.min())
    return (low + (high - low) * rgb).astype(np.float32)


def statistics(rgb):
    pixels = rgb.reshape(-1, 3).astype(np.float64)
    return pixels.mean(axis=0), np.cov(pixels.T, bias=True)


def test_mean_and_covariance_become_the_styles():
    got = match_colours(picture(0), [picture(1)], [1.0])
    assert got.dtype == np.float32
    for found, expected in zip(statistics(got), statistics(picture(1)), strict=True):
        np.testing.assert_allclose(found, expected, atol=5e-5)


def test_of_several_styles_each_has_its_share():
    mean, covariance = statistics(match_colours(picture(0), [picture(1), picture(2)], [0.25, 0.75]))
    (mean_1, covariance_1), (mean_2, covariance_2) = (statistics(picture(k)) for k in (1, 2))
    np.testing.assert_allclose(mean, 0.25 * mean_1 + 0.75 * mean_2, atol=5e-5)
    np.testing.assert_allclose(covariance, 0.25 * covariance_1 + 0.75 * covariance_2, atol=5e-5)


def test_a_picture_in_its_own_colours_stays():
    np.testing.assert_allclose(
        match_colours(picture(0), [picture(0)], [1.0]), picture(0), atol=1e-5
    )


def test_along_one_axis_it_is_a_shift_and_a_stretch():
    """Where colours do not mix, the map that moves them least treats each on its own."""
    random = np.random.default_rng(0)
    grid = random.permuted(np.linspace(0, 1, 2000).repeat(3).reshape(-1, 3), axis=0)
    a = (0.4 + 0.1 * grid).reshape(40, 50, 3).astype(np.float32)
    b = (0.2 + 0.5 * random.permuted(grid, axis=0)).reshape(40, 50, 3).astype(np.float32)
    got = match_colours(a, [b], [1.0])
    np.testing.assert_allclose(got, 0.2 + 5 * (a - 0.4), atol=0.03)


@pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
def test_flat_and_grey_pictures_are_no_trouble(level):
    flat = np.full((8, 9, 3), level, np.float32)
    for rgb, style in ((flat, picture(0)), (picture(0), flat), (flat, flat)):
        got = match_colours(rgb, [style], [1.0])
        assert np.isfinite(got).all()
        assert 0 <= got.min() <= got.max() <= 1
        np.testing.assert_allclose(got.mean(axis=(0, 1)), style.mean(axis=(0, 1)), atol=0.02)


def test_the_picture_given_is_left_alone():
    rgb = picture(0)
    before = rgb.copy()
    match_colours(rgb, [picture(1)], [1.0])
    assert np.array_equal(rgb, before)


@pytest.mark.parametrize("alpha", [False, True])
def test_whiteness_in_bytes_is_that_of_the_whole(alpha):
    rng = np.random.default_rng(0)
    rgb = rng.integers(0, 256, (600, 5, 3), np.uint8)
    transparency = rng.integers(0, 256, (600, 5), np.uint8) if alpha else None
    picture = Stored(rgb, transparency, "a mask", "0" * 64)
    expected = eight_bits(whiteness(picture))
    np.testing.assert_array_equal(whiteness_in_bytes(picture), expected)
