"""Pictures from outside, measured by their headers."""

from __future__ import annotations

import io
from typing import Any, NamedTuple

from impasto.errors import ImageError
from impasto.images.load import check_bytes, looks_like
from impasto.images.opening import open_image, translated
from impasto.images.quiet import quiet
from impasto.images.read import MEMORY
from impasto.options import ReadOptions

_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


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

    Raises `TooManyPixels`, and `ImageError` for what is not a picture.
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
            raise ImageError(f"is not a picture that can be read; {looks_like(data)}")
        if 0 in found:
            raise ImageError(f"has {found.width}x{found.height} pixels")
    if found.pixels > options.max_pixels:
        raise TooManyPixels(
            f"has {found.width}x{found.height} pixels, more than the {options.max_pixels:,} allowed"
        )
    return found


def _tiff_header(data: bytes) -> Header:
    """Measure a TIFF of the kinds that Pillow does not know."""
    import tifffile

    with tifffile.TiffFile(io.BytesIO(data)) as file:
        page: Any = file.pages[0]
        return Header(int(page.imagewidth), int(page.imagelength))
