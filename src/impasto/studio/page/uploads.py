"""Uploaded photos and paintings: checked, upright, no larger than anything made of them."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image

from impasto.images import fit
from impasto.images.fraction import read_fitting
from impasto.images.picture import eight_bits
from impasto.options import ReadOptions
from impasto.studio.settings import Settings
from impasto.studio.validation import check_picture


@dataclass(frozen=True)
class Upload:
    """A picture file without metadata, and the size of the picture."""

    data: bytes
    width: int
    height: int


def normalised(data: bytes, settings: Settings) -> Upload:
    """Read an uploaded file and write it anew, without its metadata. Raises `ImageError`."""
    check_picture(data, settings)
    limits = ReadOptions(max_pixels=settings.max_pixels, max_bytes=settings.max_upload)
    stored = read_fitting(data, settings.max_size, limits)
    planes = eight_bits(stored.rgb)
    if stored.alpha is not None:
        planes = np.dstack([planes, eight_bits(stored.alpha)])
    image = Image.fromarray(planes)
    if max(image.size) > settings.max_size:
        size = fit(*image.size, settings.max_size)
        image = image.resize(size, Image.Resampling.LANCZOS)
    file = io.BytesIO()
    if image.mode == "RGBA":
        image.save(file, "PNG", compress_level=1)
    else:
        image.save(file, "JPEG", quality=95, subsampling=0)
    return Upload(file.getvalue(), *image.size)
