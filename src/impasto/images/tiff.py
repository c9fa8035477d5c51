"""TIFF files: which page is the picture, and the kinds that Pillow does not read."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from PIL import Image

from impasto.errors import ImageError
from impasto.images.load import check_pixels
from impasto.images.picture import Floats, scaled, unit
from impasto.images.sixteen_bit import is_planar, straight
from impasto.options import ReadOptions
from impasto.text import shown

_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_NEW_SUBFILE_TYPE, _BITS_PER_SAMPLE = 254, 258
_MUCH_LARGER = 4
_MOST_PAGES = 64


def is_tiff(data: bytes) -> bool:
    """Return whether bytes start as a TIFF or BigTIFF does."""
    return data.startswith(_MAGIC)


def full_page(image: Image.Image) -> int:
    """Return the page of a TIFF that holds the full picture, if the first is only a preview.

    The first page counts as a preview if it is marked as one or is much smaller than another page.
    Do not use ``image`` afterwards.
    """
    sizes = {0: image.width * image.height}
    least = 1 if is_preview(image) else _MUCH_LARGER * sizes[0]
    for page in range(1, _MOST_PAGES):
        try:
            image.seek(page)
        except Exception:  # There is no such page, or the file is damaged there.
            break
        if not is_preview(image):
            sizes[page] = image.width * image.height
    fullest = max(sizes, key=lambda page: sizes[page])
    return fullest if sizes[fullest] >= least else 0


def is_preview(image: Image.Image) -> bool:
    """Return whether a page of a TIFF is marked as a reduced version of another."""
    kind = getattr(image, "tag_v2", {}).get(_NEW_SUBFILE_TYPE, 0)
    return image.format == "TIFF" and isinstance(kind, int) and bool(kind & 1)


def is_deep_planar(image: Image.Image) -> bool:
    """Return whether an image is a 16-bit planar TIFF, which Pillow misreads."""
    tags: Any = getattr(image, "tag_v2", {})
    plain = image.info.get("compression") == "raw" and image.mode in ("RGB", "RGBA")
    return plain and is_planar(image) and 16 in tags.get(_BITS_PER_SAMPLE, ())


def read_tiff(data: bytes, name: str, options: ReadOptions) -> tuple[Floats, bytes | None, int]:
    """Read an uncompressed TIFF that Pillow does not support: planar, float RGB, grey with alpha.

    Returns float32 (H, W, C) in [0, 1], the ICC profile, and the EXIF orientation, which is not
    applied. Raises `ImageError` if it is compressed or neither grey nor RGB, and `ValueError` if it
    is truncated.
    """
    import tifffile

    with tifffile.TiffFile(io.BytesIO(data)) as file:
        page: Any = file.pages[0]
        width, height, samples = page.imagewidth, page.imagelength, page.samplesperpixel
        check_pixels(width, height, name, options)
        if page.compression != 1 or page.imagedepth != 1 or page.photometric not in (1, 2):
            raise ImageError(
                f"{shown(name)}: is an unsupported kind of TIFF: {_kind(page)}; "
                "save it as RGB in 8 or 16 bits, or as PNG"
            )
        # Without compression, the file size limits the size of the picture.
        if np.dtype(page.dtype).itemsize * width * height * samples > len(data):
            raise ValueError("the TIFF is truncated")
        planar = page.planarconfig == 2 and samples > 1
        shape = (samples, height, width) if planar else (height, width, samples)
        array = np.asarray(page.asarray()).reshape(shape)
        icc, orientation = page.tags.valueof(34675), page.tags.valueof(274, default=1)
        extra = [int(kind) for kind in page.extrasamples]
    if array.dtype.kind == "i" and array.dtype.itemsize == 2 and array.min() >= 0:
        array = scaled(array, 32767)
    values = unit(np.moveaxis(array, 0, 2) if planar else array, name)
    if extra:  # 0 is unspecified, 1 premultiplied alpha, 2 straight alpha
        colours = samples - len(extra)
        values = values[:, :, : colours + (extra[0] in (1, 2))]
        values = straight(values) if extra[0] == 1 else values
    return values, icc if isinstance(icc, bytes) else None, orientation


def _kind(page: Any) -> str:
    """Describe a page of a TIFF, for error messages."""
    kinds = {1: "", 2: "signed ", 3: "float "}
    colours, packed = (
        getattr(value, "name", str(value)) for value in (page.photometric, page.compression)
    )
    kind = f"{kinds.get(page.sampleformat, '')}{page.bitspersample} bits"
    return f"{colours}, {page.samplesperpixel} channels of {kind}, compression {packed}"
