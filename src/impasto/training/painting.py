"""A painting as a style is learnt from it."""

from __future__ import annotations

import hashlib
import io
import os
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from impasto.errors import ImageError
from impasto.images import fit, resize
from impasto.images.fraction import read_fitting
from impasto.images.picture import Floats, Stored, eight_bits, floats
from impasto.images.read import Source, read_stored
from impasto.images.text import shown
from impasto.options import ReadOptions

_SMALLEST = 32
"""The short side in pixels below which there is nothing to be learnt."""

_COPY, _COPY_QUALITY = 512, 70
"""The long side in pixels of the copy that a style keeps, and its quality as WebP."""

_VISIBLE = 1 / 255
"""What has less alpha is not seen."""


@dataclass(frozen=True, eq=False)
class Painting:
    """A painting at the size at which it is looked at: ``rgb`` is uint8 (h, w, 3).

    ``name`` and ``sha256`` are those of its file; ``pixels`` is the SHA-256 of what is seen, the
    same for a copy in another file.
    """

    rgb: NDArray[np.uint8]
    name: str
    sha256: str

    @cached_property
    def pixels(self) -> str:
        """The SHA-256 of the shape and the values."""
        digest = hashlib.sha256(str(self.rgb.shape).encode())
        digest.update(self.rgb.data)
        return digest.hexdigest()

    @cached_property
    def copy(self) -> bytes:
        """A small copy, a WebP file."""
        height, width, _ = self.rgb.shape
        size = fit(width, height, min(_COPY, max(width, height)))
        file = io.BytesIO()
        small = Image.fromarray(self.rgb).resize(size, Image.Resampling.LANCZOS)
        small.save(file, "WEBP", quality=_COPY_QUALITY, method=6)
        return file.getvalue()


def read_painting(source: Source, size: int, read: ReadOptions) -> Painting:
    """Read a painting with its long side at ``size`` pixels.

    Of one with transparent parts, the part around what is seen is taken, and what is not seen has
    the mean colour of what is. Raises `ImageError` for what is no picture, and for one that is too
    small or of which nothing is seen.
    """
    if isinstance(source, str | bytes | os.PathLike):
        stored = read_fitting(source, size, read)
        if stored.alpha is not None:  # what is hidden must not shine through when it is reduced
            stored = read_stored(source, read)
    else:
        stored = read_stored(source, read)
    rgb = _seen(stored)
    height, width, _ = rgb.shape
    if min(height, width) < _SMALLEST:
        raise ImageError(
            f"{shown(stored.name)}: has {width}x{height} pixels; a painting to learn from has at "
            f"least {_SMALLEST} on its short side"
        )
    wide, high = fit(width, height, size)
    pixels = np.ascontiguousarray(eight_bits(resize(rgb, wide, high)))
    return Painting(pixels, stored.name, stored.sha256)


def _seen(stored: Stored) -> Floats | NDArray[np.uint8]:
    """Return what is seen of a picture, opaque."""
    if stored.alpha is None:
        return stored.rgb
    alpha = floats(stored.alpha)
    rows, columns = (np.flatnonzero((alpha > _VISIBLE).any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        raise ImageError(f"{shown(stored.name)}: is transparent all over")
    box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    alpha = alpha[box][:, :, None]
    rgb = floats(stored.rgb[box])
    mean = (rgb * alpha).sum((0, 1)) / alpha.sum()
    seen: Floats = np.asarray(rgb * alpha + mean * (1 - alpha), np.float32)
    return seen
