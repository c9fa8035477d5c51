"""Luma and chroma: each stays the same while the other is changed."""

from __future__ import annotations

import colorsys

import numpy as np
import pytest

from impasto.images.color import grey, luma, with_luma

CLOSE = 1e-6


def picture(seed=0, low=0.0, high=1.0):
    return np.random.default_rng(seed).uniform(low, high, (30, 40, 3)).astype(np.float32)


def yiq(rgb):
    """By Python's own conversion, whose weights are a little rounder."""
    pixels = [colorsys.rgb_to_yiq(*map(float, pixel)) for pixel in rgb.reshape(-1, 3)]
    return np.array(pixels).reshape(rgb.shape)


def test_luma_is_the_y_of_yiq():
    np.testing.assert_allclose(luma(picture()), yiq(picture())[:, :, 0], atol=5e-3)
    np.testing.assert_allclose(luma(np.ones((2, 3, 3), np.float32)), 1, atol=CLOSE)


def test_where_there_is_room_chroma_stays_and_luma_is_new():
    rgb, target = picture(0, 0.4, 0.6), luma(picture(1, 0.3, 0.7))
    found = with_luma(rgb, target)
    np.testing.assert_allclose(luma(found), target, atol=CLOSE)
    np.testing.assert_allclose(yiq(found)[:, :, 1:], yiq(rgb)[:, :, 1:], atol=1e-3)


def test_where_there_is_none_hue_and_luma_stay():
    rgb, target = picture(0), luma(picture(1))
    found = with_luma(rgb, target)
    assert 0 <= found.min() <= found.max() <= 1
    np.testing.assert_allclose(luma(found), target, atol=CLOSE)
    before, after = (x - luma(x)[:, :, None] for x in (rgb, found))
    ratio = (before * after).sum(axis=2) / (before**2).sum(axis=2)
    assert ratio.min() >= -CLOSE
    assert ratio.max() <= 1 + 1e-4
    np.testing.assert_allclose(after, ratio[:, :, None] * before, atol=1e-5)  # of the same hue
    short = ratio < 1 - 1e-3
    assert short.any()
    assert (~short).any()
    # It is scaled no further than to the edge.
    edge = np.minimum(found, 1 - found).min(axis=2)
    np.testing.assert_allclose(edge[short], 0, atol=1e-5)


def test_its_own_luma_changes_nothing():
    np.testing.assert_allclose(with_luma(picture(), luma(picture())), picture(), atol=CLOSE)


@pytest.mark.parametrize("level", [0.0, 0.25, 1.0])
def test_grey_stays_grey(level):
    rgb = grey(picture())
    assert (rgb[:, :, 0] == rgb[:, :, 1]).all()
    assert (rgb[:, :, 0] == rgb[:, :, 2]).all()
    np.testing.assert_allclose(luma(rgb), luma(picture()), atol=CLOSE)
    target = np.full((30, 40), level, np.float32)
    np.testing.assert_allclose(with_luma(rgb, target), level, atol=CLOSE)


def test_the_pictures_given_are_left_alone():
    rgb, target = picture(), luma(picture(1))
    before = rgb.copy(), target.copy()
    with_luma(rgb, target)
    grey(rgb)
    assert np.array_equal(rgb, before[0])
    assert np.array_equal(target, before[1])
