"""Reading 16 bits per channel, which Pillow alone would cut to 8.

Pillow has no mode for 16-bit colour: it keeps the high byte of each sample. If it is told that the
samples are in the other byte order, it keeps the low byte. Two passes therefore give the exact
picture, with the speed, checks and compression methods of Pillow's decoders.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image, ImageFile

from impasto.errors import ImageError
from impasto.images.load import check_pixels
from impasto.images.picture import Floats, scaled, unit
from impasto.options import ReadOptions
from impasto.text import shown

_OTHER_ORDER = {"L": "B", "B": "L", "N": "B" if sys.byteorder == "little" else "L"}
"""The opposite byte order, by the suffix of a raw mode: little, big, native."""

_BITS_PER_SAMPLE, _PLANAR_CONFIGURATION = 258, 284
_SUFFIXES = (";16B", ";16L", ";16N")


def deep_values(image: Image.Image, reopen: Callable[[], Image.Image]) -> Floats | None:
    """Decode 16-bit colour to float32 (H, W, 2 | 3 | 4) in [0, 1]; None for any other picture.

    ``image`` is opened but not yet decoded; this decodes it. ``reopen`` opens it again. Two
    channels are grey and alpha, four are RGB and alpha.
    """
    raw = _raw_mode(image)
    if not raw.endswith(_SUFFIXES) or image.mode not in ("RGB", "RGBA") or _is_planar(image):
        return None
    kind = raw.partition(";")[0]
    if image.format == "PNG" and kind == "LA":
        return _grey_with_alpha(image)
    if image.format not in ("PNG", "TIFF") or kind not in ("RGB", "RGBA", "RGBX", "RGBa"):
        return None
    # Premultiplied alpha is unpacked as stored and divided here, at full depth.
    stored = raw.replace("RGBa", "RGBA")
    values = _two_passes(image, reopen(), stored)
    return _straight(values) if kind == "RGBa" else values


def is_deep_planar(image: Image.Image) -> bool:
    """Return whether an image is a 16-bit planar TIFF, which Pillow misreads."""
    tags: Any = getattr(image, "tag_v2", {})
    plain = image.info.get("compression") == "raw" and image.mode in ("RGB", "RGBA")
    return plain and _is_planar(image) and 16 in tags.get(_BITS_PER_SAMPLE, ())


def _is_planar(image: Image.Image) -> bool:
    tags: Any = getattr(image, "tag_v2", {})
    return bool(tags.get(_PLANAR_CONFIGURATION) == 2)


def _raw_mode(image: Image.Image) -> str:
    tiles = image.tile if isinstance(image, ImageFile.ImageFile) else []
    if not tiles:
        return ""
    args = tiles[0][3]
    first = args[0] if isinstance(args, tuple) and args else args
    return first if isinstance(first, str) else ""


def _retile(image: Image.Image, raw: str) -> None:
    """Make the decoder unpack its bytes as ``raw``; call it before the picture is decoded."""
    assert isinstance(image, ImageFile.ImageFile)
    image.tile = [
        tile._replace(args=(raw, *tile.args[1:]) if isinstance(tile.args, tuple) else raw)
        for tile in image.tile
    ]


def _two_passes(image: Image.Image, again: Image.Image, raw: str) -> Floats:
    with again:
        _retile(image, raw)
        _retile(again, raw[:-1] + _OTHER_ORDER[raw[-1]])
        samples = np.asarray(image).astype(np.uint16)
        samples <<= 8
        samples |= np.asarray(again)
    return scaled(samples, 65535)


def _grey_with_alpha(image: Image.Image) -> Floats:
    """Unpack the four bytes of grey and alpha as if they were the four channels of RGBA."""
    _retile(image, "RGBA")
    pairs = np.frombuffer(image.tobytes(), ">u2").reshape(image.height, image.width, 2)
    return scaled(pairs, 65535)


def _straight(values: Floats) -> Floats:
    """Divide colour by alpha, the last channel; where alpha is 0 the colour stays as it is."""
    alpha = values[:, :, -1:]
    colour = np.minimum(values[:, :, :-1] / np.where(alpha > 0, alpha, 1), 1)
    return np.concatenate([colour, alpha], axis=2)


def plain_tiff(data: bytes, name: str, options: ReadOptions) -> tuple[Floats, bytes | None, int]:
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
        values = _straight(values) if extra[0] == 1 else values
    return values, icc if isinstance(icc, bytes) else None, orientation


def _kind(page: Any) -> str:
    """Describe a page of a TIFF, for error messages."""
    kinds = {1: "", 2: "signed ", 3: "float "}
    colours, packed = (
        getattr(value, "name", str(value)) for value in (page.photometric, page.compression)
    )
    kind = f"{kinds.get(page.sampleformat, '')}{page.bitspersample} bits"
    return f"{colours}, {page.samplesperpixel} channels of {kind}, compression {packed}"
