"""A painting to learn a style from."""

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
from impasto.images.alpha import partly, seen_part
from impasto.images.fraction import read_fitting
from impasto.images.picture import eight_bits
from impasto.images.read import Source, read_stored
from impasto.images.resize import resize_plane
from impasto.options import ReadOptions
from impasto.text import shown

_SMALLEST = 32
"""The smallest short side of a painting, in pixels."""

_COPY, _COPY_QUALITY = 512, 70
"""The long side in pixels and the WebP quality of the copy stored with a style."""


@dataclass(frozen=True, eq=False)
class Painting:
    """A painting at the size at which it is used: ``rgb`` is uint8 (h, w, 3).

    ``alpha`` is uint8 (h, w), None if the painting is opaque. ``name`` and ``sha256`` are those of
    its file; ``pixels`` is the SHA-256 of the visible pixels, the same for a copy in another file.
    """

    rgb: NDArray[np.uint8]
    alpha: NDArray[np.uint8] | None
    name: str
    sha256: str

    @cached_property
    def pixels(self) -> str:
        """The SHA-256 of shape and values."""
        digest = hashlib.sha256(str(self.rgb.shape).encode())
        digest.update(self.rgb.data)
        if self.alpha is not None:
            digest.update(self.alpha.data)
        return digest.hexdigest()

    @cached_property
    def copy(self) -> bytes:
        """A small copy, as the bytes of a WebP file."""
        height, width, _ = self.rgb.shape
        size = fit(width, height, min(_COPY, max(width, height)))
        file = io.BytesIO()
        seen = self.rgb if self.alpha is None else np.dstack([self.rgb, self.alpha])
        small = Image.fromarray(seen).resize(size, Image.Resampling.LANCZOS)
        small.save(file, "WEBP", quality=_COPY_QUALITY, method=6)
        return file.getvalue()


def read_painting(source: Source, size: int, read: ReadOptions) -> Painting:
    """Read a painting with a long side of ``size`` pixels, cropped to its visible part.

    Raises `ImageError` if it is not a picture, is too small, or is fully transparent.
    """
    stored = None
    if isinstance(source, str | bytes | os.PathLike):
        stored = read_fitting(source, size, read)
    if stored is None or stored.alpha is not None:  # the part that is seen may be small
        stored = read_stored(source, read)
    stored = seen_part(stored)
    height, width, _ = stored.rgb.shape
    if min(height, width) < _SMALLEST:
        raise ImageError(
            f"{shown(stored.name)}: has {width}x{height} pixels; a painting to learn from needs at "
            f"least {_SMALLEST} on its short side"
        )
    sides = fit(width, height, size)
    pixels = np.ascontiguousarray(eight_bits(resize(stored.rgb, *sides)))
    alpha = partly(stored.alpha)
    if alpha is not None:
        alpha = np.ascontiguousarray(eight_bits(resize_plane(alpha, *sides)))
    return Painting(pixels, alpha, stored.name, stored.sha256)
