"""Tiles: parts of a picture, each with the surroundings that its features depend on.

For a periodic picture, whose opposite edges fit, tiles are cut from the output of `wrapped`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from impasto.lazy import Tensor, torch
from impasto.nets.feature_net import Geometry


@dataclass(frozen=True)
class Span:
    """A tile along one side of the picture: its own pixels and its surroundings."""

    outer: slice  # with the surroundings, in the picture that tiles are cut from
    start: int  # of its own pixels, in the picture
    stop: int
    last: bool  # its own pixels reach the end of the picture
    around: int  # pixels from the start of ``outer`` to its own
    ends: bool  # ``outer`` ends with its own pixels

    def own(self, stride: int, length: int) -> slice:
        """Return the slice of its own features among ``length`` features of ``outer``."""
        first = self.around // stride
        return slice(first, length if self.ends else first + (self.stop - self.start) // stride)

    def whole(self, stride: int, length: int) -> slice:
        """Return the slice of its own features among ``length`` of the whole picture."""
        return slice(self.start // stride, length if self.last else self.stop // stride)


@dataclass(frozen=True)
class Tile:
    """A part of a picture. The own pixels and features of all tiles cover it exactly once."""

    rows: Span
    columns: Span

    def cut(self, image: Tensor) -> Tensor:
        """Return the tile with its surroundings, a view of (1, c, h, w)."""
        return image[:, :, self.rows.outer, self.columns.outer]

    def own(self, features: Tensor, stride: int) -> Tensor:
        """Return the tile's own part of the features of a `cut`, a view."""
        h, w = features.shape[-2:]
        return features[:, :, self.rows.own(stride, h), self.columns.own(stride, w)]

    def part(self, features: Tensor, stride: int) -> Tensor:
        """Return the tile's own part of the features of the whole picture, a view."""
        h, w = features.shape[-2:]
        return features[:, :, self.rows.whole(stride, h), self.columns.whole(stride, w)]

    def parts(self, stride: int) -> Callable[[Tensor], Tensor]:
        """Return `part` for maps of a stride."""
        return lambda features: self.part(features, stride)


def split(
    height: int,
    width: int,
    side: int | None,
    geometry: Geometry,
    names: Iterable[str],
    *,
    wrap: bool = False,
) -> tuple[Tile, ...]:
    """Split a picture into tiles with up to ``side`` × ``side`` own pixels, or one tile for None.

    The margin of each tile is that of the layers ``names`` of ``geometry``. ``side`` is rounded
    down to their deepest stride, and the tiles of a row or column have about the same size. With
    ``wrap``, the tiles must be cut from the output of `wrapped`.
    """
    names = list(names)
    stride, margin = geometry.deepest(names).stride, geometry.margin(names)
    rows = _spans(height, side, stride, margin, wrap)
    columns = _spans(width, side, stride, margin, wrap)
    return tuple(Tile(row, column) for row in rows for column in columns)


def wrapped(image: Tensor, margin: int) -> Tensor:
    """Return (1, c, h, w) with a periodic border of ``margin`` pixels."""
    rows, columns = (_around(n, margin).to(image.device) for n in image.shape[2:])
    return image.index_select(2, rows).index_select(3, columns)


def unwrapped(image: Tensor, margin: int) -> Tensor:
    """Add the border of a picture to the pixels it was copied from: the adjoint of `wrapped`."""
    for dim in (2, 3):
        length = image.shape[dim] - 2 * margin
        shape = [length if d == dim else n for d, n in enumerate(image.shape)]
        where = _around(length, margin).to(image.device)
        image = image.new_zeros(shape).index_add_(dim, where, image)
    return image


def _around(length: int, margin: int) -> Tensor:
    return torch.arange(-margin, length + margin) % length


def _spans(length: int, side: int | None, stride: int, margin: int, wrap: bool) -> list[Span]:
    side = length if side is None else max(side // stride, 1) * stride
    count = -(-length // side)
    even = -(-length // (count * stride)) * stride
    spans = []
    for start in range(0, length, even):
        stop = min(start + even, length)
        # A rest smaller than one feature of the deepest layer joins the last tile.
        last = length - stop < stride
        stop = length if last else stop
        if wrap:  # `wrapped` has added the margin
            outer, around = slice(start, stop + 2 * margin), margin
        else:
            outer = slice(max(0, start - margin), min(length, stop + margin))
            around = start - outer.start
        spans.append(Span(outer, start, stop, last, around, ends=last and not wrap))
        if last:
            break
    return spans
