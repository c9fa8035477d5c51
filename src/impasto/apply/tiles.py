"""Pictures too large to be computed at once, tile by tile, to the same result.

What keeps tiles from agreeing are the normalisations: each divides out the mean and variance of
the whole picture. So each is a stop (see `parts`): all tiles are brought to it and its moments
summed up, before any goes on. No seam can exist, because every tile computes what the whole picture
would. What is small is kept from stop to stop, so the coarse levels, which see far, are computed
once and without surroundings to speak of; only the fine levels, which see a few pixels around them,
are computed again at each stop of theirs.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from impasto.apply.backend import Backend, Fields, Moments
from impasto.apply.canvas import Canvas, Region
from impasto.apply.parts import PHOTO, STYLISED, Stop, stops
from impasto.images.picture import Floats
from impasto.nets.architecture import HERE, Architecture, Convolve, Keep

_VALUE = 4
_WHOLE_BYTES = 2**30
"""A picture that needs no more than this is computed at once."""

_TILE_BYTES = 2**27
"""What a tile may need, with what is around it; more would hardly be quicker."""


_KEPT_BYTES = 2**28
"""A tensor that would take more than this is kept in float16."""


@dataclass(frozen=True)
class TileDone:
    """So many tiles are done, counted over all passes."""

    tile: int
    tiles: int


def side_for(region: Region, architecture: Architecture) -> int | None:
    """Return the side of the tiles in pixels that suits a padded picture; None for no tiles."""
    each = bytes_per_pixel(architecture)
    if (region.bottom - region.top) * (region.right - region.left) * each <= _WHOLE_BYTES:
        return None
    return math.isqrt(_TILE_BYTES // each)


def count(region: Region, architecture: Architecture, side: int) -> int:
    """Return how many tiles are reported of a padded picture."""
    rows = split(region, side, architecture.stride)
    return len(list(stops(architecture))) * sum(map(len, rows))


def bytes_per_pixel(architecture: Architecture) -> int:
    """Return an estimate of the memory that a pass takes, for each pixel.

    The picture and the result, and around the costliest layer its input (enlarged or padded), its
    output, one copy in the making, and what was kept.
    """
    channels, kept, most = 3, 0.0, 0.0
    for layer, stride in architecture.strides():
        if isinstance(layer, Keep):
            kept = max(kept, channels / stride**2)
        elif isinstance(layer, Convolve):
            channels = layer.outputs
            spread = stride * layer.stride if layer.enlarge == 1 or layer.folded else stride
            most = max(most, kept + layer.inputs / spread**2 + 2 * layer.outputs / stride**2)
    return math.ceil(_VALUE * (2 * 3 + most))


def split(within: Region, side: int, stride: int) -> list[list[Region]]:
    """Split a padded picture into rows of tiles of about equal size, none longer than ``side``.

    Their edges are multiples of ``stride``, which a tile is at least as long as.
    """
    rows = _edges(within.bottom, side, stride)
    columns = _edges(within.right, side, stride)
    return [[Region(*row, *column) for column in pairwise(columns)] for row in pairwise(rows)]


def _edges(length: int, side: int, stride: int) -> list[int]:
    units = length // stride
    parts = min(units, math.ceil(length / max(side // stride * stride, stride)))
    return [stride * (units * part // parts) for part in range(parts + 1)]


def stylise(
    canvas: Canvas,
    backend: Backend,
    architecture: Architecture,
    mix: Floats,
    noise: Fields,
    side: int,
) -> Iterator[TileDone]:
    """Stylise in tiles of at most ``side`` pixels, surroundings apart; report each of them.

    ``noise`` is that of the whole picture, see `nets.noise`. The result is in ``canvas.picture``
    when the iteration ends.
    """
    rows = split(canvas.everything, side, architecture.stride)
    plan = list(stops(architecture))
    total, done = len(plan) * sum(map(len, rows)), 0
    held = _Held(canvas.everything)
    moments: dict[str, Moments] = {}
    for stop in plan:
        tally = Tally(stop.norm.channels if stop.norm else 0)
        held.begin(stop)
        for row in rows:
            held.settle(row[0].top - stop.part.halo)
            for tile in row:
                outer = tile.grown(stop.part.halo, canvas.everything)
                given = _given(stop, outer, canvas, held, backend, mix, noise, moments)
                fields = _cut_all(noise, outer, canvas.everything)
                found = backend.run(stop.part, given, mix, fields, moments)
                found = {name: tile.cut(field, outer) for name, field in found.items()}
                if STYLISED in found:
                    canvas.put(tile, found[STYLISED])
                if stop.norm:
                    tally.add(found[HERE])
                held.take(tile, found)
                done += 1
                yield TileDone(done, total)
        held.end()
        if stop.norm:
            moments[stop.norm.name] = tally.moments


def _given(
    stop: Stop,
    outer: Region,
    canvas: Canvas,
    held: _Held,
    backend: Backend,
    mix: Floats,
    noise: Fields,
    moments: Mapping[str, Moments],
) -> dict[str, Floats]:
    """Return what a stop's part takes, of a region."""
    given = {name: held.cut(name, outer) for name in stop.part.takes if name in held}
    if PHOTO in stop.part.takes:
        given[PHOTO] = canvas.cut(outer)
    if stop.again:
        wider = outer.grown(stop.again.halo, canvas.everything)
        fields = _cut_all(noise, wider, canvas.everything)
        photo = {PHOTO: canvas.cut(wider)}
        again = backend.run(stop.again, photo, mix, fields, moments)
        given |= {name: outer.cut(field, wider) for name, field in again.items()}
    return given


