"""Tiles: a picture in parts, each with as much around it as its features depend on.

A picture that is to fit to itself, edge to edge, is one whose surroundings are itself: its tiles
are cut from what `wrapped` makes of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from impasto.lazy import Tensor, torch
from impasto.nets.feature_net import Geometry


@dataclass(frozen=True)
class Span:
    """Along one side of the picture: what a tile owns, and what is around it, in pixels."""

    outer: slice  # in what tiles are cut from
    start: int  # of what it owns, in the picture
    stop: int
    last: bool  # it reaches the end of the picture
    around: int  # pixels between the start of the outer span and that of what it owns
    ends: bool  # so does what is around it

    def own(self, stride: int, length: int) -> slice:
        """Return where, among ``length`` features of the outer span, its own are."""
        first = self.around // stride
        return slice(first, length if self.ends else first + (self.stop - self.start) // stride)

    def whole(self, stride: int, length: int) -> slice:
        """Return where its own are among the ``length`` features of the whole picture."""
        return slice(self.start // stride, length if self.last else self.stop // stride)


@dataclass(frozen=True)
class Tile:
    """A part of a picture. The parts' own pixels and features cover it once."""

    rows: Span
    columns: Span

    def cut(self, image: Tensor) -> Tensor:
        """Return the tile with what is around it, a view of (1, c, h, w)."""
        return image[:, :, self.rows.outer, self.columns.outer]

    def own(self, features: Tensor, stride: int) -> Tensor:
        """Return the tile's own part of features of what `cut` gave, a view."""
        h, w = features.shape[-2:]
        return features[:, :, self.rows.own(stride, h), self.columns.own(stride, w)]

    def part(self, features: Tensor, stride: int) -> Tensor:
        """Return the tile's own part of features of the whole picture, a view."""
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
    """Divide a picture into tiles that own up to ``side`` × ``side`` pixels; None: into one.

    The margin around each is that of the layers of ``geometry`` that are named. ``side`` is
    rounded down to their deepest stride, and the tiles of a row or column are made about equally
    large. With ``wrap`` they are to be cut from what `wrapped` makes of the picture.
    """
    names = list(names)
    stride, margin = geometry.deepest(names).stride, geometry.margin(names)
    rows = _spans(height, side, stride, margin, wrap)
    columns = _spans(width, side, stride, margin, wrap)
    return tuple(Tile(row, column) for row in rows for column in columns)


def wrapped(image: Tensor, margin: int) -> Tensor:
    """Return (1, c, h, w) with ``margin`` pixels of itself on every side."""
    rows, columns = (_around(n, margin).to(image.device) for n in image.shape[2:])
    return image.index_select(2, rows).index_select(3, columns)


def unwrapped(image: Tensor, margin: int) -> Tensor:
    """Add what is around a picture to where `wrapped` took it from: its adjoint."""
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
        # Fewer pixels than one feature of the deepest layer make no tile of their own.
        last = length - stop < stride
        stop = length if last else stop
        if wrap:  # the margin is there already
            outer, around = slice(start, stop + 2 * margin), margin
        else:
            outer = slice(max(0, start - margin), min(length, stop + margin))
            around = start - outer.start
        spans.append(Span(outer, start, stop, last, around, ends=last and not wrap))
        if last:
            break
    return spans
