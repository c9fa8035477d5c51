"""A photo and the picture made of it, between what files hold and what networks see."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray
from PIL import Image

from impasto.images.color import grey, luma, with_luma
from impasto.images.picture import Floats, Samples, eight_bits, floats
from impasto.nets.architecture import Architecture
from impasto.nets.geometry import reflected

_AROUND = 4
"""Positions around a part that its enlargement depends on, and some more."""


class Box(NamedTuple):
    """Rows and columns of a picture, from the first to before the last."""

    top: int
    bottom: int
    left: int
    right: int

    def grown(self, by: int, within: Box) -> Box:
        """Return the region with so many pixels more on every side, as far as there are."""
        return Box(
            max(self.top - by, within.top),
            min(self.bottom + by, within.bottom),
            max(self.left - by, within.left),
            min(self.right + by, within.right),
        )

    def cut(self, x: Floats, outer: Box) -> Floats:
        """Return the region's own part of (n, c, h, w), which a network made of ``outer``.

        However many of the outer region's pixels lie between the positions of x.
        """
        step = (outer.bottom - outer.top) // x.shape[2]
        top, left = (self.top - outer.top) // step, (self.left - outer.left) // step
        height, width = (self.bottom - self.top) // step, (self.right - self.left) // step
        return x[:, :, top : top + height, left : left + width]


@dataclass(frozen=True)
class Change:
    """What a smaller painting changes of a smaller photo, to begin a larger one with.

    ``values`` (height, width, 3) are the painting's less the photo's, from -1 to 1, float16 or
    float32.
    """

    values: NDArray[Any]

    def enlarged(self, box: Box, width: int, height: int) -> Floats:
        """Return (h, w, 3) for a part of a picture of that size, by a bicubic spline."""
        rows, columns, _ = self.values.shape
        top, bottom = box.top * rows / height, box.bottom * rows / height
        left, right = box.left * columns / width, box.right * columns / width
        above, before = max(0, int(top) - _AROUND), max(0, int(left) - _AROUND)
        seen = self.values[above : int(bottom) + _AROUND + 1, before : int(right) + _AROUND + 1]
        source = (left - before, top - above, right - before, bottom - above)
        size = (box.right - box.left, box.bottom - box.top)
        out = np.empty((size[1], size[0], 3), np.float32)
        for channel in range(3):
            plane = Image.fromarray(np.ascontiguousarray(seen[:, :, channel], np.float32))
            out[:, :, channel] = np.asarray(
                plane.resize(size, Image.Resampling.BICUBIC, box=source)
            )
        return out


class PaddedPhoto:
    """A photo, cut into padded regions on demand, and the picture that they are put back into.

    ``photo`` is (height, width, 3), RGB, float32 in [0, 1] or uint8, and is not copied;
    ``picture`` is of the same kind, or of the one that ``kind`` says. ``color`` says how their
    colours meet, see `images.color`. With a ``change`` the network is shown the photo with it.
    """

    def __init__(
        self,
        photo: Samples,
        architecture: Architecture,
        color: str = "style",
        kind: DTypeLike | None = None,
        change: Change | None = None,
    ) -> None:
        self.photo = photo
        self.picture: Samples = np.empty(photo.shape, photo.dtype if kind is None else kind)
        self._color = color
        self._change = change
        height, width, _ = photo.shape
        self._rows, self._columns = (reflected(side, architecture) for side in (height, width))

    @property
    def everything(self) -> Box:
        """The whole padded picture."""
        return Box(0, len(self._rows), 0, len(self._columns))

    def cut(self, box: Box) -> Floats:
        """Return a region as the network sees it: float32 (1, 3, h, w)."""
        rows = self._rows[box.top : box.bottom]
        columns = self._columns[box.left : box.right]
        part = np.empty((3, len(rows), len(columns)), np.float32)
        # A run at a time, not an index at a time: four times as fast.
        for there, above in _runs(rows):
            for across, before in _runs(columns):
                part[:, there, across] = self._seen(above, before).transpose(2, 0, 1)
        return part[None]

    def _seen(self, rows: slice, columns: slice) -> Floats:
        """Return what the network sees of some rows and columns, (h, w, 3)."""
        seen = floats(self.photo[rows, columns])
        if self._color == "luminance":
            seen = grey(seen)
        if self._change is None:
            return seen
        height, width, _ = self.photo.shape
        (top, bottom, up), (left, right, back) = (
            _span(rows, height), _span(columns, width),
        )  # fmt: skip
        change = self._change.enlarged(Box(top, bottom, left, right), width, height)
        shown: Floats = np.clip(seen + change[::up, ::back], 0, 1)
        return shown

    def put(self, box: Box, stylised: Floats) -> None:
        """Take over a region (1, 3, h, w), as far as it is within the picture."""
        height, width, _ = self.photo.shape
        bottom, right = min(box.bottom, height), min(box.right, width)
        top, left = box.top, box.left
        if top >= bottom or left >= right:
            return
        rgb = stylised[0, :, : bottom - top, : right - left].transpose(1, 2, 0)
        if self._color != "style":
            rgb = with_luma(floats(self.photo[top:bottom, left:right]), luma(rgb))
        eight = self.picture.dtype == np.uint8
        for channel in range(3):  # one at a time: each stays in the cache
            plane = rgb[:, :, channel]
            self.picture[top:bottom, left:right, channel] = eight_bits(plane) if eight else plane


def _span(run: slice, size: int) -> tuple[int, int, int]:
    """Return first, end and direction of a run of indices up or down."""
    index = range(*run.indices(size))
    return min(index[0], index[-1]), max(index[0], index[-1]) + 1, index.step


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
