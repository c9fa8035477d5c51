"""Transparency: invisible pixels do not count."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from impasto.errors import ImageError
from impasto.images import read_picture
from impasto.images.alpha import fill_hidden, on_white, partly, seen_colours, seen_part
from impasto.images.picture import Stored
from impasto.images.read import read_stored

HIDDEN = ((0, 0, 0), (255, 255, 255), (255, 0, 255))


def cut_out(hidden: tuple[int, int, int]) -> np.ndarray:
    """A disc in blue and orange with a soft edge, RGBA; what is hidden has a colour of its own."""
    y, x = np.mgrid[:61, :83]
    rgba = np.empty((61, 83, 4), np.uint8)
    rgba[:, :40, :3], rgba[:, 40:, :3] = (20, 60, 200), (230, 140, 30)
    rgba[:, :, 3] = (255 * np.clip((22 - np.hypot(x - 42, y - 30)) / 4, 0, 1)).astype(np.uint8)
    rgba[rgba[:, :, 3] == 0, :3] = hidden
    return rgba


def png(rgba: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(rgba).save(file, "PNG")
    return file.getvalue()


def webp(rgba: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(rgba).save(file, "WEBP", lossless=True, exact=True)
    return file.getvalue()


def deep(rgba: np.ndarray) -> np.ndarray:
    return rgba.astype(np.uint16) * 257


def floating(rgba: np.ndarray) -> np.ndarray:
    return (rgba / 255).astype(np.float32)


@pytest.mark.parametrize("kind", [np.asarray, png, webp, Image.fromarray, deep, floating])
def test_pictures_that_look_the_same_are_read_the_same(kind) -> None:
    one, *others = [read_picture(kind(cut_out(hidden))) for hidden in HIDDEN]
    seen = cut_out(HIDDEN[0])
    for other in others:
        np.testing.assert_array_equal(other.rgb, one.rgb)
        np.testing.assert_array_equal(other.alpha, one.alpha)
    there = seen[:, :, 3] > 1
    np.testing.assert_allclose(one.rgb[there], seen[there][:, :3] / 255, atol=1e-6)


def test_what_is_hidden_goes_on_as_what_is_seen_beside_it() -> None:
    rgb = read_picture(cut_out((255, 0, 255))).rgb * 255
    np.testing.assert_allclose(rgb[30, 18:20], np.broadcast_to((20, 60, 200), (2, 3)), atol=40)
    np.testing.assert_allclose(rgb[30, 65:67], np.broadcast_to((230, 140, 30), (2, 3)), atol=40)
    assert np.abs(np.diff(rgb[0], axis=0)).max() < 60  # far away it goes on smoothly


@given(
    arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9), st.just(3))),
    st.data(),
)
def test_filling_keeps_what_is_seen_and_stays_between_its_colours(rgb, data) -> None:
    alpha = data.draw(arrays(np.uint8, rgb.shape[:2]))
    filled = fill_hidden(rgb, alpha)
    seen = alpha > 1
    np.testing.assert_array_equal(filled[seen], rgb[seen])
    if not seen.any():
        assert (filled == 128).all()
        return
    low, high = rgb[seen].min(0).astype(int), rgb[seen].max(0).astype(int)
    assert (filled >= low - 1).all()
    assert (filled <= high + 1).all()


def test_an_opaque_picture_is_not_copied() -> None:
    rgb = np.zeros((4, 4, 3), np.uint8)
    assert fill_hidden(rgb, None) is rgb
    assert fill_hidden(rgb, np.full((4, 4), 255, np.uint8)) is rgb
    stored = read_stored(rgb)
    assert seen_part(stored) is stored


def test_the_part_that_is_seen() -> None:
    rgba = np.zeros((40, 60, 4), np.uint8)
    rgba[10:20, 30:50] = (9, 8, 7, 255)
    part = seen_part(read_stored(rgba))
    assert part.rgb.shape == (10, 20, 3)
    assert partly(part.alpha) is None
    rgba[12, 34, 3] = 0
    part = seen_part(read_stored(rgba))
    assert part.alpha[2, 4] == 0
    assert seen_colours(part).shape == (1, 199, 3)
    nothing = Stored(rgba[:, :, :3], np.zeros((40, 60), np.uint8), "no.png", "")
    with pytest.raises(ImageError, match=r"no\.png: is transparent all over"):
        seen_part(nothing)


def test_on_white() -> None:
    rgb = np.zeros((1, 3, 3), np.float32)
    alpha = np.float32([[0, 0.25, 1]])
    np.testing.assert_allclose(on_white(rgb, alpha)[0, :, 0], [1, 0.75, 0])
    assert on_white(rgb, None) is rgb
