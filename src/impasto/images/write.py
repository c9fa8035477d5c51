"""Saves a picture atomically, in the format given by the extension."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from numpy.typing import NDArray
from PIL import features

from impasto.atomic import atomic_write, check_extension
from impasto.errors import ImageError, OutputError
from impasto.images.encode import Job, avif, jpeg, png, tiff, webp
from impasto.images.picture import Picture, Samples, split, unit, unit_samples
from impasto.options import SaveOptions
from impasto.text import reason, shown

_ENCODERS: dict[str, Callable[[Job], bytes]] = {
    ".png": png,
    ".jpg": jpeg,
    ".jpeg": jpeg,
    ".webp": webp,
    **({".avif": avif} if features.check("avif") else {}),  # some builds of Pillow lack it
    ".tif": tiff,
    ".tiff": tiff,
}

EXTENSIONS = tuple(_ENCODERS)
"""The extensions that `save_picture` supports."""

_SIXTEEN = (".png", ".tif", ".tiff")
# JPEG allows 65,535 pixels, but libjpeg stops here.
_MAX_SIDES = {".jpg": 65_500, ".jpeg": 65_500, ".webp": 16_383, ".avif": 65_536, ".gif": 65_535}
_DEFAULTS = SaveOptions()


def save_picture(
    picture: Picture | NDArray[Any],
    path: str | os.PathLike[str],
    *,
    options: SaveOptions = _DEFAULTS,
    alpha: NDArray[Any] | None = None,
    recipe: Mapping[str, Any] | None = None,
) -> None:
    """Write a picture to ``path`` in the format of its extension, atomically.

    ``picture`` is a `Picture`, with its alpha, or sRGB values (H, W, 3), float in [0, 1] (rounding
    errors are clipped), uint8 or uint16. ``alpha`` (H, W) replaces that of the picture; JPEG has no
    alpha, so the picture is composited on white. ``recipe`` is embedded in the file, see
    `read_recipe`. An sRGB profile is always embedded.

    Raises `OutputError` for an unknown extension, for a picture that the format cannot hold, and
    if writing fails, which leaves an existing file untouched; `ImageError` for values that are not
    a picture.
    """
    name = os.fspath(path)
    rgb, own_alpha = _planes(picture, name)
    extension = check_format(path, rgb.shape[1], rgb.shape[0], options)
    transparency = own_alpha if alpha is None else _checked_alpha(alpha, rgb, name)
    job = Job(rgb, transparency, options, recipe, name)
    data = _encoded(_ENCODERS[extension], job)
    with atomic_write(path) as file:
        file.write(data)


def check_format(
    path: str | os.PathLike[str],
    width: int,
    height: int,
    options: SaveOptions = _DEFAULTS,
    *,
    extensions: Sequence[str] = EXTENSIONS,
) -> str:
    """Return the extension of ``path``, one of ``extensions``.

    Raises `OutputError` if it cannot hold the picture.
    """
    extension = check_extension(path, extensions)
    if options.bits == 16 and extension not in _SIXTEEN:
        raise OutputError(f"{shown(path)}: --bits 16 needs {', '.join(_SIXTEEN)}")
    side, allowed = max(width, height), _MAX_SIDES.get(extension)
    if allowed is not None and side > allowed:
        raise OutputError(
            f"{shown(path)}: has a side of {side:,} pixels; {extension} allows at most "
            f"{allowed:,}; use .png or .tif"
        )
    return extension


def _planes(picture: Picture | NDArray[Any], name: str) -> tuple[Samples, Samples | None]:
    if isinstance(picture, Picture):
        alpha = None if picture.alpha is None else unit(picture.alpha, name)
        return unit(picture.rgb, name), alpha
    return split(picture, name)


def _checked_alpha(alpha: NDArray[Any], rgb: Samples, name: str) -> Samples:
    if alpha.shape != rgb.shape[:2]:
        raise ImageError(
            f"{shown(name)}: alpha of shape {alpha.shape} does not match RGB of shape {rgb.shape}"
        )
    return unit_samples(alpha, name)


def _encoded(encoder: Callable[[Job], bytes], job: Job) -> bytes:
    """Encode in memory, so that encoding errors are separate from disk errors."""
    try:
        return encoder(job)
    except OutputError:
        raise
    except MemoryError as error:
        raise OutputError(f"{shown(job.name)}: encoding does not fit into memory") from error
    except (OSError, ValueError) as error:
        raise OutputError(f"{shown(job.name)}: cannot be encoded: {reason(error)}") from error
