"""Uploaded photos and paintings: checked, upright, no larger than anything made of them."""

from __future__ import annotations

import io
import threading

import numpy as np
from PIL import Image

from impasto.images import fit
from impasto.images.fraction import read_fitting
from impasto.images.picture import eight_bits
from impasto.options import ReadOptions
from impasto.studio.settings import Settings
from impasto.studio.validation import check_picture

CHECKED = ReadOptions(max_pixels=2**40, max_bytes=2**50)
"""No limits, for pictures that passed those of the settings when they came in."""

_decoding = threading.Semaphore(4)
"""Held while a picture is decoded: a large one takes much memory."""


def normalised(data: bytes, settings: Settings) -> tuple[bytes, tuple[int, int]]:
    """Return an uploaded picture as a file without metadata, and its width and height.

    Raises `ImageError`.
    """
    check_picture(data, settings)
    image = upright(data, settings.max_size, settings.limits)
    file = io.BytesIO()
    if image.mode == "RGBA":
        image.save(file, "PNG", compress_level=1)
    else:
        image.save(file, "JPEG", quality=95, subsampling=0)
    return file.getvalue(), image.size


def upright(data: bytes, side: int, limits: ReadOptions = CHECKED) -> Image.Image:
    """Read a picture of any format, as RGB or RGBA, no side longer than ``side``.

    Raises `ImageError` for what cannot be decoded.
    """
    with _decoding:
        stored = read_fitting(data, side, limits)
    planes = eight_bits(stored.rgb)
    if stored.alpha is not None:
        planes = np.dstack([planes, eight_bits(stored.alpha)])
    image = Image.fromarray(planes)
    if max(image.size) > side:
        image = image.resize(fit(*image.size, side), Image.Resampling.LANCZOS)
    return image
