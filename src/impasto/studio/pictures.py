"""Pictures from outside: measured by their headers, decoded no larger than they are needed."""

from __future__ import annotations

import hashlib
import io
from typing import Any, NamedTuple

import numpy as np
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from impasto.errors import ImageError
from impasto.images import fit
from impasto.images.decode import decode
from impasto.images.load import check_bytes, looks_like
from impasto.images.opening import open_image, translated
from impasto.images.picture import Samples, Stored
from impasto.images.quiet import quiet
from impasto.images.read import MEMORY, read_stored
from impasto.options import ReadOptions

_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_ENOUGH = 2
"""Decoded at twice the size that is needed, a picture loses nothing that one could see."""


class Header(NamedTuple):
    """What the header of a picture file says: pixels as they are stored."""

    width: int
    height: int

    @property
    def pixels(self) -> int:
        """Pixels in all."""
        return self.width * self.height


class TooManyPixels(ImageError):  # noqa: N818 - it says what is wrong
    """A picture is over the limit of pixels."""


def measure(data: bytes, options: ReadOptions) -> Header:
    """Return the size of a picture from its header; nothing is decoded.

    Raises `TooManyPixels`, and `ImageError` for what is no picture.
    """
    with translated(MEMORY), quiet():
        check_bytes(len(data), MEMORY, options)
        image = open_image(data)
        if image is not None:
            with image:
                found = Header(*image.size)
        elif data.startswith(_TIFF):
            found = _tiff_header(data)
        else:
            raise ImageError(f"is no picture that can be read; {looks_like(data)}")
        if 0 in found:
            raise ImageError(f"has {found.width}x{found.height} pixels")
    if found.pixels > options.max_pixels:
        raise TooManyPixels(
            f"has {found.width}x{found.height} pixels, more than the {options.max_pixels:,} allowed"
        )
    return found


def read_fitting(data: bytes, size: int | None, options: ReadOptions) -> Stored:
    """Read a picture that is to be brought to a long side of ``size``; None is its own.

    What is far larger comes back smaller than it is, though never smaller than twice the size:
    a JPEG is decoded at a fraction, which takes a fraction of the memory, too. Raises `ImageError`.
    """
    if size is None:
        return read_stored(data, options)
    stored = _fraction(data, size, options) or read_stored(data, options)
    longest = max(stored.rgb.shape[:2])
    factor = longest // (_ENOUGH * size)
    if factor < 2 or stored.rgb.dtype != np.uint8:
        return stored
    alpha = None if stored.alpha is None else _reduced(stored.alpha, factor)
    return Stored(_reduced(stored.rgb, factor), alpha, stored.name, stored.sha256)


def _fraction(data: bytes, size: int, options: ReadOptions) -> Stored | None:
    """Decode a JPEG at a half, a quarter or an eighth; None for anything else."""
    if not data.startswith(b"\xff\xd8"):
        return None
    with translated(MEMORY), quiet():
        image = open_image(data)
        if not isinstance(image, JpegImageFile):
            return None
        with image:
            if image.width * image.height > options.max_pixels:
                return None  # whoever reads it in full says what is wrong
            image.draft(None, fit(*image.size, _ENOUGH * size))
            planes = decode(image, lambda: image, MEMORY)
    return Stored(*planes, name=MEMORY, sha256=hashlib.sha256(data).hexdigest())


def _reduced(samples: Samples, factor: int) -> Samples:
    """Average squares of pixels, (H, W, C) or (H, W)."""
    sides = [factor if side >= factor else side for side in samples.shape[1::-1]]
    return np.asarray(Image.fromarray(samples).reduce((sides[0], sides[1])))


def _tiff_header(data: bytes) -> Header:
    """Measure a TIFF of the kinds that Pillow does not know."""
    import tifffile

    with tifffile.TiffFile(io.BytesIO(data)) as file:
        page: Any = file.pages[0]
        return Header(int(page.imagewidth), int(page.imagelength))
