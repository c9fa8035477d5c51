"""A picture is measured by its header alone."""

from __future__ import annotations

import io

import numpy as np
import pytest
import tifffile
from PIL import Image

from impasto.errors import ImageError
from impasto.images.header import TooManyPixels, measure
from impasto.options import ReadOptions

OPTIONS = ReadOptions(max_pixels=10_000)


def encoded(width: int, height: int, format: str = "PNG") -> bytes:
    data = io.BytesIO()
    Image.new("RGB", (width, height)).save(data, format)
    return data.getvalue()


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "TIFF", "GIF"])
def test_width_and_height_are_those_of_the_file(format: str):
    found = measure(encoded(80, 40, format), OPTIONS)
    assert found == (80, 40)
    assert found.pixels == 3200


def test_a_tiff_that_pillow_does_not_know_is_measured_too():
    data = io.BytesIO()
    tifffile.imwrite(data, np.zeros((30, 50, 3), np.float32), photometric="rgb")
    assert measure(data.getvalue(), OPTIONS) == (50, 30)


def test_nothing_is_decoded():
    whole = encoded(80, 40)
    assert measure(whole[: whole.index(b"IDAT") + 4], OPTIONS) == (80, 40)


@pytest.mark.parametrize("data", [b"", b"GIF89a", b"<html>", b"II*\0" + b"\0" * 20])
def test_what_is_not_a_picture_is_an_error(data: bytes):
    with pytest.raises(ImageError):
        measure(data, OPTIONS)


def test_too_many_pixels_are_an_error_that_says_how_many():
    with pytest.raises(TooManyPixels, match=r"has 101x100 pixels, more than the 10,000 allowed"):
        measure(encoded(101, 100), OPTIONS)
