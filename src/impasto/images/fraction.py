"""Reads a picture that will be downscaled: at a fraction of its size where the format allows."""

from __future__ import annotations

import hashlib
import os

from PIL.JpegImagePlugin import JpegImageFile

from impasto.images.decode import decode
from impasto.images.load import load_bytes
from impasto.images.opening import open_image, translated
from impasto.images.picture import Stored
from impasto.images.quiet import quiet
from impasto.images.read import MEMORY, read_bytes, read_stored
from impasto.images.resize import reduce
from impasto.options import ReadOptions

_ENOUGH = 2
"""A picture is read with at least this many times the side that it is resized to."""


def read_fitting(
    source: bytes | str | os.PathLike[str],
    size: int | None,
    options: ReadOptions,
    *,
    short: bool = False,
) -> Stored:
    """Read a picture that will be resized to a long side of ``size``; None keeps its size.

    With ``short``, ``size`` is that of the short side. A far larger picture is returned reduced,
    but never below twice the size: a JPEG is decoded at a fraction of its size, which saves time
    and memory, and one deeper than 8 bits band by band. Raises `ImageError`.
    """
    if size is None:
        return read_stored(source, options)
    name = MEMORY if isinstance(source, bytes) else os.fspath(source)
    data = source if isinstance(source, bytes) else load_bytes(source, options)

    def factor(*sides: int) -> int:
        return max(1, (min if short else max)(sides) // (_ENOUGH * size))

    stored = _fraction(data, name, size, options, short=short)
    if stored is None:
        stored = read_bytes(data, name, options, factor)
    left = factor(*stored.rgb.shape[:2])
    if left == 1:
        return stored
    alpha = None if stored.alpha is None else reduce(stored.alpha, left)
    return Stored(reduce(stored.rgb, left), alpha, stored.name, stored.sha256)


def _fraction(
    data: bytes, name: str, size: int, options: ReadOptions, *, short: bool
) -> Stored | None:
    """Decode a JPEG at a half, a quarter or an eighth; None for anything else."""
    if not data.startswith(b"\xff\xd8"):
        return None
    with translated(name), quiet():
        image = open_image(data)
        if not isinstance(image, JpegImageFile):
            return None
        with image:
            if image.width * image.height > options.max_pixels:
                return None  # reading it in full raises the error
            side = (min if short else max)(image.size)
            scale = _ENOUGH * size / side
            image.draft(None, (round(image.width * scale), round(image.height * scale)))
            planes = decode(image, lambda: image, name)
    return Stored(*planes, name=name, sha256=hashlib.sha256(data).hexdigest())
