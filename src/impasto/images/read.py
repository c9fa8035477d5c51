"""Reads a picture from a file, from bytes or from memory."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from impasto.errors import ImageError
from impasto.images.alpha import fill_hidden
from impasto.images.decode import Planes, decode, decode_tiff
from impasto.images.load import check_bytes, check_pixels, load_bytes
from impasto.images.opening import measured, open_image, translated
from impasto.images.picture import Picture, Stored, split
from impasto.images.quiet import quiet
from impasto.images.tiff import is_deep_planar, is_tiff
from impasto.options import ReadOptions

Source = str | os.PathLike[str] | bytes | Image.Image | NDArray[Any] | Stored

MEMORY = "<memory>"
"""The name of a picture that does not come from a file."""

_DEFAULTS = ReadOptions()


def read_picture(source: Source, options: ReadOptions = _DEFAULTS) -> Picture:
    """Read a picture as upright sRGB floats, with separate transparency.

    ``source`` is a path, the bytes of a file, a PIL image, an array, or a result of `read_stored`,
    which is returned as it is. Arrays are (H, W), (H, W, 3) or (H, W, 4), uint8, uint16 or float in
    [0, 1], sRGB-encoded. A file may have any picture format that Pillow reads, or HEIC with the
    extra ``heic``; of an animation, the first frame is read. The EXIF orientation is applied, an
    embedded ICC profile is converted to sRGB (a broken one is ignored), and 16-bit PNG and TIFF
    keep their depth.

    Raises `ImageError` if it is not a picture, is damaged, or exceeds a limit of ``options`` (bytes
    are checked before reading, pixels before decoding), and `MissingExtraError`.
    """
    return read_stored(source, options).picture


def read_stored(source: Source, options: ReadOptions = _DEFAULTS) -> Stored:
    """As `read_picture`, but keep 8-bit pictures at 8 bits. A uint8 array of RGB is not copied."""
    if isinstance(source, Stored):
        return source
    if isinstance(source, np.ndarray):
        return _from_array(source, options)
    if isinstance(source, Image.Image):
        return _from_pil(source, options)
    if isinstance(source, bytes):
        return read_bytes(source, MEMORY, options)
    if isinstance(source, str | os.PathLike):
        return read_bytes(load_bytes(source, options), os.fspath(source), options)
    raise ImageError(
        f"a {type(source).__name__} is not a picture; give a path, bytes, a PIL image or an array"
    )


def read_bytes(
    data: bytes,
    name: str,
    options: ReadOptions = _DEFAULTS,
    factor: Callable[[int, int], int] = lambda width, height: 1,  # noqa: ARG005
) -> Stored:
    """Read the bytes of a file as `read_stored` does; ``name`` is what the file is called.

    ``factor`` says by how much a picture of a size may be reduced, as `decode` does.
    """
    check_bytes(len(data), name, options)
    with translated(name), quiet():
        image = open_image(data)
        if is_tiff(data) and (image is None or is_deep_planar(image)):
            planes = decode_tiff(data, name, options)
        else:
            with measured(image, data, name, options) as opened:
                planes = decode(opened, lambda: _again(data), name, data, factor(*opened.size))
    # In some formats (icons) the picture differs in size from what the header says.
    check_pixels(planes[0].shape[1], planes[0].shape[0], name, options)
    return _stored(planes, name, data)


def _again(data: bytes) -> Image.Image:
    image = open_image(data)
    if image is None:
        raise ValueError("it could not be opened again")
    return image


def _from_pil(image: Image.Image, options: ReadOptions) -> Stored:
    with translated(MEMORY), quiet():
        check_pixels(*image.size, MEMORY, options)
        if 0 in image.size:
            raise ImageError(f"{MEMORY}: an image of size {image.size} has no pixels")
        copy = image.copy()  # the caller's image must not change
        planes = decode(copy, lambda: copy, MEMORY)
        return _stored(planes, MEMORY, copy.tobytes())


def _from_array(array: NDArray[Any], options: ReadOptions) -> Stored:
    if array.ndim >= 2:
        check_pixels(array.shape[1], array.shape[0], MEMORY, options)
    return _stored(split(array, MEMORY), MEMORY, np.ascontiguousarray(array).data)


def _stored(planes: Planes, name: str, data: bytes | memoryview) -> Stored:
    """Return a picture without the colours hidden under transparent pixels."""
    rgb, alpha = planes
    return Stored(fill_hidden(rgb, alpha), alpha, name, hashlib.sha256(data).hexdigest())
