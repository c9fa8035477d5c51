"""A photo and the picture made of it, between what files hold and what networks see."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from impasto.images.color import grey, luma, with_luma
from impasto.images.picture import Floats, Samples, eight_bits, floats
from impasto.nets.architecture import Architecture
from impasto.nets.geometry import reflected


class Region(NamedTuple):
    """Rows and columns of the padded picture, from the first to before the last."""

    top: int
    bottom: int
    left: int
    right: int

    def grown(self, by: int, within: Region) -> Region:
        """Return the region with so many pixels more on every side, as far as there are."""
        return Region(
            max(self.top - by, within.top),
            min(self.bottom + by, within.bottom),
            max(self.left - by, within.left),
            min(self.right + by, within.right),
        )

    def cut(self, x: Floats, outer: Region) -> Floats:
        """Return the region's own part of (n, c, h, w), which a network made of ``outer``.

        However many of the outer region's pixels lie between the positions of x.
        """
        step = (outer.bottom - outer.top) // x.shape[2]
        top, left = (self.top - outer.top) // step, (self.left - outer.left) // step
        height, width = (self.bottom - self.top) // step, (self.right - self.left) // step
        return x[:, :, top : top + height, left : left + width]


class Canvas:
    """A photo, cut into padded regions on demand, and the picture that they are put back into.

    ``photo`` is (height, width, 3), RGB, float32 in [0, 1] or uint8, and is not copied;
    ``picture`` is of the same kind, or of the one that ``kind`` says. ``color`` says how their
    colours meet, see `images.color`.
    """

    def __init__(
        self,
        photo: Samples,
        architecture: Architecture,
        color: str = "style",
        kind: DTypeLike | None = None,
    ) -> None:
        self.photo = photo
        self.picture: Samples = np.empty(photo.shape, photo.dtype if kind is None else kind)
        self._color = color
        self._margin = architecture.margin
        height, width, _ = photo.shape
        self._rows, self._columns = (reflected(side, architecture) for side in (height, width))

    @property
    def everything(self) -> Region:
        """The whole padded picture."""
        return Region(0, len(self._rows), 0, len(self._columns))

    def cut(self, region: Region) -> Floats:
        """Return a region as the network sees it: float32 (1, 3, h, w)."""
        rows = self._rows[region.top : region.bottom]
        columns = self._columns[region.left : region.right]
        part = np.empty((3, len(rows), len(columns)), np.float32)
        # A run at a time, not an index at a time: four times as fast.
        for there, above in _runs(rows):
            for across, before in _runs(columns):
                planes = self.photo[above, before].transpose(2, 0, 1)
                divisor = np.float32(255 if self.photo.dtype == np.uint8 else 1)
                np.divide(planes, divisor, out=part[:, there, across], dtype=np.float32)
        if self._color == "luminance":
            part = np.ascontiguousarray(grey(part.transpose(1, 2, 0)).transpose(2, 0, 1))
        return part[None]

    def put(self, region: Region, stylised: Floats) -> None:
        """Take over a region (1, 3, h, w), as far as it is within the picture."""
        margin, (height, width, _) = self._margin, self.photo.shape
        top, bottom = _within(region.top - margin, region.bottom - margin, height)
        left, right = _within(region.left - margin, region.right - margin, width)
        if top >= bottom or left >= right:
            return
        above, before = top + margin - region.top, left + margin - region.left
        part = stylised[0, :, above : above + bottom - top, before : before + right - left]
        rgb = part.transpose(1, 2, 0)
        if self._color != "style":
            rgb = with_luma(floats(self.photo[top:bottom, left:right]), luma(rgb))
        eight = self.picture.dtype == np.uint8
        for channel in range(3):  # one at a time: each stays in the cache
            plane = rgb[:, :, channel]
            self.picture[top:bottom, left:right, channel] = eight_bits(plane) if eight else plane


def _runs(index: NDArray[np.int64]) -> Iterator[tuple[slice, slice]]:
    """Split an index of steps up or down into slices: where they go to, and where from."""
    turns = np.flatnonzero(np.diff(index[1:] - index[:-1])) + 1
    start = 0
    while start < len(index):
        turn = turns[turns > start]
        stop = int(turn[0]) + 1 if len(turn) else len(index)
        first, last = int(index[start]), int(index[stop - 1])
        step = 1 if last >= first else -1
        if abs(last - first) != stop - 1 - start:  # the same one again and again
            stop, last = start + 1, first
        end = last + step
        yield slice(start, stop), slice(first, end if end >= 0 else None, step)
        start = stop


def _within(start: int, stop: int, size: int) -> tuple[int, int]:
    return max(start, 0), min(stop, size)
