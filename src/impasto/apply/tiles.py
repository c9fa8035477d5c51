"""Computes large pictures tile by tile, with the same result as for the whole picture.

What couples the tiles are the normalisations: each uses the mean and variance of the whole picture.
So each ends a stage (see `stages`): all tiles are brought to it and its moments are summed up
before any tile goes on. There are no seams, because every tile computes exactly its part of the
whole. Small tensors are kept from stage to stage, so the coarse levels, which have large receptive
fields, are computed only once and almost without margins; only the fine levels, which need a few
pixels around them, are recomputed in each stage.
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
from impasto.apply.frame_moments import PassMoments
from impasto.apply.padded import Box, PaddedPhoto
from impasto.apply.stages import PHOTO, STYLISED, Stage, stages
from impasto.images.picture import Floats
from impasto.nets.architecture import HERE, Architecture, Convolve, Keep

_VALUE = 4
_WHOLE_BYTES = 2**30
"""A picture that needs no more memory than this is computed as a whole."""

_TILE_BYTES = 2**27
"""The memory of a tile with its margin; larger tiles would hardly be faster."""

_KEPT_BYTES = 2**28
"""A tensor larger than this is stored in float16."""


@dataclass(frozen=True)
class TileDone:
    """The number of finished tiles and the total, counted over all stages."""

    tile: int
    tiles: int


def side_for(region: Box, architecture: Architecture) -> int | None:
    """Return a suitable tile side in pixels for a padded picture; None for no tiles."""
    each = bytes_per_pixel(architecture)
    if (region.bottom - region.top) * (region.right - region.left) * each <= _WHOLE_BYTES:
        return None
    return math.isqrt(_TILE_BYTES // each)


def count(region: Box, architecture: Architecture, side: int) -> int:
    """Return how many tiles `stylise` reports for a padded picture."""
    rows = split(region, side, architecture.stride)
    return len(list(stages(architecture))) * sum(map(len, rows))


def bytes_per_pixel(architecture: Architecture) -> int:
    """Estimate the memory of one pass in bytes per pixel.

    It counts the picture and the result, and for the most expensive layer its input (enlarged or
    padded), its output, one temporary copy, and the kept tensors.
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
    """Split a padded picture into rows of tiles of about equal size, at most ``side`` long.

    Their edges are multiples of ``stride``; a tile is at least ``stride`` long.
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
    frame_moments: PassMoments | None = None,
) -> Iterator[TileDone]:
    """Stylise in tiles of at most ``side`` pixels, not counting margins; report each tile.

    ``noise`` is that of the whole picture, see `nets.noise`; ``frame_moments`` are those of earlier
    frames of a film. When the iteration ends, the result is in ``padded_photo.picture``.
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
            name, own = stage.norm.name, running.moments
            moments[name] = frame_moments.moved(name, own) if frame_moments else own


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
    """Return the inputs of a stage's segment for a box."""
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
    """Tensors of the whole picture that are kept from stage to stage.

    A new tensor overwrites the old one of the same name and shape as soon as no tile needs the old
    values. Large tensors are stored in float16.
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
        """Return a box (1, channels, h, w) of a tensor as it was before this stage."""
        return region.cut(self._arrays[name], self._whole).astype(np.float32)

    def begin(self, stage: Stage) -> None:
        """Start a stage."""
        self._keeps = stage.keeps

    def take(self, tile: Box, found: Mapping[str, Floats]) -> None:
        """Store the tensors of a tile that the stage keeps."""
        kept = {name: found[name] for name in self._keeps if name in found}
        if kept:
            self._waiting.append((tile, kept))

    def settle(self, until: int) -> None:
        """Write the waiting tiles that end at row ``until``: no tile needs the old values there."""
        while self._waiting and self._waiting[0][0].bottom <= until:
            tile, kept = self._waiting.popleft()
            for name, field in kept.items():
                tile.cut(self._target(name, tile, field), self._whole)[...] = field

    def end(self) -> None:
        """End a stage: the new tensors replace the old ones."""
        self.settle(self._whole.bottom)
        if self._keeps:
            arrays = self._arrays | self._fresh
            self._arrays = {name: arrays[name] for name in self._keeps}
        self._fresh = {}

    def _target(self, name: str, tile: Box, field: Floats) -> NDArray[Any]:
        """Return the tensor of the whole picture to write a tile into."""
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
    """Mean and variance of every channel, accumulated over tiles.

    Each tile is centred on its own mean, and tiles are combined by Chan, Golub and LeVeque 1979
    (equations 2.1) in float64, so there is no cancellation, however large the mean.
    """

    def __init__(self, channels: int) -> None:
        self._count = 0
        self._mean = np.zeros(channels)
        self._squares = np.zeros(channels)

    def add(self, x: Floats) -> None:
        """Add the positions of (1, channels, h, w)."""
        _, _, height, width = x.shape
        count = height * width
        # Rows are summed in float32 and their sums in float64: accurate enough, and ten times as
        # fast as float64 throughout.
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
        """Mean and variance of everything added so far."""
        variance = self._squares / self._count
        return Moments(self._mean.astype(np.float32), variance.astype(np.float32))
