"""Where styles belong: masks, and maps in flat colours, as regions of the picture."""

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

_MOST_COLOURS = 16
"""So many regions a map can have."""

_LEAST = 0.005
"""A colour that covers less of a map than this is an edge between others."""

_FLAT = 0.9
"""So much of a map must be of its colours; the rest are edges."""

_NEAR = 40.0
"""Colours of two maps that are closer than this, in steps of 255, are the same."""

_TOO_SMALL = 1e-4
"""A region of less than this part of the picture is empty."""


@dataclass(frozen=True)
class MaskedStyles:
    """MaskedStyles of the picture, as large as their files, with the pictures of styles for each.

    ``mask`` is None for the whole picture. ``styles`` are numbers of pictures, each with the part
    of it to take, None for all of it.
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
        """Return it for a picture and paintings of these sizes (width, height).

        ``turns`` are the degrees by which each painting is turned after that. Raises
        `OptionsError` where nothing is left of a part when it is turned.
        """
        styles = tuple(
            (number, None if part is None else guide(part, *sizes[number], turns[number]))
            for number, part in self.styles
        )
        if any(where is not None and not where.mask.any() for _, where in styles):
            raise OptionsError(
                "--style-rotation cuts off the part of a painting that is to be taken: turn its "
                "file, or by a quarter"
            )
        return StyleRegion(
            self.name, None if self.mask is None else guide(self.mask, *size), styles
        )

    def without(self, frozen: Floats) -> MaskedStyles:
        """Return it less what is frozen, (H, W) of any size."""
        if self.mask is None:
            return replace(self, mask=1 - frozen)
        return replace(self, mask=self.mask * (1 - _plane(frozen, self.mask)))

    def seen(self, alphas: Sequence[Samples | None]) -> MaskedStyles:
        """Return it less what is transparent of the paintings, alpha (H, W) or None of each.

        Paintings of which nothing is left there are left out.
        """
        styles = [(number, _seen(part, alphas[number])) for number, part in self.styles]
        left = tuple(
            (number, part)
            for number, part in styles
            if part is None or alphas[number] is None or part.mean() >= _TOO_SMALL
        )
        return replace(self, styles=left)

    @property
    def empty(self) -> bool:
        """Whether there is nothing to speak of."""
        return self.mask is not None and bool(self.mask.mean() < _TOO_SMALL)


def guide(mask: Floats, width: int, height: int, degrees: float = 0) -> Guide:
    """Return a mask (H, W) as a guide of a size, turned."""
    scaled = resize(mask[:, :, None], width, height, soft=True)
    return Guide.of(turned(scaled, degrees)[:, :, 0])


def _seen(part: Floats | None, alpha: Samples | None) -> Floats | None:
    """Return a part of a painting less what is transparent of it."""
    if alpha is None:
        return part
    return floats(alpha) if part is None else part * _plane(floats(alpha), part)


def _plane(values: Floats, like: Floats) -> Floats:
    """Return (H, W) at the size of another."""
    height, width = like.shape
    return resize_plane(values, width, height, soft=True)


def from_masks(
    masks: Sequence[Stored], style_of_painting: Sequence[int]
) -> tuple[MaskedStyles, ...]:
    """Return a part for each style, white in its mask.

    Raises `OptionsError` when there is not one for each, or one is empty.
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
                f"{picture.name}: is black ({levels(white)}), so style {style + 1} belongs "
                "nowhere; paint white where it does"
            )
        found.append(part)
    return tuple(found)


def from_maps(photo: Stored, styles: Sequence[Stored]) -> tuple[MaskedStyles, ...]:
    """Return a part for each colour of the photo's map that is in a map of the styles, too.

    What is transparent of a map belongs nowhere. Raises `OptionsError` for maps that are not in
    flat colours, or have none in common.
    """
    palette = _palette(photo)
    wheres = [_nearest(style, palette) for style in styles]
    own = _assigned(photo, palette)
    found = []
    for index, colour in enumerate(palette):
        parts = tuple(
            (number, (where == index).astype(np.float32))
            for number, where in enumerate(wheres)
            if (where == index).mean() >= _TOO_SMALL
        )
        if parts:
            mask = (own == index).astype(np.float32)
            found.append(MaskedStyles(_hex(colour), mask, parts))
    if not found:
        there = ", ".join(_hex(c) for style in styles for c in _palette(style))
        raise OptionsError(
            f"{photo.name} and its style guides have no colour in common: "
            f"{', '.join(map(_hex, palette))} there, {there} here"
        )
    return tuple(found)


def claimed(parts: Sequence[MaskedStyles], width: int, height: int) -> Floats:
    """Return (height, width) how far each pixel belongs to some style, in [0, 1]."""
    total = np.zeros((height, width), np.float32)
    for part in parts:
        total += 1 if part.mask is None else _plane(part.mask, total)
    return np.clip(total, 0, 1)


def _palette(picture: Stored) -> NDArray[np.float64]:
    """Return the flat colours of a map, (n, 3) in 0..255. Raises `OptionsError`."""
    pixels = eight_bits(picture.rgb)[_shown(picture)]
    codes = pixels.astype(np.uint32) @ np.array([65536, 256, 1], np.uint32)
    if not len(codes):
        raise OptionsError(f"{picture.name}: is transparent all over, so it is not a map")
    values, counts = np.unique(codes, return_counts=True)
    large = counts >= _LEAST * len(codes)
    if large.sum() > _MOST_COLOURS or counts[large].sum() < _FLAT * len(codes):
        raise OptionsError(
            f"{picture.name}: has {len(values)} colours; a guide is a map in at most "
            f"{_MOST_COLOURS} flat colours, best saved as PNG without smooth edges"
        )
    kept = values[large]
    return np.stack([kept >> 16, kept >> 8 & 255, kept & 255], axis=1).astype(np.float64)


def _assigned(picture: Stored, palette: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return (H, W) the number of the nearest colour, -1 where the map is transparent."""
    pixels = eight_bits(picture.rgb).astype(np.float32)
    distances = [np.square(pixels - colour.astype(np.float32)).sum(axis=2) for colour in palette]
    found = np.asarray(np.argmin(np.stack(distances), axis=0), np.intp)
    found[~_shown(picture)] = -1
    return found


def _nearest(picture: Stored, palette: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return (H, W) the number of the colour of ``palette`` that each pixel has, -1 for none."""
    own = _palette(picture)
    distances = np.linalg.norm(own[:, None] - palette[None], axis=2)
    numbers = np.where(distances.min(axis=1) <= _NEAR, distances.argmin(axis=1), -1)
    found: NDArray[np.intp] = np.append(numbers, -1)[_assigned(picture, own)]
    return found


def _shown(picture: Stored) -> NDArray[np.bool_]:
    """Return (H, W) where a map is not transparent."""
    if picture.alpha is None:
        return np.ones(picture.rgb.shape[:2], bool)
    return np.asarray(floats(picture.alpha) > 0.5)


def _hex(colour: NDArray[np.float64]) -> str:
    return "#" + "".join(f"{round(value):02x}" for value in colour)
