"""8-bit pictures stay at 8 bits and mean the same as floats."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageCms

from images import making
from impasto.errors import ImageError
from impasto.images import decode, read_picture, save_picture
from impasto.images.picture import floats
from impasto.images.read import read_stored
from impasto.options import ReadOptions, SaveOptions

PIXELS = making.colours(300, 70)
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def encoded(image, kind="PNG", **how):
    out = io.BytesIO()
    image.save(out, kind, **how)
    return out.getvalue()


def same(source):
    """Read both ways; return the one in the source's depth."""
    stored, picture = read_stored(source), read_picture(source)
    np.testing.assert_array_equal(floats(stored.rgb), picture.rgb)
    assert picture.rgb.dtype == np.float32
    assert (stored.alpha is None) == (picture.alpha is None)
    if stored.alpha is not None:
        np.testing.assert_array_equal(floats(stored.alpha), picture.alpha)
    assert (stored.name, stored.sha256) == (picture.name, picture.sha256)
    return stored


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("profile", [None, SRGB])
def test_a_file_of_eight_bits_is_not_made_floats(orientation, profile):
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = same(encoded(Image.fromarray(PIXELS), exif=exif, icc_profile=profile))
    assert stored.rgb.dtype == np.uint8
    assert stored.alpha is None
    shape = (300, 70, 3) if orientation < 5 else (70, 300, 3)
    assert stored.rgb.shape == shape
    assert stored.rgb.flags.c_contiguous
    if orientation == 1:
        np.testing.assert_array_equal(stored.rgb, PIXELS)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK"])
def test_every_mode_of_eight_bits(mode):
    kind = "TIFF" if mode == "CMYK" else "PNG"
    stored = same(encoded(Image.fromarray(PIXELS).convert(mode), kind))
    assert stored.rgb.dtype == np.uint8
    assert (stored.alpha is not None) == (mode in ("LA", "RGBA"))


def test_what_is_deeper_stays_deep():
    stored = same(making.deep())
    assert stored.rgb.dtype == np.float32
    stored = same(making.deep(channels=4))
    assert stored.alpha.dtype == np.float32


@pytest.mark.parametrize("shape", [(9, 7), (9, 7, 1), (9, 7, 2), (9, 7, 3), (9, 7, 4)])
def test_arrays_of_eight_bits(shape):
    array = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    stored = same(array)
    assert stored.rgb.dtype == np.uint8
    assert np.shares_memory(stored.rgb, array) == (shape == (9, 7, 3)), "RGB is not copied"
    assert same(array[::2, ::-1]).rgb.flags.c_contiguous


def test_a_pil_image_is_eight_bits():
    assert same(Image.fromarray(PIXELS)).rgb.dtype == np.uint8


def test_limits_hold_here_too():
    with pytest.raises(ImageError, match="--max-pixels"):
        read_stored(PIXELS, ReadOptions(max_pixels=100))


def test_bands_of_rows_are_all_of_it(monkeypatch):
    monkeypatch.setattr(decode, "_ROWS_AT_A_TIME", 7)
    np.testing.assert_array_equal(read_stored(encoded(Image.fromarray(PIXELS))).rgb, PIXELS)


@pytest.mark.parametrize("extension", ["png", "jpg", "webp", "tif"])
@pytest.mark.parametrize("alpha", [None, making.colours(300, 70, seed=1)[:, :, 0]])
def test_eight_bits_are_saved_as_floats_are(tmp_path, extension, alpha):
    save_picture(PIXELS, tmp_path / f"eight.{extension}", alpha=alpha)
    save_picture(
        floats(PIXELS),
        tmp_path / f"floats.{extension}",
        alpha=None if alpha is None else floats(alpha),
    )
    eight, through_floats = (tmp_path / f"{name}.{extension}" for name in ("eight", "floats"))
    assert eight.read_bytes() == through_floats.read_bytes()


def test_eight_bits_fill_sixteen(tmp_path):
    save_picture(PIXELS, tmp_path / "a.png", options=SaveOptions(bits=16))
    stored = read_stored(tmp_path / "a.png")
    np.testing.assert_array_equal(stored.rgb, floats(PIXELS))
