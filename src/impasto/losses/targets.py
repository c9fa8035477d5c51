"""Where targets are taken from: a photo and paintings, as the network sees them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from impasto.lazy import Tensor, torch
from impasto.losses import guides, point_sets
from impasto.losses.blend import shares_of
from impasto.losses.guides import Guide, StyleRegion
from impasto.losses.terms import PIXELS, Maps, StatisticLoss, StatisticTerm, Target
from impasto.nets.feature_net import FeatureNet
from impasto.nets.tiles import Tile, split

if TYPE_CHECKING:
    from impasto.options import PaintOptions

_MOST = 2**16
"""Vectors of a layer that a style is known by, at most."""

_MOST_COLUMNS = 2**13
"""The same of hypercolumns."""

_STEP = 4
"""Pixels between hypercolumns: a quarter of the picture's resolution, as in NNST."""


Columns = Callable[[Maps, Tensor], Tensor]


@dataclass(frozen=True)
class Targets:
    """What a loss may look at: the content, and the paintings of one region, at one scale.

    ``content`` is (1, 3, h, w) and ``paintings`` are (1, 3, h', w'), RGB in [0, 1];
    ``style_of_painting`` says which style each is of, where a style is several paintings.
    ``region`` says where in the picture which of them belong. ``tile`` is the side of the tiles
    to look in, None for whole pictures; ``finer`` says how many finer scales follow.
    """

    net: FeatureNet
    options: PaintOptions
    content: Tensor
    paintings: Sequence[Tensor]
    style_of_painting: Sequence[int]
    region: StyleRegion
    tile: int | None = None
    finer: int = 0

    @property
    def layers(self) -> dict[str, float]:
        """The style layers with their weights, that of the style included."""
        return self.options.weighted_layers("style")

    def shares(self, layer: str) -> list[float]:
        """Return the share that each painting of the region has in a layer; they add up to 1."""
        styles = [self.style_of_painting[number] for number, _ in self.region.styles]
        return shares_of(self.options.blend, self.style_of_painting, styles, layer)

    def statistics(
        self, accumulate: Callable[[Tensor, Tensor | None], Tensor]
    ) -> dict[str, list[Target]]:
        """Return for each style layer the statistics of the paintings, with their shares.

        ``accumulate`` is as `StatisticLoss.accumulate`. With a strength below 1 each lies so far on
        the way from the content's own to the painting's.
        """
        layers, strength = list(self.layers), self.options.strength
        found = [
            self._statistics(accumulate, self.paintings[number], layers, guide)
            for number, guide in self.region.styles
        ]
        if strength < 1:
            own = self._statistics(accumulate, self.content, layers, self.region.guide)
            found = [
                {name: torch.lerp(own[name], A, strength) for name, A in one.items()}
                for one in found
            ]
        return {
            name: [(share, one[name]) for share, one in zip(self.shares(name), found, strict=True)]
            for name in layers
        }

    def statistic_terms(
        self,
        kind: type[StatisticLoss],
        make: Callable[[Sequence[Target]], StatisticLoss] | None = None,
    ) -> dict[str, StatisticTerm]:
        """Return a term of one ``kind`` of loss for each style layer.

        ``make`` builds it of its targets, where more is to be said than the class does.
        """
        found, layers, guide = self.statistics(kind.accumulate), self.layers, self.region.guide
        T = {name: self._at(guide, name) if guide else None for name in layers}
        return {
            name: StatisticTerm(name, weight, (make or kind)(found[name]), T[name])
            for name, weight in layers.items()
        }

    def maps(self, image: Tensor, names: Sequence[str]) -> dict[str, Tensor]:
        """Return the maps of a picture (1, 3, h, w): features by layer, and `PIXELS`."""
        found = {PIXELS: image}
        layers = [name for name in names if name != PIXELS]
        height, width = image.shape[2:]
        geometry = self.net.geometry
        for tile in split(height, width, self.tile, geometry, layers) if layers else ():
            for name, F in self.net(tile.cut(image), layers).items():
                put(found, name, F, tile, image.shape, geometry.layer(name).stride)
        return found

    def vectors(self, layer: str, most: int = _MOST) -> list[Target]:
        """Return the feature vectors (m, c) of a layer in each painting, with their shares.

        At most so many of each. With a strength below 1 the content has the rest of the shares.
        """

        def seen(image: Tensor, guide: Guide | None) -> Tensor:
            rows = point_sets.rows(self.maps(image, [layer])[layer], self._inside(guide, layer))
            return self._some(rows, most)

        return self._shared(layer, seen)

    def hypercolumns(self, layers: Sequence[str]) -> list[Target]:
        """Return the features of several layers side by side, (m, Σ c), as `vectors` does."""

        def seen(image: Tensor, guide: Guide | None) -> Tensor:
            points = self._some(self._points(image, guide), _MOST_COLUMNS)
            return self.columns(layers)(self.maps(image, layers), points)

        # Shares by layer mean nothing here: those of the deepest are taken.
        deepest = self.net.geometry.deepest(name for name in layers if name != PIXELS)
        return self._shared(deepest.name, seen)

    def columns(self, layers: Sequence[str]) -> Columns:
        """Return what takes the hypercolumns (n, Σ c) of maps at points (n, 2) in pixels."""
        strides = [1 if name == PIXELS else self._stride(name) for name in layers]

        def columns(maps: Maps, points: Tensor) -> Tensor:
            pairs = zip(layers, strides, strict=True)
            return point_sets.columns([(maps[name], stride) for name, stride in pairs], points)

        return columns

    @property
    def points(self) -> Tensor:
        """The points of the region, (n, 2), at which hypercolumns of the picture may be taken."""
        return self._points(self.content, self.region.guide)

    def inside(self, layer: str) -> Tensor | None:
        """Return the numbers of the positions of a layer that are inside the region, None: all."""
        return self._inside(self.region.guide, layer)

    def _inside(self, guide: Guide | None, layer: str) -> Tensor | None:
        if guide is None:
            return None
        weight = (guide.mask if layer == PIXELS else self._at(guide, layer)).flatten()
        return (weight >= 0.5 * weight.max()).nonzero()[:, 0]

    def _points(self, image: Tensor, guide: Guide | None) -> Tensor:
        points = point_sets.lattice(image.shape[2], image.shape[3], _STEP).to(image.device)
        if guide is None:
            return points
        x, y = points.long().unbind(dim=1)
        inside = guide.mask[0, 0, y, x] >= 0.5 * guide.mask.max()
        return points[inside] if inside.any() else points

    def _some(self, vectors: Tensor, most: int) -> Tensor:
        return point_sets.drawn(vectors, most, torch.Generator().manual_seed(self.options.seed))

    def _shared(self, layer: str, seen: Callable[[Tensor, Guide | None], Tensor]) -> list[Target]:
        strength = self.options.strength
        targets = [
            (strength * share, seen(self.paintings[number], guide))
            for share, (number, guide) in zip(self.shares(layer), self.region.styles, strict=True)
            if share
        ]
        if strength < 1:
            targets.append((1 - strength, seen(self.content, self.region.guide)))
        return targets

    def _statistics(
        self,
        accumulate: Callable[[Tensor, Tensor | None], Tensor],
        image: Tensor,
        names: Sequence[str],
        guide: Guide | None,
    ) -> dict[str, Tensor]:
        """Return the statistic of a picture, or of a part of it, by layer."""
        T = {name: self._at(guide, name) for name in names} if guide else {}
        totals: dict[str, Tensor] = {}
        for name, F, tile in self._stream(image, names):
            own = tile.part(T[name], self._stride(name)) if guide else None
            total = accumulate(F, own)
            totals[name] = totals[name] + total if name in totals else total
        positions = self.net.geometry.positions
        return {
            name: total / (guides.positions(T[name]) if guide else positions(image, name))
            for name, total in totals.items()
        }

    def _stream(self, image: Tensor, names: Sequence[str]) -> Iterator[tuple[str, Tensor, Tile]]:
        """Yield the features of a picture, layer by layer and tile by tile."""
        height, width = image.shape[2:]
        for tile in split(height, width, self.tile, self.net.geometry, names):
            for name, F in self.net(tile.cut(image), names).items():
                yield name, tile.own(F, self._stride(name)), tile

    def _stride(self, layer: str) -> int:
        return self.net.geometry.layer(layer).stride

    def _at(self, guide: Guide, layer: str) -> Tensor:
        return guide.at(self.net.geometry.layer(layer))


def put(
    maps: dict[str, Tensor], name: str, F: Tensor, tile: Tile, shape: Sequence[int], stride: int
) -> None:
    """Put a tile's own features of a layer into the map of the whole picture, of a shape."""
    height, width = shape[2] // stride, shape[3] // stride
    own = tile.own(F, stride)
    if own.shape[2:] == (height, width):
        maps[name] = own
        return
    if name not in maps:
        whole = F.new_empty(1, F.shape[1], height, width)
        maps[name] = whole.contiguous(memory_format=torch.channels_last)
    tile.part(maps[name], stride).copy_(own)
