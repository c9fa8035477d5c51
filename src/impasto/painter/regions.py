"""The regions of styles in the picture, from masks or from maps in flat colours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from impasto.errors import OptionsError
from impasto.images import resize
from impasto.images.color import DARK, levels, whiteness
from impasto.images.picture import Floats, Samples, Stored, eight_bits, floats
from impasto.images.resize import resize_plane
from impasto.images.turn import turned
from impasto.losses.guides import Guide, StyleRegion

_MAX_COLOURS = 16
"""The most regions of a map."""

_MIN_COLOUR_SHARE = 0.005
"""A colour that covers less of a map than this is an edge between others."""

_MIN_FLAT_SHARE = 0.9
"""The least share of a map that its flat colours cover; the rest are edges."""

_SAME_COLOUR = 40.0
"""Colours of two maps closer than this are the same (a distance of values from 0 to 255)."""

_EMPTY = 1e-4
"""A region that covers less of the picture than this is empty."""


@dataclass(frozen=True)
class MaskedStyles:
    """A region of the picture with its paintings, at the size of the mask files.

    ``mask`` is (H, W) in [0, 1], None for the whole picture. ``styles`` are numbers of paintings,
    each with a mask of the part to use, None for the whole painting.
    """

    name: str
    mask: Floats | None
    styles: tuple[tuple[int, Floats | None], ...]

    def region(
        self,
        size: tuple[int, int],
        sizes: Sequence[tuple[int, int]],
        turns: Sequence[float],
    ) -> StyleRegion:
        """Return the region at the given sizes (width, height) of the picture and the paintings.

        ``turns`` are the degrees by which each painting is rotated after resizing. Raises
        `OptionsError` if the rotation cuts off the whole part of a painting.
        """
        styles = tuple(
            (number, None if part is None else guide(part, *sizes[number], turns[number]))
            for number, part in self.styles
        )
        if any(where is not None and not where.mask.any() for _, where in styles):
            raise OptionsError(
                "--style-rotation cuts off the part of a painting that the style is taken from: "
                "rotate the file itself, or by a multiple of 90 degrees"
            )
        return StyleRegion(
            self.name, None if self.mask is None else guide(self.mask, *size), styles
        )

    def without(self, frozen: Floats) -> MaskedStyles:
        """Return the region without its frozen part, a mask (H, W) of any size."""
        if self.mask is None:
            return replace(self, mask=1 - frozen)
        return replace(self, mask=self.mask * (1 - _plane(frozen, self.mask)))

    def opaque(self, alphas: Sequence[Samples | None]) -> MaskedStyles:
        """Return the region without the transparent parts of its paintings.

        ``alphas`` has alpha (H, W) or None for each painting. Paintings with nothing left are
        removed.
        """
        styles = [(number, _opaque(part, alphas[number])) for number, part in self.styles]
        left = tuple(
            (number, part)
            for number, part in styles
            if part is None or alphas[number] is None or part.mean() >= _EMPTY
        )
        return replace(self, styles=left)

    @property
    def empty(self) -> bool:
        """Whether the region covers next to nothing."""
        return self.mask is not None and bool(self.mask.mean() < _EMPTY)


def guide(mask: Floats, width: int, height: int, degrees: float = 0) -> Guide:
    """Return a mask (H, W) as a guide, resized and rotated."""
    scaled = resize(mask[:, :, None], width, height, soft=True)
    return Guide.of(turned(scaled, degrees)[:, :, 0])


def _opaque(part: Floats | None, alpha: Samples | None) -> Floats | None:
    """Return the mask of a part of a painting, without its transparent area."""
    if alpha is None:
        return part
    return floats(alpha) if part is None else part * _plane(floats(alpha), part)


def _plane(values: Floats, like: Floats) -> Floats:
    """Resize a mask (H, W) to the size of another."""
    height, width = like.shape
    return resize_plane(values, width, height, soft=True)


def from_masks(
    masks: Sequence[Stored], style_of_painting: Sequence[int]
) -> tuple[MaskedStyles, ...]:
    """Return a region for each style: the white part of its mask.

    Raises `OptionsError` if the number of masks is wrong, or a mask is black.
    """
    count = max(style_of_painting) + 1
    if len(masks) != count:
        raise OptionsError(f"--masks has {len(masks)} masks, but {count} styles were given")
    found = []
    for style, picture in enumerate(masks):
        numbers = tuple((k, None) for k, own in enumerate(style_of_painting) if own == style)
        white = whiteness(picture)
        part = MaskedStyles(str(style + 1), white, numbers)
        if part.empty or white.max() < DARK:
            raise OptionsError(
                f"{picture.name}: is black ({levels(white)}), so style {style + 1} is not used; "
                "a mask is white where its style is used"
            )
        found.append(part)
    return tuple(found)


def from_maps(photo: Stored, styles: Sequence[Stored]) -> tuple[MaskedStyles, ...]:
    """Return a region for each colour that the photo's map shares with a map of the styles.

    Transparent pixels belong to no region. Raises `OptionsError` if a map is not in flat colours,
    or if the maps have no colour in common.
    """
    palette = _palette(photo)
    wheres = [_nearest(style, palette) for style in styles]
    own = _assigned(photo, palette)
    found = []
    for index, colour in enumerate(palette):
        parts = tuple(
            (number, (where == index).astype(np.float32))
            for number, where in enumerate(wheres)
            if (where == index).mean() >= _EMPTY
        )
        if parts:
            mask = (own == index).astype(np.float32)
            found.append(MaskedStyles(_hex(colour), mask, parts))
    if not found:
        others = ", ".join(_hex(c) for style in styles for c in _palette(style))
        raise OptionsError(
            f"{photo.name} and the style guides have no colour in common: the guide has "
            f"{', '.join(map(_hex, palette))}, the style guides have {others}"
        )
    return tuple(found)


def coverage(regions: Sequence[MaskedStyles], width: int, height: int) -> Floats:
    """Return how far each pixel is covered by the regions, (height, width) in [0, 1]."""
    total = np.zeros((height, width), np.float32)
    for masked in regions:
        total += 1 if masked.mask is None else _plane(masked.mask, total)
    return np.clip(total, 0, 1)


def _palette(picture: Stored) -> NDArray[np.float64]:
    """Return the flat colours of a map, (n, 3) in 0..255. Raises `OptionsError`."""
    pixels = eight_bits(picture.rgb)[_shown(picture)]
    codes = pixels.astype(np.uint32) @ np.array([65536, 256, 1], np.uint32)
    if not len(codes):
        raise OptionsError(f"{picture.name}: is transparent all over; a guide needs flat colours")
    values, counts = np.unique(codes, return_counts=True)
    large = counts >= _MIN_COLOUR_SHARE * len(codes)
    if large.sum() > _MAX_COLOURS or counts[large].sum() < _MIN_FLAT_SHARE * len(codes):
        raise OptionsError(
            f"{picture.name}: has {len(values)} colours; a guide is a map in at most "
            f"{_MAX_COLOURS} flat colours, best saved as PNG without smooth edges"
        )
    kept = values[large]
    return np.stack([kept >> 16, kept >> 8 & 255, kept & 255], axis=1).astype(np.float64)


def _assigned(picture: Stored, palette: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return the number (H, W) of the nearest colour, -1 where the map is transparent."""
    pixels = eight_bits(picture.rgb).astype(np.float32)
    distances = [np.square(pixels - colour.astype(np.float32)).sum(axis=2) for colour in palette]
    found = np.asarray(np.argmin(np.stack(distances), axis=0), np.intp)
    found[~_shown(picture)] = -1
    return found


def _nearest(picture: Stored, palette: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return the number (H, W) of each pixel's colour in ``palette``, -1 for none."""
    own = _palette(picture)
    distances = np.linalg.norm(own[:, None] - palette[None], axis=2)
    numbers = np.where(distances.min(axis=1) <= _SAME_COLOUR, distances.argmin(axis=1), -1)
    found: NDArray[np.intp] = np.append(numbers, -1)[_assigned(picture, own)]
    return found


def _shown(picture: Stored) -> NDArray[np.bool_]:
    """Return where a map is not transparent, (H, W)."""
    if picture.alpha is None:
        return np.ones(picture.rgb.shape[:2], bool)
    return np.asarray(floats(picture.alpha) > 0.5)


def _hex(colour: NDArray[np.float64]) -> str:
    return "#" + "".join(f"{round(value):02x}" for value in colour)
