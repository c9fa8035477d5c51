"""Large pictures are painted in passes, with strokes of the requested size."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apply import making
from impasto import Network
from impasto.apply import passes
from impasto.apply.padded import Box, Change, PaddedPhoto
from impasto.apply.passes import LATER, LOOK, sizes
from impasto.errors import OptionsError
from impasto.images.color import luma
from impasto.images.resize import resize
from impasto.nets.architecture import ARCHITECTURES

pytest.importorskip("onnxruntime")

HALF_A_STEP = 0.51 / 255
NET = Network(making.pack(), {"wave": 1}, backend="onnx", device="cpu", threads=1)


@pytest.fixture
def small(monkeypatch):
    """Let pictures be large from 64 pixels on."""
    monkeypatch.setattr(passes, "LOOK", 64)


@given(
    width=st.integers(1, 20_000),
    height=st.integers(1, 20_000),
    scale=st.floats(0.5, 2),
)
@settings(deadline=None, derandomize=True)
def test_passes_rise_by_doublings_from_the_size_of_the_strokes(width, height, scale):
    found = sizes(width, height, scale)
    first, long = min(max(width, height), LOOK) / scale, max(width, height)
    sides = [max(size) for size in found]
    assert sides == sorted(sides)
    assert all(b <= 2.2 * a + 1 for a, b in pairwise(sides))
    if len(found) == 1:
        assert sides[0] <= 1.5 * max(first, 1) + 1
    else:
        assert abs(sides[0] - first) <= 1
    if first <= long:
        assert found[-1] == (width, height)


def test_up_to_half_as_large_again_one_pass_is_enough():
    assert sizes(1536, 1000, 1.0) == [(1536, 1000)]
    assert [max(size) for size in sizes(4000, 3000, 1.0)] == [1024, 2024, 4000]
    assert sizes(640, 480, 1.0) == [(640, 480)]
    assert sizes(640, 480, 0.5) == [(1280, 960)]
    assert sizes(640, 480, 2.0) == [(320, 240), (640, 480)]


@pytest.mark.usefixtures("small")
def test_a_later_pass_is_shown_what_the_first_has_changed():
    rgb = making.photo(72, 120)
    first_size, last = sizes(120, 72, 1.0)
    assert first_size == (64, 38)
    before = resize(rgb, *first_size)
    first = NET(before).rgb
    shown = np.clip(rgb + resize_any(first - before, *last), 0, 1)
    found = NET(rgb).rgb
    net = making.network("turbo", making.pack().tensors)
    mix = (1 - LATER, LATER, 0)
    expected = making.by_torch(net, making.planes(shown), mix)[0].transpose(1, 2, 0)
    np.testing.assert_allclose(found, expected, atol=0.01)


def resize_any(values, width, height):
    """As `resize`, of values from -1 to 1, by the spline that changes are enlarged by."""
    return Change(values).enlarged(Box(0, height, 0, width), width, height)


@given(
    top=st.integers(0, 99), left=st.integers(0, 149), height=st.integers(1, 60),
    width=st.integers(1, 60),
)  # fmt: skip
@settings(max_examples=30, deadline=None, derandomize=True)
def test_a_part_is_enlarged_as_the_whole_is(top, left, height, width):
    change = Change(making.photo(41, 67) - np.float32(0.5))
    whole = change.enlarged(Box(0, 100, 0, 150), 150, 100)
    part = Box(top, min(top + height, 100), left, min(left + width, 150))
    found = change.enlarged(part, 150, 100)
    np.testing.assert_allclose(
        found, whole[part.top : part.bottom, part.left : part.right], atol=1e-4
    )


def test_tiles_make_the_same_of_a_change():
    photo, change = making.photo(100, 150), Change(making.photo(41, 67, 3) - np.float32(0.5))
    padded_photo = PaddedPhoto(photo, ARCHITECTURES["turbo"], change=change)
    whole = padded_photo.cut(padded_photo.everything)
    assert whole.shape == (1, 3, 112, 160)
    for region in (Box(0, 32, 16, 80), Box(64, 112, 96, 160)):
        rows, columns = slice(region.top, region.bottom), slice(region.left, region.right)
        np.testing.assert_allclose(padded_photo.cut(region), whole[:, :, rows, columns], atol=1e-4)


@pytest.mark.parametrize("scale", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("kind", [np.uint8, np.float32])
@pytest.mark.usefixtures("small")
def test_without_strength_it_is_the_photo_at_every_stroke_size(scale, kind):
    rgb = making.photo(120, 200, kind=kind)
    np.testing.assert_array_equal(NET(rgb, strength=0, style_scale=scale).samples, rgb)


@pytest.mark.parametrize(
    ("scale", "color"),
    [(0.5, "photo"), (0.5, "style"), (1.0, "luminance"), (2.0, "photo"), (2.0, "style")],
)
@pytest.mark.usefixtures("small")
def test_bytes_and_floats_tiles_and_the_whole_agree(scale, color):
    rgb = making.photo(90, 150, kind=np.uint8)
    options = {"style_scale": scale, "color": color}
    expected = NET(rgb / 255, **options)
    assert expected.rgb.shape == rgb.shape
    np.testing.assert_allclose(NET(rgb / 255, tile=64, **options).rgb, expected.rgb, atol=5e-3)
    eight = NET(rgb, **options)
    assert eight.samples.dtype == np.uint8
    np.testing.assert_allclose(eight.rgb, expected.rgb, atol=HALF_A_STEP)
    assert np.abs(luma(expected.rgb) - luma((rgb / 255).astype(np.float32))).mean() > 0.02


@pytest.mark.usefixtures("small")
def test_progress_counts_all_passes():
    seen = []
    NET(making.photo(90, 400), tile=64, progress=lambda *done: seen.append(done))
    assert [done for done, _ in seen] == list(range(1, len(seen) + 1))
    assert {of for _, of in seen} == {len(seen)}


def test_progress_of_a_network_of_others_counts_its_own_tiles():
    foreign = Network(
        making.pack("transformer-net"), {"mosaic": 1}, backend="torch", device="cpu", threads=1
    )
    seen = []
    # Padded by its own stride it is one row of tiles less than by the family's.
    foreign(making.photo(66, 140), tile=68, progress=lambda *done: seen.append(done))
    assert seen[-1] == (len(seen), len(seen))


def test_a_network_of_others_has_no_stroke_size():
    foreign = Network(
        making.pack("transformer-net"), {"mosaic": 1}, backend="onnx", device="cpu", threads=1
    )
    with pytest.raises(OptionsError, match="cannot vary --style-scale"):
        foreign(making.photo(), style_scale=2)


def test_bytes_are_resized_as_floats_are():
    rgb = making.photo(90, 150, kind=np.uint8)
    expected = resize((rgb / np.float32(255)), 60, 36)
    np.testing.assert_array_equal(resize(rgb, 60, 36), expected)
    np.testing.assert_array_equal(resize(rgb, 150, 90), rgb / np.float32(255))
