"""In tiles a picture comes out as it does at once."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apply import making
from impasto.apply import tiles
from impasto.apply.backends import choose
from impasto.apply.canvas import Canvas, Region
from impasto.nets.architecture import ARCHITECTURES

pytest.importorskip("onnxruntime")

CLOSE = 1e-4
"""A fortieth of the step of eight bits; what was seen is a tenth of it."""

QUICK = settings(max_examples=8, deadline=None, derandomize=True)

BACKENDS = {
    (name, kind): choose(
        ARCHITECTURES[name], making.tensors(name), backend=kind, device="cpu", threads=1
    )
    for name in ("turbo", "transformer-net")
    for kind in ("onnx", "torch")
}


def whole(photo, name, kind, color="style"):
    canvas = Canvas(photo, ARCHITECTURES[name], color)
    everything = canvas.everything
    canvas.put(everything, BACKENDS[name, kind].stylise(canvas.cut(everything), making.MIX))
    return canvas.picture


def tiled(photo, name, kind, side, color="style"):
    architecture = ARCHITECTURES[name]
    canvas = Canvas(photo, architecture, color)
    events = list(tiles.stylise(canvas, BACKENDS[name, kind], architecture, making.MIX, side))
    assert [event.tile for event in events] == list(range(1, events[-1].tiles + 1))
    assert len(events) % (len(architecture.norms) + 1) == 0
    return canvas.picture


@pytest.mark.parametrize(("name", "kind"), [("turbo", "onnx"), ("turbo", "torch")])
@QUICK
@given(
    height=st.integers(1, 150),
    width=st.integers(60, 200),
    side=st.integers(8, 150),
    seed=st.integers(0, 9),
)
def test_tiles_make_the_whole(name, kind, height, width, side, seed):
    photo = making.photo(height, width, seed)
    expected = whole(photo, name, kind)
    np.testing.assert_allclose(tiled(photo, name, kind, side), expected, atol=CLOSE)


@settings(QUICK, max_examples=3)
@given(height=st.integers(1, 60), width=st.integers(40, 150), side=st.integers(20, 80))
def test_tiles_make_the_whole_of_reflecting_convolutions(height, width, side):
    photo = making.photo(height, width)
    expected = whole(photo, "transformer-net", "onnx")
    found = tiled(photo, "transformer-net", "onnx", side)
    np.testing.assert_allclose(found, expected, atol=CLOSE)


@pytest.mark.parametrize("color", ["photo", "luminance"])
def test_bytes_go_in_and_out_with_any_colours(color):
    photo = making.photo(70, 150, kind=np.uint8)
    found = tiled(photo, "turbo", "onnx", 64, color)
    assert found.dtype == np.uint8
    expected = whole(photo.astype(np.float32) / 255, "turbo", "onnx", color)
    # Where a value lies between two steps, rounding goes either way.
    np.testing.assert_allclose(found / 255, expected, atol=0.5 / 255 + CLOSE)


@given(
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    side=st.integers(1, 400),
    stride=st.sampled_from([1, 4, 8]),
)
@settings(QUICK, max_examples=100)
def test_the_tiles_own_every_position_once(height, width, side, stride):
    owned = np.zeros((height * stride, width * stride), int)
    for top, bottom, left, right in tiles.split(
        Region(0, *owned.shape[:1], 0, owned.shape[1]), side, stride
    ):
        assert {top % stride, bottom % stride, left % stride, right % stride} == {0}
        assert 0 < bottom - top <= max(side, stride)
        assert 0 < right - left <= max(side, stride)
        owned[top:bottom, left:right] += 1
    assert (owned == 1).all()


@pytest.mark.parametrize("offset", [0.0, 1e4])
def test_a_tally_of_parts_is_that_of_the_whole(offset):
    x = (np.random.default_rng(0).standard_normal((1, 3, 40, 50)) + offset).astype(np.float32)
    tally = tiles.Tally(3)
    for part in (x[:, :, :7], x[:, :, 7:8, :20], x[:, :, 7:8, 20:], x[:, :, 8:]):
        tally.add(part)
    mean, variance = tally.moments
    exact = x.astype(np.float64)
    np.testing.assert_allclose(mean, exact.mean(axis=(0, 2, 3)), rtol=1e-6)
    np.testing.assert_allclose(variance, exact.var(axis=(0, 2, 3)), rtol=1e-6)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_only_what_is_large_is_tiled(name):
    architecture = ARCHITECTURES[name]
    assert tiles.side_for(Region(0, 1024, 0, 1024), architecture) is None
    side = tiles.side_for(Region(0, 12_000, 0, 12_000), architecture)
    assert side > 4 * architecture.halo  # or the surroundings would cost more than the tile


@pytest.mark.parametrize("kind", ["onnx", "torch"])
def test_a_region_is_cut_at_the_picture_s_end(kind):
    """One tile in a row of the margin alone: it is in no picture, and in all of the moments."""
    photo = making.photo(9, 100)
    expected = whole(photo, "turbo", kind)
    np.testing.assert_allclose(tiled(photo, "turbo", kind, 8), expected, atol=CLOSE)
