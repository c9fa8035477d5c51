"""A picture computed in tiles equals the one computed as a whole."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apply import making
from impasto.apply import tiles
from impasto.apply.backends import choose
from impasto.apply.padded import Box, PaddedPhoto
from impasto.apply.stages import PHOTO, STYLISED, stages, whole
from impasto.nets.architecture import ARCHITECTURES, Convolve

pytest.importorskip("onnxruntime")

CLOSE = 1e-4
"""One fortieth of an 8-bit level; the measured difference is a tenth of that."""

QUICK = settings(max_examples=5, deadline=None, derandomize=True)

BACKENDS = {
    (name, kind): choose(
        ARCHITECTURES[name], making.tensors(name), backend=kind, device="cpu", threads=1
    )
    for name, kind in (("turbo", "onnx"), ("turbo", "torch"), ("transformer-net", "torch"))
}


def at_once(photo, name, kind, color="style"):
    architecture = ARCHITECTURES[name]
    padded_photo = PaddedPhoto(photo, architecture, color)
    everything = padded_photo.everything
    noise = making.noise(architecture, everything.bottom, everything.right)
    given = {PHOTO: padded_photo.cut(everything)}
    made = BACKENDS[name, kind].run(whole(architecture), given, making.MIX, noise)
    padded_photo.put(everything, made[STYLISED])
    return padded_photo.picture


def tiled(photo, name, kind, side, color="style"):
    architecture = ARCHITECTURES[name]
    padded_photo = PaddedPhoto(photo, architecture, color)
    everything = padded_photo.everything
    noise = making.noise(architecture, everything.bottom, everything.right)
    backend = BACKENDS[name, kind]
    events = list(tiles.stylise(padded_photo, backend, architecture, making.MIX, noise, side))
    assert [event.tile for event in events] == list(range(1, events[-1].tiles + 1))
    assert len(events) == tiles.count(everything, architecture, side)
    return padded_photo.picture


@pytest.mark.parametrize(("name", "kind"), [("turbo", "onnx"), ("turbo", "torch")])
@QUICK
@given(
    height=st.integers(1, 150),
    width=st.integers(60, 200),
    side=st.integers(16, 150),
    seed=st.integers(0, 9),
)
def test_tiles_make_the_whole(name, kind, height, width, side, seed):
    photo = making.photo(height, width, seed)
    expected = at_once(photo, name, kind)
    np.testing.assert_allclose(tiled(photo, name, kind, side), expected, atol=CLOSE)


@pytest.mark.parametrize(("height", "width", "side"), [(1, 40, 20), (58, 131, 48)])
def test_tiles_make_the_whole_of_reflecting_convolutions(height, width, side):
    photo = making.photo(height, width)
    expected = at_once(photo, "transformer-net", "torch")
    found = tiled(photo, "transformer-net", "torch", side)
    np.testing.assert_allclose(found, expected, atol=CLOSE)


@pytest.mark.parametrize("color", ["photo", "luminance"])
def test_bytes_go_in_and_out_with_any_colours(color):
    photo = making.photo(70, 150, kind=np.uint8)
    found = tiled(photo, "turbo", "onnx", 64, color)
    assert found.dtype == np.uint8
    expected = at_once(photo.astype(np.float32) / 255, "turbo", "onnx", color)
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
    rows = tiles.split(Box(0, *owned.shape[:1], 0, owned.shape[1]), side, stride)
    for top, bottom, left, right in (tile for row in rows for tile in row):
        assert {top % stride, bottom % stride, left % stride, right % stride} == {0}
        assert 0 < bottom - top <= max(side, stride)
        assert 0 < right - left <= max(side, stride)
        owned[top:bottom, left:right] += 1
    assert (owned == 1).all()


@pytest.mark.parametrize("offset", [0.0, 1e4])
def test_a_tally_of_parts_is_that_of_the_whole(offset):
    x = (np.random.default_rng(0).standard_normal((1, 3, 40, 50)) + offset).astype(np.float32)
    running = tiles.RunningMoments(3)
    for part in (x[:, :, :7], x[:, :, 7:8, :20], x[:, :, 7:8, 20:], x[:, :, 8:]):
        running.add(part)
    mean, variance = running.moments
    exact = x.astype(np.float64)
    np.testing.assert_allclose(mean, exact.mean(axis=(0, 2, 3)), rtol=1e-6)
    np.testing.assert_allclose(variance, exact.var(axis=(0, 2, 3)), rtol=1e-6)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_only_what_is_large_is_tiled(name):
    architecture = ARCHITECTURES[name]
    assert tiles.side_for(Box(0, 1024, 0, 1024), architecture) is None
    side = tiles.side_for(Box(0, 12_000, 0, 12_000), architecture)
    halo = max(stage.segment.halo for stage in stages(architecture))
    assert side > 8 * halo  # or the surroundings would cost more than the tile


@pytest.mark.parametrize("kind", ["onnx", "torch"])
def test_a_region_is_cut_at_the_picture_s_end(kind):
    """A tile of the padding alone: it is in no picture, and in all of the moments."""
    photo = making.photo(9, 100)
    expected = at_once(photo, "turbo", kind)
    np.testing.assert_allclose(tiled(photo, "turbo", kind, 8), expected, atol=CLOSE)


def test_large_tensors_are_kept_in_half_and_hardly_differ(monkeypatch):
    photo = making.photo(100, 180)
    expected = at_once(photo, "turbo", "onnx")
    monkeypatch.setattr(tiles, "_KEPT_BYTES", 0)
    found = tiled(photo, "turbo", "onnx", 64)
    assert 0 < np.abs(found - expected).max() < 0.02
    assert np.abs(found - expected).mean() < 5e-4


def test_the_coarse_levels_are_computed_once():
    """What tiles cost: 2.6 times the work of the whole, with eighteen normalisations."""
    architecture = ARCHITECTURES["quality"]
    kept = [stage for stage in stages(architecture) if stage.keeps]
    assert all(stage.segment.halo <= 32 for stage in kept)
    spent = sum(
        work(segment)
        for stage in stages(architecture)
        for segment in (stage.segment, stage.recompute)
    )
    assert architecture.macs < spent < 2.7 * architecture.macs


def work(segment):
    """Multiply-accumulates of a segment for each pixel."""
    if segment is None:
        return 0
    costs, stride = 0.0, dict(enumerate(segment.architecture.strides()))
    for index in range(segment.start, segment.stop):
        layer, step = stride[index]
        if isinstance(layer, Convolve):
            size = 3 if layer.folded else layer.size
            costs += size**2 * layer.inputs * layer.outputs / step**2 * (4 if layer.folded else 1)
    return costs
