"""At which sizes a picture is painted, so that its strokes look the same however large it is.

A network's strokes are as many pixels wide in every picture, so in a large one they are too fine to
be seen. There a smaller picture is painted first, at which they have the size they should. What
that changes of the photo is enlarged and shown to the network with the larger photo, which paints
crisp strokes over blurred ones; by doublings, up to the size of the picture. These later passes
take part of the strength: enough for crisp edges, not so much that fine strokes hide large ones.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from impasto.apply import tiles
from impasto.apply.backends import Backend
from impasto.apply.canvas import Canvas, Change, Region
from impasto.apply.parts import PHOTO, STYLISED, whole
from impasto.images import fit, resize
from impasto.images.color import luma, with_luma
from impasto.images.picture import Floats, Samples, eight_bits, floats
from impasto.nets import noise
from impasto.nets.geometry import padded
from impasto.options import ApplyOptions
from impasto.zoo.pack import Pack

Progress = Callable[[int, int], None]
"""Is called with how many tiles are done, and how many there are."""

LOOK = 1024
"""A picture of this long side and more has the look that it has at this long side, in pixels."""

LATER = 0.65
"""The strength of all passes but the first, of what it is asked for."""

_FINER = 1.5
"""A picture up to so many times as large as it should be painted at is painted as it is."""

_ROWS = 256
"""So many rows are computed with at a time, for memory."""

_MOST = 2.15
"""From one pass to the next a picture is at most so many times as large."""


def sizes(width: int, height: int, style_scale: float) -> list[tuple[int, int]]:
    """Return (width, height) of each pass; the last is the picture's own, or larger.

    ``style_scale`` is how large strokes are to be, 1 being their own size at `LOOK` and below. A
    last size above the picture's means strokes finer than the network has: what it changes there is
    brought down to the picture.
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
    # The photo as it is needs one, and a network that cannot vary its strength can have no more.
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

    The pictures are of ``kind``, uint8 or float32. ``tile`` is the side of the tiles of the latest
    pass, None where it was computed at once.
    """

    pack: Pack
    backend: Backend
    options: ApplyOptions
    kind: str
    progress: Progress | None = None
    tile: int | None = None

    def paint(self, photo: Samples, shares: Mapping[str, float]) -> Samples:
        """Return the painted photo (height, width, 3), in the styles of some shares."""
        height, width, _ = photo.shape
        plan = sizes_of(self.pack, self.options, width, height)
        photos: list[Samples] = [photo]
        for size in reversed(plan if plan[-1] != (width, height) else plan[:-1]):
            photos.insert(0, resize(photos[0], *size))
        finer = plan[-1] != (width, height)
        done, change = _Counted(self.progress, self._steps(plan)), None
        for number in range(len(plan)):
            last = number == len(plan) - 1 and not finer
            color = self.options.color
            if not last and color == "photo":
                color = "style"
            strength = self.options.strength * (LATER if number else 1)
            canvas = Canvas(
                photos.pop(0),
                self.pack.architecture,
                color,
                self.kind if last else "float16",
                change,
            )
            self._fill(canvas, self.pack.mix(shares, strength), done)
            if last:
                return canvas.picture
            change = Change(_less(canvas.picture, canvas.photo))
        assert change is not None
        return self._changed(photo, change)

    def _fill(self, canvas: Canvas, mix: Floats, done: _Counted) -> None:
        """Stylise a canvas, whole or in tiles."""
        architecture, everything = self.pack.architecture, canvas.everything
        fields = noise.fields(architecture, everything.bottom, everything.right, self.options.seed)
        self.tile = self._side(everything)
        if self.tile is None:
            part = whole(architecture)
            given = {PHOTO: canvas.cut(everything)}
            canvas.put(everything, self.backend.run(part, given, mix, fields)[STYLISED])
            done.one()
            return
        for _ in tiles.stylise(canvas, self.backend, architecture, mix, fields, self.tile):
            done.one()

    def _side(self, everything: Region) -> int | None:
        """Return the side of the tiles, None for none."""
        tile = self.options.tile
        side = tiles.side_for(everything, self.pack.architecture) if isinstance(tile, str) else tile
        return side if side and side < max(everything.bottom, everything.right) else None

    def _steps(self, plan: list[tuple[int, int]]) -> int:
        """Return how many steps are counted over all passes."""
        architecture, found = self.pack.architecture, 0
        for width, height in plan:
            everything = Region(0, padded(height, architecture), 0, padded(width, architecture))
            side = self._side(everything)
            found += tiles.count(everything, architecture, side) if side else 1
        return found

    def _changed(self, photo: Samples, change: Change) -> Samples:
        """Return the photo with what a larger painting changes of it."""
        height, width, _ = photo.shape
        values = change.values.astype(np.float32) / 2 + np.float32(0.5)
        less = resize(values, width, height)
        rgb = np.clip(floats(photo) + (less - np.float32(0.5)) * 2, 0, 1)
        if self.options.color == "photo":
            rgb = with_luma(floats(photo), luma(rgb))
        return eight_bits(rgb) if self.kind == "uint8" else rgb


@dataclass
class _Counted:
    """Counts steps for whoever wants to be told."""

    progress: Progress | None
    steps: int
    done: int = 0

    def one(self) -> None:
        self.done += 1
        if self.progress and self.steps > 1:
            self.progress(self.done, self.steps)


def _less(picture: Samples, photo: Samples) -> Samples:
    """Take the photo from a picture of floats, in place."""
    for row in range(0, len(picture), _ROWS):
        rows = slice(row, row + _ROWS)
        picture[rows] = picture[rows].astype(np.float32) - floats(photo[rows])
    return picture
