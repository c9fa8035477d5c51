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
from impasto.apply.padded import Box, PaddedPhoto
from impasto.apply.stages import PHOTO, STYLISED, Stage, stages
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


def side_for(region: Box, architecture: Architecture) -> int | None:
    """Return the side of the tiles in pixels that suits a padded picture; None for no tiles."""
    each = bytes_per_pixel(architecture)
    if (region.bottom - region.top) * (region.right - region.left) * each <= _WHOLE_BYTES:
        return None
    return math.isqrt(_TILE_BYTES // each)


def count(region: Box, architecture: Architecture, side: int) -> int:
    """Return how many tiles are reported of a padded picture."""
    rows = split(region, side, architecture.stride)
    return len(list(stages(architecture))) * sum(map(len, rows))


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


def split(within: Box, side: int, stride: int) -> list[list[Box]]:
    """Split a padded picture into rows of tiles of about equal size, none longer than ``side``.

    Their edges are multiples of ``stride``, which a tile is at least as long as.
    """
    rows = _edges(within.bottom, side, stride)
    columns = _edges(within.right, side, stride)
    return [[Box(*row, *column) for column in pairwise(columns)] for row in pairwise(rows)]


def _edges(length: int, side: int, stride: int) -> list[int]:
    units = length // stride
    parts = min(units, math.ceil(length / max(side // stride * stride, stride)))
    return [stride * (units * part // parts) for part in range(parts + 1)]


def stylise(
    padded_photo: PaddedPhoto,
    backend: Backend,
    architecture: Architecture,
    mix: Floats,
    noise: Fields,
    side: int,
) -> Iterator[TileDone]:
    """Stylise in tiles of at most ``side`` pixels, surroundings apart; report each of them.

    ``noise`` is that of the whole picture, see `nets.noise`. The result is in ``padded_photo.picture``
    when the iteration ends.
    """
    rows = split(padded_photo.everything, side, architecture.stride)
    plan = list(stages(architecture))
    total, done = len(plan) * sum(map(len, rows)), 0
    stored = _StoredTensors(padded_photo.everything)
    moments: dict[str, Moments] = {}
    for stage in plan:
        running = RunningMoments(stage.norm.channels if stage.norm else 0)
        stored.begin(stage)
        for row in rows:
            stored.settle(row[0].top - stage.segment.halo)
            for tile in row:
                outer = tile.grown(stage.segment.halo, padded_photo.everything)
                given = _inputs(stage, outer, padded_photo, stored, backend, mix, noise, moments)
                fields = _cut_all(noise, outer, padded_photo.everything)
                found = backend.run(stage.segment, given, mix, fields, moments)
                found = {name: tile.cut(field, outer) for name, field in found.items()}
                if STYLISED in found:
                    padded_photo.put(tile, found[STYLISED])
                if stage.norm:
                    running.add(found[HERE])
                stored.take(tile, found)
                done += 1
                yield TileDone(done, total)
        stored.end()
        if stage.norm:
            moments[stage.norm.name] = running.moments


def _inputs(
    stage: Stage,
    outer: Box,
    padded_photo: PaddedPhoto,
    stored: _StoredTensors,
    backend: Backend,
    mix: Floats,
    noise: Fields,
    moments: Mapping[str, Moments],
) -> dict[str, Floats]:
    """Return what a stop's part takes, of a region."""
    given = {name: stored.cut(name, outer) for name in stage.segment.inputs if name in stored}
    if PHOTO in stage.segment.inputs:
        given[PHOTO] = padded_photo.cut(outer)
    if stage.recompute:
        wider = outer.grown(stage.recompute.halo, padded_photo.everything)
        fields = _cut_all(noise, wider, padded_photo.everything)
        photo = {PHOTO: padded_photo.cut(wider)}
        again = backend.run(stage.recompute, photo, mix, fields, moments)
        given |= {name: outer.cut(field, wider) for name, field in again.items()}
    return given


def _cut_all(fields: Fields, region: Box, everything: Box) -> dict[str, Floats]:
    return {name: region.cut(field, everything) for name, field in fields.items()}


class _StoredTensors:
    """Tensors of the whole picture that are kept from stop to stop.

    A new one takes the place of the old of its name where it has its shape, as soon as no tile
    needs the old any more. Where all would be large, they are kept in float16.
    """

    def __init__(self, everything: Box) -> None:
        self._whole = everything
        self._arrays: dict[str, NDArray[Any]] = {}
        self._fresh: dict[str, NDArray[Any]] = {}
        self._waiting: deque[tuple[Box, dict[str, Floats]]] = deque()
        self._keeps: tuple[str, ...] = ()

    def __contains__(self, name: str) -> bool:
        return name in self._arrays

    def cut(self, name: str, region: Box) -> Floats:
        """Return a region (1, channels, h, w) of a tensor, as it was before this stop."""
        return region.cut(self._arrays[name], self._whole).astype(np.float32)

    def begin(self, stage: Stage) -> None:
        """Get ready for a stop."""
        self._keeps = stage.keeps

    def take(self, tile: Box, found: Mapping[str, Floats]) -> None:
        """Keep what was found of a tile, as far as the stop keeps it."""
        kept = {name: found[name] for name in self._keeps if name in found}
        if kept:
            self._waiting.append((tile, kept))

    def settle(self, until: int) -> None:
        """Write what waits of the rows that end by there: nobody needs what was there before."""
        while self._waiting and self._waiting[0][0].bottom <= until:
            tile, kept = self._waiting.popleft()
            for name, field in kept.items():
                tile.cut(self._target(name, tile, field), self._whole)[...] = field

    def end(self) -> None:
        """End a stop: the new tensors take the place of the old."""
        self.settle(self._whole.bottom)
        if self._keeps:
            arrays = self._arrays | self._fresh
            self._arrays = {name: arrays[name] for name in self._keeps}
        self._fresh = {}

    def _target(self, name: str, tile: Box, field: Floats) -> NDArray[Any]:
        """Return the tensor of the whole picture that a tile's is a part of."""
        if name not in self._fresh:
            step = (tile.bottom - tile.top) // field.shape[2]
            height, width = self._whole.bottom // step, self._whole.right // step
            shape = (1, field.shape[1], height, width)
            old = self._arrays.get(name)
            if old is None or old.shape != shape:
                kind = np.float32 if math.prod(shape) * _VALUE <= _KEPT_BYTES else np.float16
                old = np.empty(shape, kind)
            self._fresh[name] = old
        return self._fresh[name]


class RunningMoments:
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
