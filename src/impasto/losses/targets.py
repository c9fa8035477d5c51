"""The source of targets: a photo and paintings, as the network sees them."""

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

_MAX_VECTORS = 2**16
"""The most feature vectors of a layer that represent a style."""

_MAX_COLUMNS = 2**13
"""The most hypercolumns."""

_STEP = 4
"""Pixels between hypercolumns: a quarter of the picture's resolution, as in NNST."""


Columns = Callable[[Maps, Tensor], Tensor]


@dataclass(frozen=True)
class Targets:
    """The input of a loss: the content and the paintings of one region, at one scale.

    ``content`` is (1, 3, h, w) and ``paintings`` are (1, 3, h', w'), RGB in [0, 1];
    ``style_of_painting`` has the style of each painting. ``region`` is the part of the picture with
    the numbers of its paintings. ``tile`` is the side of the tiles for computing features, None for
    whole pictures; ``finer`` is the number of finer scales that follow.
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
        """The style layers with their weights, multiplied by the style weight."""
        return self.options.weighted_layers("style")

    def shares(self, layer: str) -> list[float]:
        """Return the share of each painting of the region in a layer; they add up to 1."""
        styles = [self.style_of_painting[number] for number, _ in self.region.styles]
        return shares_of(self.options.blend, self.style_of_painting, styles, layer)

    def statistics(
        self, accumulate: Callable[[Tensor, Tensor | None], Tensor]
    ) -> dict[str, list[Target]]:
        """Return the statistics of the paintings for each style layer, with their shares.

        ``accumulate`` is as `StatisticLoss.accumulate`. The strength interpolates between the
        statistics of the content (0) and those of the painting (1).
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

        ``make`` builds a loss from its targets, if the constructor of ``kind`` is not enough.
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
                put_tile(found, name, F, tile, image.shape, geometry.layer(name).stride)
        return found

    def vectors(self, layer: str, most: int = _MAX_VECTORS) -> list[Target]:
        """Return the feature vectors (m, c) of a layer in each painting, with their shares.

        At most ``most`` of each. With a strength below 1, the content has the rest of the shares.
        """

        def extract(image: Tensor, guide: Guide | None) -> Tensor:
            rows = point_sets.rows(self.maps(image, [layer])[layer], self._inside(guide, layer))
            return self._sampled(rows, most)

        return self._with_shares(layer, extract)

    def hypercolumns(self, layers: Sequence[str]) -> list[Target]:
        """Return the features of several layers side by side, (m, Σ c), as `vectors` does."""

        def extract(image: Tensor, guide: Guide | None) -> Tensor:
            points = self._sampled(self._points(image, guide), _MAX_COLUMNS)
            return self.columns(layers)(self.maps(image, layers), points)

        # Shares by layer do not apply to hypercolumns; use those of the deepest layer.
        deepest = self.net.geometry.deepest(name for name in layers if name != PIXELS)
        return self._with_shares(deepest.name, extract)

    def columns(self, layers: Sequence[str]) -> Columns:
        """Return a function for the hypercolumns (n, Σ c) of maps at points (n, 2) in pixels."""
        strides = [1 if name == PIXELS else self._stride(name) for name in layers]

        def columns(maps: Maps, points: Tensor) -> Tensor:
            pairs = zip(layers, strides, strict=True)
            return point_sets.columns([(maps[name], stride) for name, stride in pairs], points)

        return columns

    @property
    def points(self) -> Tensor:
        """The points of the region for hypercolumns of the picture, (n, 2) in pixels."""
        return self._points(self.content, self.region.guide)

    def inside(self, layer: str) -> Tensor | None:
        """Return the numbers of a layer's positions inside the region, None for all."""
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

    def _sampled(self, vectors: Tensor, most: int) -> Tensor:
        return point_sets.sampled(vectors, most, torch.Generator().manual_seed(self.options.seed))

    def _with_shares(
        self, layer: str, extract: Callable[[Tensor, Guide | None], Tensor]
    ) -> list[Target]:
        strength = self.options.strength
        targets = [
            (strength * share, extract(self.paintings[number], guide))
            for share, (number, guide) in zip(self.shares(layer), self.region.styles, strict=True)
            if share
        ]
        if strength < 1:
            targets.append((1 - strength, extract(self.content, self.region.guide)))
        return targets

    def _statistics(
        self,
        accumulate: Callable[[Tensor, Tensor | None], Tensor],
        image: Tensor,
        names: Sequence[str],
        guide: Guide | None,
    ) -> dict[str, Tensor]:
        """Return the statistic of a picture, or of its part inside a guide, by layer."""
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
        """Yield the features of a picture, tile by tile and layer by layer."""
        height, width = image.shape[2:]
        for tile in split(height, width, self.tile, self.net.geometry, names):
            for name, F in self.net(tile.cut(image), names).items():
                yield name, tile.own(F, self._stride(name)), tile

    def _stride(self, layer: str) -> int:
        return self.net.geometry.layer(layer).stride

    def _at(self, guide: Guide, layer: str) -> Tensor:
        return guide.at(self.net.geometry.layer(layer))


def put_tile(
    maps: dict[str, Tensor], name: str, F: Tensor, tile: Tile, shape: Sequence[int], stride: int
) -> None:
    """Copy a tile's own features of a layer into the map of the whole picture.

    ``shape`` is that of the picture. The map is created by the first tile.
    """
    height, width = shape[2] // stride, shape[3] // stride
    own = tile.own(F, stride)
    if own.shape[2:] == (height, width):
        maps[name] = own
        return
    if name not in maps:
        whole = F.new_empty(1, F.shape[1], height, width)
        maps[name] = whole.contiguous(memory_format=torch.channels_last)
    tile.part(maps[name], stride).copy_(own)
