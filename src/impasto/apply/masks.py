"""Masks: grey pictures, possibly with soft edges, that say where the photo is stylised."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from impasto.errors import OptionsError
from impasto.images.color import DARK, levels, whiteness
from impasto.images.picture import Floats, Samples, eight_bits, floats
from impasto.images.read import Source, read_stored
from impasto.images.resize import resize_plane
from impasto.options import ReadOptions

_ROWS = 256


@dataclass(frozen=True, eq=False)
class Mask:
    """How white a mask is, (height, width) in [0, 1], and the file it comes from."""

    white: Floats
    name: str
    sha256: str


def masks_of(
    given: Source | Sequence[Source],
    shares: Mapping[str, float],
    width: int,
    height: int,
    read: ReadOptions,
) -> list[Mask]:
    """Read masks and resize them: one for all styles, or one for each style.

    Where they add up to more than 1 they are scaled down. Raises `OptionsError` for a wrong number
    of masks or an entirely black one, and `ImageError`.
    """
    sources: list[Any] = list(given) if isinstance(given, list | tuple) else [given]
    if len(sources) not in (1, len(shares)):
        raise OptionsError(
            f"--mask has {len(sources)} masks, but {len(shares)} styles were given; "
            "give one mask for all, or one for each"
        )
    found = [_mask(source, width, height, read) for source in sources]
    if len(found) > 1:
        total = np.maximum(np.sum([mask.white for mask in found], axis=0), np.float32(1))
        found = [replace(mask, white=(mask.white / total).astype(np.float32)) for mask in found]
    return found


def _mask(source: Source, width: int, height: int, read: ReadOptions) -> Mask:
    picture = read_stored(source, read)
    white = whiteness(picture)
    if white.max() < DARK:
        raise OptionsError(
            f"--mask {picture.name}: is black ({levels(white)}), so nothing would be painted; "
            "make it white where the style belongs"
        )
    white = resize_plane(white, width, height, soft=True)
    return Mask(white, picture.name, picture.sha256)


def lay_over(picture: Samples, painted: Samples, photo: Samples, mask: Floats) -> None:
    """Add the difference between ``painted`` and ``photo``, times a mask, to a picture in place."""
    eight = picture.dtype == np.uint8
    for row in range(0, len(picture), _ROWS):
        rows = slice(row, row + _ROWS)
        change = (floats(painted[rows]) - floats(photo[rows])) * mask[rows, :, None]
        rgb = np.clip(floats(picture[rows]) + change, 0, 1)
        picture[rows] = eight_bits(rgb) if eight else rgb
