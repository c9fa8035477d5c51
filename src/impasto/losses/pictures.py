"""The pictures that targets are taken from, seen through the network."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from torch import Tensor

from impasto.losses.guides import Region
from impasto.losses.maps import PIXELS
from impasto.losses.objective import FeatureNet, put
from impasto.nets import vgg
from impasto.nets.tiles import Tile, split


@dataclass(frozen=True)
class Pictures:
    """The content and the styles of one scale; as `impasto.losses.build.build` has them."""

    net: FeatureNet
    content: Tensor
    styles: Sequence[Tensor]
    hands: Sequence[int]
    given: Sequence[Region]
    tile: int | None

    @property
    def regions(self) -> Sequence[Region]:
        """The regions; where none were given, one that is everywhere."""
        everything = tuple((number, None) for number in range(len(self.styles)))
        return self.given or [Region("", None, everything)]

    def who(self, region: Region) -> list[int]:
        """Return which style each picture of a region is of."""
        return [self.hands[number] for number, _ in region.styles]

    def stream(self, image: Tensor, names: list[str]) -> Iterator[tuple[str, Tensor, Tile]]:
        """Yield the features of a picture, layer by layer and tile by tile."""
        height, width = image.shape[2:]
        for tile in split(height, width, self.tile, names):
            for name, F in self.net(tile.cut(image), names).items():
                yield name, tile.own(F, vgg.layer(name).stride), tile

    def maps(self, image: Tensor, names: list[str]) -> dict[str, Tensor]:
        """Return the maps of a picture, its features by layer and `PIXELS`."""
        found = {PIXELS: image}
        layers = [name for name in names if name != PIXELS]
        height, width = image.shape[2:]
        for tile in split(height, width, self.tile, layers) if layers else ():
            for name, F in self.net(tile.cut(image), layers).items():
                put(found, name, F, tile, image.shape)
        return found
