"""A photo padded for a network, and the stylised picture that is assembled from its output."""

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
"""Positions around a box that its enlargement depends on, with a margin."""


class Box(NamedTuple):
    """A rectangle of a picture; ``bottom`` and ``right`` are exclusive."""

    top: int
    bottom: int
    left: int
    right: int

    def grown(self, by: int, within: Box) -> Box:
        """Return the box grown by this many pixels on every side, clipped to ``within``."""
        return Box(
            max(self.top - by, within.top),
            min(self.bottom + by, within.bottom),
            max(self.left - by, within.left),
            min(self.right + by, within.right),
        )

    def cut(self, x: Floats, outer: Box) -> Floats:
        """Cut this box out of (n, c, h, w), a tensor of the box ``outer`` at any stride."""
        step = (outer.bottom - outer.top) // x.shape[2]
        top, left = (self.top - outer.top) // step, (self.left - outer.left) // step
        height, width = (self.bottom - self.top) // step, (self.right - self.left) // step
        return x[:, :, top : top + height, left : left + width]


@dataclass(frozen=True)
class Change:
    """The difference between a stylised picture and its photo, passed on to the next larger pass.

    ``values`` (height, width, 3) are stylised minus photo, from -1 to 1, float16 or float32.
    """

    values: NDArray[Any]

    def enlarged(self, box: Box, width: int, height: int) -> Floats:
        """Enlarge to a picture of that size and return the part in ``box``, (h, w, 3), bicubic."""
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
    """Cuts padded boxes out of a photo, and puts the stylised boxes together to a picture.

    ``photo`` is (height, width, 3), RGB, float32 in [0, 1] or uint8, and is not copied;
    ``picture`` has the same type, or the type ``kind``. ``color`` is as in `ApplyOptions`. A
    ``change`` is added to the photo before the network sees it.
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
        """Return a box as input for the network: float32 (1, 3, h, w)."""
        rows = self._rows[box.top : box.bottom]
        columns = self._columns[box.left : box.right]
        part = np.empty((3, len(rows), len(columns)), np.float32)
        # Copying runs of indices is four times as fast as copying single ones.
        for there, above in _runs(rows):
            for across, before in _runs(columns):
                part[:, there, across] = self._seen(above, before).transpose(2, 0, 1)
        return part[None]

    def _seen(self, rows: slice, columns: slice) -> Floats:
        """Return the network's input for some rows and columns, (h, w, 3)."""
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
        """Copy a stylised box (1, 3, h, w) into the picture, without the padding."""
        height, width, _ = self.photo.shape
        bottom, right = min(box.bottom, height), min(box.right, width)
        top, left = box.top, box.left
        if top >= bottom or left >= right:
            return
        rgb = stylised[0, :, : bottom - top, : right - left].transpose(1, 2, 0)
        if self._color != "style":
            rgb = with_luma(floats(self.photo[top:bottom, left:right]), luma(rgb))
        eight = self.picture.dtype == np.uint8
        for channel in range(3):  # one at a time, so that it stays in the cache
            plane = rgb[:, :, channel]
            self.picture[top:bottom, left:right, channel] = eight_bits(plane) if eight else plane


def _span(run: slice, size: int) -> tuple[int, int, int]:
    """Return start, end and direction of an ascending or descending run of indices."""
    index = range(*run.indices(size))
    return min(index[0], index[-1]), max(index[0], index[-1]) + 1, index.step


def _runs(index: NDArray[np.int64]) -> Iterator[tuple[slice, slice]]:
    """Split an index into ascending and descending runs; yield target and source slices."""
    turns = np.flatnonzero(np.diff(index[1:] - index[:-1])) + 1
    start = 0
    while start < len(index):
        turn = turns[turns > start]
        stop = int(turn[0]) + 1 if len(turn) else len(index)
        first, last = int(index[start]), int(index[stop - 1])
        step = 1 if last >= first else -1
        if abs(last - first) != stop - 1 - start:  # the same index repeated
            stop, last = start + 1, first
        end = last + step
        yield slice(start, stop), slice(first, end if end >= 0 else None, step)
        start = stop
