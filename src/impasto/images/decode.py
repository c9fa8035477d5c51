"""Decodes an opened image of any mode to upright sRGB and alpha, keeping its bit depth."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from impasto.errors import ImageError
from impasto.images.alpha import fill_hidden
from impasto.images.cicp import declared_colours
from impasto.images.picture import Floats, Samples, scaled, split, unit
from impasto.images.profiles import floats_to_srgb, is_srgb, to_srgb
from impasto.images.resize import reduce
from impasto.images.sixteen_bit import Rows, deep_rows
from impasto.images.tiff import read_tiff
from impasto.options import ReadOptions
from impasto.text import shown

_ORIENTATION, _PHOTOMETRIC, _BITS_PER_SAMPLE, _SAMPLE_FORMAT = 0x0112, 262, 258, 339

_ROWS_AT_A_TIME = 256

_UPRIGHT: dict[int, Callable[[Samples], Samples]] = {
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: a.swapaxes(0, 1)[:, ::-1],
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: a.swapaxes(0, 1)[::-1],
}
"""The transform of an array (H, W, ...) for each EXIF orientation except 1."""

Planes = tuple[Samples, Samples | None]


def decode(
    image: Image.Image,
    reopen: Callable[[], Image.Image],
    name: str,
    data: bytes = b"",
    factor: int = 1,
) -> Planes:
    """Decode to upright sRGB (H, W, 3) and alpha (H, W) or None.

    Each is uint8 if the source has 8 bits, else float32 in [0, 1]. ``reopen`` opens the same
    picture again, for formats decoded in two passes; ``data`` holds the bytes of its file, if any.
    Pictures deeper than 8 bits are averaged over blocks of ``factor`` × ``factor`` pixels as they
    are read, so that they are never whole in memory as floats.
    """
    declared = declared_colours(data, image.info, name)
    rows = deep_rows(image, reopen)
    image.load()
    if rows is None:
        rows = _grey_rows(image, name)
    icc = image.info.get("icc_profile")
    icc = icc if isinstance(icc, bytes) and icc and not declared.overrides_profile else None
    if rows is None:
        rgb, alpha = _shallow(image, icc, name)
    else:
        rgb, alpha = _deep(rows, image, icc, name, factor)
    if icc is None:
        rgb = declared.to_srgb(rgb)
    return _upright(rgb, alpha, _orientation(image))


def decode_tiff(data: bytes, name: str, options: ReadOptions) -> Planes:
    """As `decode`, for TIFFs that Pillow cannot read."""
    values, icc, orientation = read_tiff(data, name, options)
    return _upright(*_from_values(values, icc, name), orientation)


def _upright(rgb: Samples, alpha: Samples | None, orientation: object) -> Planes:
    """Rotate and mirror by the EXIF orientation (1 to 8); anything else counts as 1."""
    turn = _UPRIGHT.get(orientation) if isinstance(orientation, int) else None
    if turn is None:
        return rgb, alpha
    turned = None if alpha is None else np.ascontiguousarray(turn(alpha))
    return np.ascontiguousarray(turn(rgb)), turned


def _deep(rows: Rows, image: Image.Image, icc: bytes | None, name: str, factor: int) -> Planes:
    """Read a deep picture band by band, reduced by ``factor``."""
    whole: Planes | None = None
    step, done = factor * max(1, _ROWS_AT_A_TIME // factor), 0
    for top in range(0, image.height, step):
        values = rows(top, min(top + step, image.height))
        rgb, alpha = _from_values(values, icc, name)
        if alpha is None:
            alpha = _key_alpha(values, image)
        if factor > 1:
            rgb = reduce(fill_hidden(rgb, alpha), factor)
            alpha = None if alpha is None else reduce(alpha, factor)
        if whole is None:
            height = -(-image.height // min(factor, image.height))
            whole = _empty(height, rgb), None if alpha is None else _empty(height, alpha)
        for plane, band in zip(whole, (rgb, alpha), strict=True):
            if plane is not None:
                plane[done : done + len(rgb)] = band
        done += len(rgb)
    assert whole is not None  # a picture has rows
    return whole


def _empty(height: int, band: Samples) -> Samples:
    return np.empty((height, *band.shape[1:]), band.dtype)


def _from_values(values: Floats, icc: bytes | None, name: str) -> Planes:
    """Split float32 (H, W, C) into RGB and alpha, and convert from the profile to sRGB."""
    rgb, alpha = split(values, name)
    grey = values.shape[2] < 3
    if not icc or (not grey and is_srgb(icc)):
        return rgb, alpha
    converted = floats_to_srgb(rgb[:, :, :1] if grey else rgb, icc)
    if converted is None:
        # A table-based profile: here the colour engine supports 8 bits only.
        eight = np.rint(rgb[:, :, 0] * 255 if grey else rgb * 255).astype(np.uint8)
        return _samples(to_srgb(Image.fromarray(eight), icc)), alpha
    return converted, alpha


def _samples(image: Image.Image) -> NDArray[np.uint8]:
    """Return the values of an 8-bit image, copied band by band: Pillow would copy them twice."""
    samples = np.empty((image.height, image.width, *_channels(image)), np.uint8)
    for top in range(0, image.height, _ROWS_AT_A_TIME):
        bottom = min(top + _ROWS_AT_A_TIME, image.height)
        samples[top:bottom] = np.asarray(image.crop((0, top, image.width, bottom)))
    return samples


def _channels(image: Image.Image) -> tuple[int, ...]:
    bands = len(image.getbands())
    return () if bands == 1 else (bands,)


def _grey_rows(image: Image.Image, name: str) -> Rows | None:
    """Return the rows of a one-channel image deeper than 8 bits (h, W, 1), None for any other."""
    if image.mode not in ("I", "F") and not image.mode.startswith("I;16"):
        return None
    grey = np.asarray(image)
    return lambda top, bottom: _grey_values(grey[top:bottom], image, name)


def _grey_values(grey: Samples, image: Image.Image, name: str) -> Floats:
    """Return values of a one-channel image as float32 (h, W, 1) in [0, 1]."""
    # Pillow reads 16 bits into this mode and writes it as 16 bits.
    if image.mode == "I" and (grey.min() < 0 or grey.max() > 65535):
        raise ImageError(
            f"{shown(name)}: has values from {grey.min()} to {grey.max()}; "
            "a 16-bit grey picture has 0 to 65535"
        )
    if image.mode != "F":
        tags = getattr(image, "tag_v2", {})
        top = 65535
        if tags.get(_BITS_PER_SAMPLE) == (12,):
            top = 4095
        elif (tags.get(_SAMPLE_FORMAT), tags.get(_BITS_PER_SAMPLE)) == ((2,), (16,)):  # signed
            top = 32767
        if grey.max() > top:
            raise ImageError(
                f"{shown(name)}: has values up to {grey.max()}, more than white ({top})"
            )
        # Pillow inverts "0 is white" at 8 bits only.
        grey = top - grey if tags.get(_PHOTOMETRIC) == 0 else grey
        return scaled(grey, top)[:, :, None]
    return unit(grey, name)[:, :, None]


def _key_alpha(values: Floats, image: Image.Image) -> Floats | None:
    """Return the alpha of a 16-bit PNG that names one colour as transparent, else None."""
    key = image.info.get("transparency")
    channels = key if isinstance(key, tuple) else (key,)
    if len(channels) != values.shape[2] or not all(isinstance(c, int) for c in channels):
        return None
    colour = scaled(np.array(channels, np.uint16), 65535)
    return np.asarray((values != colour).any(axis=2), dtype=np.float32)


def _shallow(image: Image.Image, icc: bytes | None, name: str) -> Planes:
    """Decode the modes of eight bits or fewer."""
    if image.mode in ("La", "RGBa"):
        image = image.convert("LA" if image.mode == "La" else "RGBA")
    alpha = None
    if image.has_transparency_data:
        alpha = _samples(image.convert("RGBA").getchannel("A"))
    colours = _colours(image)
    if icc and colours.mode == "L":
        # The colour engine's 8-bit grey path is off by up to 10 levels in the shadows.
        rgb, _ = _from_values(scaled(_samples(colours), 255)[:, :, None], icc, name)
        return rgb, alpha
    return _samples(to_srgb(colours, icc)), alpha


def _colours(image: Image.Image) -> Image.Image:
    """Drop alpha and palette; keep the colour spaces that a profile may describe."""
    if image.mode in ("L", "RGB", "CMYK", "LAB"):
        return image
    if image.mode in ("1", "LA"):
        return image.convert("L")
    return image.convert("RGB")


def _orientation(image: Image.Image) -> object:
    try:
        return image.getexif().get(_ORIENTATION, 1)
    except Exception:  # A picture with broken metadata can still be read.
        return 1
