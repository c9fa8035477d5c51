"""Pictures too large to be computed at once, tile by tile, to the same result.

What keeps tiles from agreeing are the normalisations: each divides out the mean and variance of
the whole picture. So these are found first: one pass over the tiles for each normalisation, in
order, sums up what it would be given, with the moments of those before it known. One more pass
then stylises. No seam can exist, because every tile computes what the whole picture would.

The price is time: as many passes as there are normalisations, each as deep as its own, and one in
full; about half of their number times the work of the whole picture at once, and what the
surroundings (`Architecture.halo_until`) of the tiles add.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from impasto.apply.backends import Backend, Moments
from impasto.apply.canvas import Canvas, Region
from impasto.images.picture import Floats
from impasto.nets.architecture import Architecture, Convolve, Keep

_VALUE = 4
_WHOLE_BYTES = 2 * 2**30
"""A picture that needs no more than this is computed at once."""

_TILE_BYTES = 2**29
"""What a tile may need, with what is around it; more would hardly be quicker."""


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
    return math.isqrt(_TILE_BYTES // each) - 2 * architecture.halo


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


def split(within: Region, side: int, stride: int) -> list[Region]:
    """Split a padded picture into tiles of about equal size, none longer than ``side``.

    Their edges are multiples of ``stride``, which a tile is at least as long as.
    """
    rows = _edges(within.bottom, side, stride)
    columns = _edges(within.right, side, stride)
    return [Region(*row, *column) for row in pairwise(rows) for column in pairwise(columns)]


def _edges(length: int, side: int, stride: int) -> list[int]:
    units = length // stride
    parts = min(units, math.ceil(length / max(side // stride * stride, stride)))
    return [stride * (units * part // parts) for part in range(parts + 1)]


def stylise(
    canvas: Canvas, backend: Backend, architecture: Architecture, mix: Floats, side: int
) -> Iterator[TileDone]:
    """Stylise in tiles of at most ``side`` pixels, surroundings apart; report each of them.

    The result is in ``canvas.picture`` when the iteration ends.
    """
    everything = canvas.everything
    tiles = split(everything, side, architecture.stride)
    total, done = len(tiles) * (len(architecture.norms) + 1), 0
    moments: dict[str, Moments] = {}
    for norm in architecture.norms:
        halo, tally = architecture.halo_until(norm.name), Tally(norm.channels)
        for tile in tiles:
            outer = tile.grown(halo, everything)
            features = backend.features(canvas.cut(outer), mix, moments, norm.name)
            tally.add(tile.cut(features, outer))
            done += 1
            yield TileDone(done, total)
        moments[norm.name] = tally.moments
    for tile in tiles:
        outer = tile.grown(architecture.halo, everything)
        stylised = backend.stylise(canvas.cut(outer), mix, moments)
        canvas.put(tile, tile.cut(stylised, outer))
        done += 1
        yield TileDone(done, total)


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
        _, channels, height, width = x.shape
        count = height * width
        means, squares = np.empty(channels), np.empty(channels)
        for channel, plane in enumerate(x[0]):  # one at a time, for memory
            means[channel] = plane.mean(dtype=np.float64)
            centred = (plane - means[channel]).ravel()
            squares[channel] = centred @ centred
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
