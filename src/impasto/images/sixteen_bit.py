"""Reading 16 bits per channel, which Pillow alone would cut to 8.

Pillow has no mode for 16-bit colour: it keeps the high byte of each sample. If it is told that the
samples are in the other byte order, it keeps the low byte. Two passes therefore give the exact
picture, with the speed, checks and compression methods of Pillow's decoders.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image, ImageFile

from impasto.images.picture import Floats, scaled

_OTHER_ORDER = {"L": "B", "B": "L", "N": "B" if sys.byteorder == "little" else "L"}
"""The opposite byte order, by the suffix of a raw mode: little, big, native."""

_PLANAR_CONFIGURATION = 284
_SUFFIXES = (";16B", ";16L", ";16N")


Rows = Callable[[int, int], Floats]
"""Returns rows of a picture, from the first up to the second number."""


def deep_rows(image: Image.Image, reopen: Callable[[], Image.Image]) -> Rows | None:
    """Decode 16-bit colour, to be read as float32 (h, W, 2 | 3 | 4) in [0, 1]; None for any other.

    ``image`` is opened but not yet decoded; this decodes it. ``reopen`` opens it again. Two
    channels are grey and alpha, four are RGB and alpha.
    """
    raw = _raw_mode(image)
    if not raw.endswith(_SUFFIXES) or image.mode not in ("RGB", "RGBA") or is_planar(image):
        return None
    kind = raw.partition(";")[0]
    if image.format == "PNG" and kind == "LA":
        return _grey_with_alpha(image)
    if image.format not in ("PNG", "TIFF") or kind not in ("RGB", "RGBA", "RGBX", "RGBa"):
        return None
    # Premultiplied alpha is unpacked as stored and divided here, at full depth.
    stored = raw.replace("RGBa", "RGBA")
    rows = _two_passes(image, reopen(), stored)
    return (lambda top, bottom: straight(rows(top, bottom))) if kind == "RGBa" else rows


def is_planar(image: Image.Image) -> bool:
    """Return whether each channel of a TIFF is stored on its own."""
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


def _two_passes(image: Image.Image, again: Image.Image, raw: str) -> Rows:
    _retile(image, raw)
    _retile(again, raw[:-1] + _OTHER_ORDER[raw[-1]])
    image.load()
    again.load()

    def rows(top: int, bottom: int) -> Floats:
        box = 0, top, image.width, bottom
        samples = np.asarray(image.crop(box)).astype(np.uint16)
        samples <<= 8
        samples |= np.asarray(again.crop(box))
        return scaled(samples, 65535)

    return rows


def _grey_with_alpha(image: Image.Image) -> Rows:
    """Unpack the four bytes of grey and alpha as if they were the four channels of RGBA."""
    _retile(image, "RGBA")
    image.load()

    def rows(top: int, bottom: int) -> Floats:
        data = image.crop((0, top, image.width, bottom)).tobytes()
        return scaled(np.frombuffer(data, ">u2").reshape(bottom - top, image.width, 2), 65535)

    return rows


def straight(values: Floats) -> Floats:
    """Divide colour by alpha, the last channel; where alpha is 0 the colour stays as it is."""
    alpha = values[:, :, -1:]
    colour = np.minimum(values[:, :, :-1] / np.where(alpha > 0, alpha, 1), 1)
    return np.concatenate([colour, alpha], axis=2)
