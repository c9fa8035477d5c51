"""Lightness and hue of one picture with the rest of another, against scikit-image's CIELAB."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.color import lab2lch, rgb2lab

from impasto.images.color import with_histogram, with_hue, with_lightness


def picture(seed, low=0.35, high=0.65, shape=(300, 7)):  # more rows than are converted at once
    return np.random.default_rng(seed).uniform(low, high, (*shape, 3)).astype(np.float32)


def test_lightness_changes_and_colour_stays():
    own, other = picture(0), picture(1)
    lab, given, light = (rgb2lab(rgb) for rgb in (with_lightness(own, other), own, other))
    np.testing.assert_allclose(lab[..., 0], light[..., 0], atol=0.05)
    np.testing.assert_allclose(lab[..., 1:], given[..., 1:], atol=0.1)


def test_hue_changes_and_lightness_and_chroma_stay():
    own, other = picture(0), picture(1)
    mixed, given, theirs = (lab2lch(rgb2lab(rgb)) for rgb in (with_hue(own, other), own, other))
    clear = (theirs[..., 1] > 5) & (given[..., 1] < 20)
    assert clear.mean() > 0.4
    np.testing.assert_allclose(mixed[clear][:, :2], given[clear][:, :2], atol=0.3)
    turn = np.angle(np.exp(1j * (mixed[clear][:, 2] - theirs[clear][:, 2])))
    chord = np.abs(turn) * given[clear][:, 1]
    assert chord.max() < 0.5


@pytest.mark.parametrize("change", [with_lightness, with_hue])
def test_a_picture_of_its_own_stays(change):
    own = picture(0, 0, 1)
    np.testing.assert_allclose(change(own, own), own, atol=0.01)


def test_a_grey_picture_has_no_hue_to_give():
    grey = np.repeat(picture(1)[..., :1], 3, axis=2)
    lch = lab2lch(rgb2lab(with_hue(picture(0), grey)))
    assert lch[..., 1].max() < 0.5


def test_the_histogram_is_the_others():
    own, other = picture(0, 0, 1), picture(1, 0.2, 0.4)
    got = with_histogram(own, other)
    np.testing.assert_allclose(np.sort(got, axis=None), np.sort(other, axis=None), atol=1e-3)
    # And the order of values stays.
    assert (np.diff(got[..., 0].ravel()[np.argsort(own[..., 0].ravel())]) >= 0).all()