def _cut_all(fields: Fields, region: Region, everything: Region) -> dict[str, Floats]:
    return {name: region.cut(field, everything) for name, field in fields.items()}


class _Held:
    """Tensors of the whole picture that are kept from stop to stop.

    A new one takes the place of the old of its name where it has its shape, as soon as no tile
    needs the old any more. Where all would be large, they are kept in float16.
    """

    def __init__(self, everything: Region) -> None:
        self._everything = everything
        self._arrays: dict[str, NDArray[Any]] = {}
        self._fresh: dict[str, NDArray[Any]] = {}
        self._waiting: deque[tuple[Region, dict[str, Floats]]] = deque()
        self._keeps: tuple[str, ...] = ()

    def __contains__(self, name: str) -> bool:
        return name in self._arrays

    def cut(self, name: str, region: Region) -> Floats:
        """Return a region (1, channels, h, w) of a tensor, as it was before this stop."""
        return region.cut(self._arrays[name], self._everything).astype(np.float32)

    def begin(self, stop: Stop) -> None:
        """Get ready for a stop."""
        self._keeps = stop.keeps

    def take(self, tile: Region, found: Mapping[str, Floats]) -> None:
        """Keep what was found of a tile, as far as the stop keeps it."""
        kept = {name: found[name] for name in self._keeps if name in found}
        if kept:
            self._waiting.append((tile, kept))

    def settle(self, until: int) -> None:
        """Write what waits of the rows that end by there: nobody needs what was there before."""
        while self._waiting and self._waiting[0][0].bottom <= until:
            tile, kept = self._waiting.popleft()
            for name, field in kept.items():
                tile.cut(self._target(name, tile, field), self._everything)[...] = field

    def end(self) -> None:
        """End a stop: the new tensors take the place of the old."""
        self.settle(self._everything.bottom)
        if self._keeps:
            arrays = self._arrays | self._fresh
            self._arrays = {name: arrays[name] for name in self._keeps}
        self._fresh = {}

    def _target(self, name: str, tile: Region, field: Floats) -> NDArray[Any]:
        """Return the tensor of the whole picture that a tile's is a part of."""
        if name not in self._fresh:
            step = (tile.bottom - tile.top) // field.shape[2]
            height, width = self._everything.bottom // step, self._everything.right // step
            shape = (1, field.shape[1], height, width)
            old = self._arrays.get(name)
            if old is None or old.shape != shape:
                kind = np.float32 if math.prod(shape) * _VALUE <= _KEPT_BYTES else np.float16
                old = np.empty(shape, kind)
            self._fresh[name] = old
        return self._fresh[name]


class Tally:
    """Mean and variance of every channel over positions that come in parts.

    Each part is centred on its own mean, and parts are joined as Chan, Golub and LeVeque 1979
    (equations 2.1) say, in float64: nothing cancels, however large the mean.
    """

    def __init__(self, channels: int) -> None:
        self._count = 0
        self._mean = np.zeros(channels)
        self._squares = np.zeros(channels)

    def add(self, x: Floats) -> None:
        """Count the positions of (1, channels, h, w)."""
        _, _, height, width = x.shape
        count = height * width
        # Row by row in float32, and rows in float64: as exact as it needs to be, and ten times as
        # fast as all in float64.
        near = x[0].mean(axis=(1, 2), keepdims=True)
        centred = x[0] - near
        left = centred.sum(axis=2).sum(axis=1, dtype=np.float64) / count
        squares = np.einsum("chw,chw->ch", centred, centred).sum(axis=1, dtype=np.float64)
        squares -= count * left**2
        means = near[:, 0, 0].astype(np.float64) + left
        total = self._count + count
        apart = means - self._mean
        self._mean += apart * (count / total)
        self._squares += squares + apart**2 * (self._count * count / total)
        self._count = total

    @property
    def moments(self) -> Moments:
        """Mean and variance of all so far."""
        variance = self._squares / self._count
        return Moments(self._mean.astype(np.float32), variance.astype(np.float32))
