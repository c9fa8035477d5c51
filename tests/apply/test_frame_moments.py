"""Moments that follow one frame after another."""

from __future__ import annotations

import numpy as np
import pytest

from apply import making
from impasto.apply.frame_moments import FrameMoments
from impasto.apply.network import Network
from impasto.options import ApplyOptions

OPTIONS = ApplyOptions()


def stylised(network, photo, moments=None, **options):
    chosen = ApplyOptions(**options)
    return network.stylise(photo, chosen, moments=moments).samples


def frames():
    dark = making.photo(48, 64, seed=1)
    return dark, np.clip(dark + np.float32(0.3), 0, 1)


@pytest.mark.parametrize("backend", ["torch", "onnx"])
def test_the_first_frame_is_the_picture_alone(backend):
    pytest.importorskip("onnxruntime")
    network = Network(making.pack(), {"wave": 1}, backend=backend, threads=1)
    photo, _ = frames()
    found = stylised(network, photo, FrameMoments(0.1))
    np.testing.assert_allclose(found, stylised(network, photo), atol=1e-4)


def test_back_ends_tiles_and_wholes_agree_over_frames():
    pytest.importorskip("onnxruntime")
    found = []
    for backend, tile in (("torch", "auto"), ("onnx", "auto"), ("torch", 64), ("onnx", 64)):
        network = Network(making.pack(), {"wave": 1}, backend=backend, threads=1)
        moments = FrameMoments(0.25)
        photos = [making.photo(80, 96, seed=seed) for seed in (1, 2, 3)]
        found.append([stylised(network, photo, moments, tile=tile) for photo in photos])
    for other in found[1:]:
        np.testing.assert_allclose(other, found[0], atol=2e-3)


def test_moments_move_by_their_share():
    network = Network(making.pack(), {"wave": 1}, backend="torch", threads=1)
    first, second = frames()
    alone = {}
    for name, photo in (("first", first), ("second", second)):
        moments = FrameMoments(1)
        stylised(network, photo, moments)
        alone[name] = moments.state()
    moments = FrameMoments(0.25)
    stylised(network, first, moments)
    stylised(network, second, moments)
    name = next(iter(alone["first"]))  # the first normalisation, which none comes before
    expected = 0.75 * alone["first"][name] + 0.25 * alone["second"][name]
    np.testing.assert_allclose(moments.state()[name], expected, rtol=1e-4, atol=1e-6)


def test_a_state_is_taken_back_and_a_shot_begins_anew():
    network = Network(making.pack(), {"wave": 1}, backend="torch", threads=1)
    first, second = frames()
    moments = FrameMoments(0.25)
    stylised(network, first, moments)
    other = FrameMoments(0.25)
    other.restore(moments.state())
    expected = stylised(network, second, moments)
    np.testing.assert_array_equal(stylised(network, second, other), expected)
    moments.reset()
    found = stylised(network, second, moments)
    np.testing.assert_allclose(found, stylised(network, second), atol=1e-4)
    assert np.abs(expected - found).max() > 0.01
