"""Paints large pictures in several passes, so that strokes look the same at any size.

A network's strokes have a fixed width in pixels, so in a large picture they are too fine to be
visible. Therefore a smaller copy is painted first, at which strokes have the right size. The change
to the photo is enlarged and added to the larger photo, and the network paints crisp strokes over
the blurred ones; this repeats, about doubling each time, up to full size. Later passes use a
reduced strength: enough for crisp edges, but not so much that fine strokes hide the large ones.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from impasto.apply import tiles
from impasto.apply.backend import Backend, moved_moments
from impasto.apply.frame_moments import FrameMoments, PassMoments
from impasto.apply.padded import Box, Change, PaddedPhoto
from impasto.apply.stages import PHOTO, STYLISED, whole
from impasto.images import fit, resize
from impasto.images.color import luma, with_luma
from impasto.images.picture import Floats, Samples, eight_bits, floats
from impasto.nets import noise
from impasto.nets.geometry import padded
from impasto.options import ApplyOptions
from impasto.zoo.pack import Pack

Progress = Callable[[int, int], None]
"""A callback that receives the number of finished tiles and the total number."""

LOOK = 1024
"""The long side in pixels from which all pictures have the same look."""

LATER = 0.65
"""The strength of the second and later passes, as a factor."""

_FINER = 1.5
"""A picture up to this many times larger than its first pass is painted in one pass."""

_ROWS = 256
"""Rows processed at a time, to save memory."""

_MOST = 2.15
"""The largest enlargement from one pass to the next."""


def sizes(width: int, height: int, style_scale: float) -> list[tuple[int, int]]:
    """Return (width, height) of each pass; the last is that of the picture, or larger.

    ``style_scale`` is the size of strokes, 1 being their normal size at `LOOK` and below. A last
    size above the picture's gives finer strokes than the network has: the change is computed at
    that size and shrunk.
    """
    long = max(width, height)
    first = min(long, LOOK) / style_scale
    if first > long * 1.01:
        return [fit(width, height, round(first))]
    ratio = long / first
    if ratio <= _FINER:
        return [(width, height)]
    steps = math.ceil(math.log(ratio) / math.log(_MOST))
    sides = [round(first * ratio ** (step / steps)) for step in range(steps)]
    return [*(fit(width, height, max(side, 1)) for side in sides), (width, height)]


def sizes_of(pack: Pack, options: ApplyOptions, width: int, height: int) -> list[tuple[int, int]]:
    """Return (width, height) of each pass of a network over a picture."""
    # Strength 0 needs only one pass, and a network with a fixed strength supports no more.
    if not options.strength or not pack.has_original:
        return [(width, height)]
    return sizes(width, height, options.style_scale)


def work_of(pack: Pack, options: ApplyOptions, width: int, height: int) -> float:
    """Return the multiplications of all passes of a network over a picture."""
    plan = sizes_of(pack, options, width, height)
    return pack.architecture.macs * sum(across * down for across, down in plan)


def bytes_of(pack: Pack, options: ApplyOptions, width: int, height: int) -> int:
    """Return about how many bytes the largest pass of a network over a picture takes."""
    plan = sizes_of(pack, options, width, height)
    return max(across * down for across, down in plan) * tiles.bytes_per_pixel(pack.architecture)


@dataclass
class Passes:
    """Paints photos with a network, in as many passes as they need.

    Results have the type ``kind``, uint8 or float32. With ``moments``, photos are frames of a film,
    in order. ``tile`` is the side of the tiles in the latest pass, None if it was computed as a
    whole.
    """

    pack: Pack
    backend: Backend
    options: ApplyOptions
    kind: str
    progress: Progress | None = None
    moments: FrameMoments | None = None
    tile: int | None = None

    def paint(self, photo: Samples, shares: Mapping[str, float]) -> Samples:
        """Return the painted photo (height, width, 3), in a mixture of styles."""
        height, width, _ = photo.shape
        plan = sizes_of(self.pack, self.options, width, height)
        photos: list[Samples] = [photo]
        for size in reversed(plan if plan[-1] != (width, height) else plan[:-1]):
            photos.insert(0, resize(photos[0], *size))
        finer = plan[-1] != (width, height)
        done, change = _TileCounter(self.progress, self._steps(plan)), None
        for number in range(len(plan)):
            last = number == len(plan) - 1 and not finer
            color = self.options.color
            if not last and color == "photo":
                color = "style"
            strength = self.options.strength * (LATER if number else 1)
            padded_photo = PaddedPhoto(
                photos.pop(0),
                self.pack.architecture,
                color,
                self.kind if last else "float16",
                change,
            )
            key = f"{','.join(shares)}|{number}"
            moments = self.moments.of_pass(key) if self.moments else None
            self._fill(padded_photo, self.pack.mix(shares, strength), done, moments)
            if last:
                return padded_photo.picture
            change = Change(_less(padded_photo.picture, padded_photo.photo))
        assert change is not None
        return self._changed(photo, change)

    def _fill(
        self,
        padded_photo: PaddedPhoto,
        mix: Floats,
        done: _TileCounter,
        frame_moments: PassMoments | None,
    ) -> None:
        """Stylise a padded photo, as a whole or in tiles."""
        architecture, everything = self.pack.architecture, padded_photo.everything
        fields = noise.fields(architecture, everything.bottom, everything.right, self.options.seed)
        self.tile = self._side(everything)
        if self.tile is None:
            segment = whole(architecture)
            given = {PHOTO: padded_photo.cut(everything)}
            moments, share = (
                frame_moments.before(architecture.norms) if frame_moments else (None, 0.0)
            )
            found = self.backend.run(segment, given, mix, fields, moments, share)
            if frame_moments:
                norms = (norm.name for norm in architecture.norms)
                frame_moments.moments = moved_moments(found, norms)
            padded_photo.put(everything, found[STYLISED])
            done.one()
            return
        for _ in tiles.stylise(
            padded_photo, self.backend, architecture, mix, fields, self.tile, frame_moments
        ):
            done.one()

    def _side(self, everything: Box) -> int | None:
        """Return the side of the tiles, None for no tiles."""
        tile = self.options.tile
        side = tiles.side_for(everything, self.pack.architecture) if isinstance(tile, str) else tile
        return side if side and side < max(everything.bottom, everything.right) else None

    def _steps(self, plan: list[tuple[int, int]]) -> int:
        """Return the number of progress steps over all passes."""
        architecture, found = self.pack.architecture, 0
        for width, height in plan:
            everything = Box(0, padded(height, architecture), 0, padded(width, architecture))
            side = self._side(everything)
            found += tiles.count(everything, architecture, side) if side else 1
        return found

    def _changed(self, photo: Samples, change: Change) -> Samples:
        """Add the change from a larger pass to the photo."""
        height, width, _ = photo.shape
        values = change.values.astype(np.float32) / 2 + np.float32(0.5)
        less = resize(values, width, height)
        rgb = np.clip(floats(photo) + (less - np.float32(0.5)) * 2, 0, 1)
        if self.options.color == "photo":
            rgb = with_luma(floats(photo), luma(rgb))
        return eight_bits(rgb) if self.kind == "uint8" else rgb


@dataclass
class _TileCounter:
    """Counts finished tiles and reports them to a callback."""

    progress: Progress | None
    steps: int
    done: int = 0

    def one(self) -> None:
        self.done += 1
        if self.progress and self.steps > 1:
            self.progress(self.done, self.steps)


def _less(picture: Samples, photo: Samples) -> Samples:
    """Subtract the photo from a picture of floats, in place."""
    for row in range(0, len(picture), _ROWS):
        rows = slice(row, row + _ROWS)
        picture[rows] = picture[rows].astype(np.float32) - floats(photo[rows])
    return picture
