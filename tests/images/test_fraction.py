"""Reading at a fraction: after resizing, the result matches that from the full picture."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from impasto.errors import ImageError
from impasto.images import resize
from impasto.images.fraction import read_fitting
from impasto.images.read import read_stored
from impasto.options import ReadOptions


def drawn(width: int, height: int) -> Image.Image:
    """A picture of smooth blotches."""
    rng = np.random.default_rng(0)
    small = Image.fromarray(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8))
    return small.resize((width, height), Image.Resampling.BICUBIC)


def encoded(picture: Image.Image, format: str = "PNG", **options: Any) -> bytes:
    data = io.BytesIO()
    picture.save(data, format, **options)
    return data.getvalue()


@pytest.mark.parametrize("format", ["JPEG", "PNG"])
@pytest.mark.parametrize("size", [50, 120, 300, 900])
def test_what_is_decoded_smaller_ends_as_what_is_decoded_whole(format: str, size: int):
    noise = np.random.default_rng(0).normal(0, 12, (600, 800, 3))
    image = Image.fromarray(np.clip(np.asarray(drawn(800, 600)) + noise, 0, 255).astype(np.uint8))
    data = encoded(image, format, **({"quality": 95} if format == "JPEG" else {}))
    fitting = read_fitting(data, size, ReadOptions())
    whole = read_stored(data, ReadOptions())
    assert max(fitting.rgb.shape) >= min(800, 2 * size)
    assert fitting.sha256 == whole.sha256
    width, height = size, size * 3 // 4
    a = resize(fitting.picture.rgb, width, height)
    b = resize(whole.picture.rgb, width, height)
    assert np.abs(a - b).mean() < 0.004


def test_a_large_jpeg_is_never_whole_in_memory():
    import tracemalloc

    data = encoded(drawn(6000, 4000), "JPEG")
    read_fitting(data[:], 64, ReadOptions())
    tracemalloc.start()
    found = read_fitting(data, 256, ReadOptions())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found.rgb.shape == (500, 750, 3)
    assert peak < 8e6


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_orientation_and_alpha_survive_being_read_smaller(orientation: int):
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = drawn(800, 400)
    image.paste("black", (0, 0, 400, 400))
    photo = read_fitting(encoded(image, "JPEG", exif=exif), 50, ReadOptions()).rgb
    whole = read_stored(encoded(image, "JPEG", exif=exif), ReadOptions()).rgb
    assert photo.shape[0] * 8 == whole.shape[0]
    assert (photo.shape[0] > photo.shape[1]) == (whole.shape[0] > whole.shape[1])
    assert (photo[:10, :10].mean() < 5) == (whole[:10, :10].mean() < 5)
    rgba = drawn(800, 400).convert("RGBA")
    rgba.putalpha(Image.linear_gradient("L").resize((800, 400)))
    stored = read_fitting(encoded(rgba), 50, ReadOptions())
    assert stored.alpha is not None
    assert stored.alpha.shape == stored.rgb.shape[:2]


def test_a_strip_of_pixels_is_reduced_along_its_length_alone():
    stored = read_fitting(encoded(drawn(4000, 1)), 100, ReadOptions())
    assert stored.rgb.shape[0] == 1
    assert stored.rgb.shape[1] >= 200


@pytest.mark.parametrize("shape", [(800, 300), (300, 800)])
def test_the_short_side_may_be_what_counts(shape: tuple[int, int], tmp_path: Path):
    path = tmp_path / "photo.jpg"
    path.write_bytes(encoded(drawn(*shape), "JPEG"))
    assert min(read_fitting(path, 30, ReadOptions(), short=True).rgb.shape[:2]) == 75
    assert min(read_fitting(path, 100, ReadOptions(), short=True).rgb.shape[:2]) == 300


def test_a_file_that_is_no_picture_is_named(tmp_path: Path):
    for data in (b"", b"text", b"\xff\xd8\xff no photo"):
        (tmp_path / "bad.jpg").write_bytes(data)
        with pytest.raises(ImageError, match=r"bad\.jpg"):
            read_fitting(tmp_path / "bad.jpg", 30, ReadOptions())
