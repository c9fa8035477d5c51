"""The photo is painted where a mask is white and stays where it is black."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from apply import making
from impasto import Network
from impasto.errors import ImageError, OptionsError
from impasto.images.resize import resize

pytest.importorskip("onnxruntime")

PHOTO = making.photo(70, 90)
NET = Network(making.pack(), {"wave": 1}, backend="onnx", device="cpu", threads=1)
BOTH = Network(making.pack(), {"wave": 1, "starry": 3}, backend="onnx", device="cpu", threads=1)
LEFT = np.zeros((70, 90), np.float32)
LEFT[:, :40] = 1
LEFT[:, 40:50] = np.linspace(1, 0, 10)


@pytest.mark.parametrize("kind", [np.float32, np.uint8])
def test_a_mask_mixes_painting_and_photo(kind):
    rgb = making.photo(70, 90, kind=kind)
    painted = NET(rgb).rgb
    found = NET(rgb, mask=LEFT)
    assert found.samples.dtype == kind
    photo = rgb / np.float32(255) if kind == np.uint8 else rgb
    expected = photo + LEFT[:, :, None] * (painted - photo)
    np.testing.assert_allclose(found.rgb, expected, atol=1e-5 if kind == np.float32 else 1 / 255)
    np.testing.assert_array_equal(found.samples[:, 60:], rgb[:, 60:])
    np.testing.assert_allclose(found.rgb[:, :30], painted[:, :30], atol=1e-6)


def test_each_style_has_its_place():
    wave, starry = (
        NET(PHOTO).rgb,
        Network(making.pack(), {"starry": 1}, backend="onnx", device="cpu", threads=1)(PHOTO).rgb,
    )
    found = BOTH(PHOTO, mask=[LEFT, 1 - LEFT]).rgb
    expected = LEFT[:, :, None] * wave + (1 - LEFT[:, :, None]) * starry
    np.testing.assert_allclose(found, expected, atol=1e-5)
    # One mask is for the mixture.
    mixed = BOTH(PHOTO, mask=np.ones((70, 90), np.float32)).rgb
    np.testing.assert_allclose(mixed, BOTH(PHOTO).rgb, atol=1e-5)
    # Where two claim a place they share it.
    ones = np.ones((70, 90), np.float32)
    shared = BOTH(PHOTO, mask=[ones, ones]).rgb
    np.testing.assert_allclose(shared, (wave + starry) / 2, atol=1e-5)


def test_a_mask_is_a_picture_of_any_size_and_kind(tmp_path):
    half = np.zeros((35, 45, 4), np.uint8)
    half[:, :20], half[..., 3] = 255, 255
    half[20:, :, 3] = 0  # what is transparent is black
    Image.fromarray(half).save(tmp_path / "mask.png")
    found = NET(PHOTO, mask=(str(tmp_path / "mask.png"),)).rgb
    white = half[:, :, :1] / np.float32(255) * (half[:, :, 3:] / np.float32(255))
    mask = resize(white, 90, 70, soft=True)
    np.testing.assert_allclose(found, PHOTO + mask * (NET(PHOTO).rgb - PHOTO), atol=1e-5)


def test_mistakes_are_reported(tmp_path):
    with pytest.raises(OptionsError, match=r"is black \(levels 0 to 1 of 255\)"):
        NET(PHOTO, mask=LEFT / 255)
    with pytest.raises(OptionsError, match="2 masks, but 1 styles"):
        NET(PHOTO, mask=[LEFT, LEFT])
    with pytest.raises(ImageError, match="no such file"):
        NET(PHOTO, mask=str(tmp_path / "nowhere.png"))
