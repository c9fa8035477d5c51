"""Saving a picture: the extension chooses the format, and the file is whole or not there."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
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
    **({".avif": avif} if features.check("avif") else {}),  # Pillow before 11.3 has none
    ".tif": tiff,
    ".tiff": tiff,
}

EXTENSIONS = tuple(_ENCODERS)
"""The extensions that `save_picture` knows."""

_SIXTEEN = (".png", ".tif", ".tiff")
# The format JPEG counts to 65,535, but libjpeg stops here.
_MAX_SIDES = {".jpg": 65_500, ".jpeg": 65_500, ".webp": 16_383, ".avif": 65_536}
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

    ``picture`` is a `Picture`, with its alpha, or sRGB values (H, W, 3), float in [0, 1] (what is
    a rounding error beyond is clipped), uint8 or uint16. ``alpha`` (H, W) replaces what the
    picture has; JPEG has none, so there the picture is laid on white. ``recipe`` travels inside
    the file, see `read_recipe`. An sRGB profile is always embedded.

    Raises `OutputError` for an unknown extension, for what the format cannot hold, and for any
    failure to write, after which an earlier file is still there; `ImageError` for values that
    are not pictures.
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
    path: str | os.PathLike[str], width: int, height: int, options: SaveOptions = _DEFAULTS
) -> str:
    """Return the extension of ``path``; `OutputError` if its format cannot hold the picture."""
    extension = check_extension(path, EXTENSIONS)
    if options.bits == 16 and extension not in _SIXTEEN:
        raise OutputError(f"{shown(path)}: --bits 16 needs {', '.join(_SIXTEEN)}")
    side, allowed = max(width, height), _MAX_SIDES.get(extension)
    if allowed is not None and side > allowed:
        raise OutputError(
            f"{shown(path)}: a side of {side:,} pixels is over the {allowed:,} that "
            f"{extension} can hold; use .png or .tif"
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
            f"{shown(name)}: alpha of shape {alpha.shape} does not fit RGB of {rgb.shape}"
        )
    return unit_samples(alpha, name)


def _encoded(encoder: Callable[[Job], bytes], job: Job) -> bytes:
    """Encode in memory first: a full disk then fails where its error is clear."""
    try:
        return encoder(job)
    except OutputError:
        raise
    except MemoryError as error:
        raise OutputError(f"{shown(job.name)}: encoding does not fit into memory") from error
    except (OSError, ValueError) as error:
        raise OutputError(f"{shown(job.name)}: cannot be encoded: {reason(error)}") from error
