"""The sliced Wasserstein distance: the distribution of features, projected onto random directions.

Heitz et al. 2021 (CVPR, "A Sliced Wasserstein Loss for Neural Texture Synthesis"), equations 5 and
6: along one direction, optimal transport matches sorted values. Here it is divided by the mean
square of the painting, so that all layers have similar weight.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self

from impasto.lazy import Tensor, torch
from impasto.losses import point_sets
from impasto.losses.declaration import StyleLoss
from impasto.losses.styles import gram
from impasto.losses.targets import Targets
from impasto.losses.terms import Maps, MapTerm, RandomMapLoss, Target

_DIRECTIONS = 64
"""The number of random directions."""

_MAX_POSITIONS = 2**16
"""The most positions of a map to use; of more, a random sample is taken."""


@dataclass
class Sliced(RandomMapLoss):
    """Sliced Wasserstein distance of a layer's features to those of paintings.

    ``targets`` are shares with features (m, c); ``positions`` (n,) are those to use, None for all.
    With ``axes``, the directions are the axes, which compares the histogram of each channel.
    """

    layer: str
    targets: Sequence[Target]
    positions: Tensor | None = None
    axes: bool = False
    _drawn: tuple[int, Tensor | None, list[Tensor]] | None = field(default=None, init=False)

    @classmethod
    def of(cls, targets: Targets, layer: str, number: int = 0, *, axes: bool = False) -> Self:
        """Build it for a region; layers with different ``number`` get different directions."""
        seed = targets.options.seed + number
        return cls(seed, layer, targets.vectors(layer), targets.inside(layer), axes)

    @property
    def layers(self) -> Sequence[str]:  # type: ignore[override]
        """The layer."""
        return [self.layer]

    def __call__(self, maps: Maps) -> Tensor:
        """Return the distance."""
        along, ordered = self._paintings()
        X = point_sets.rows(maps[self.layer], self._sampled(maps[self.layer]))
        losses = [
            share * distance(X, one, along) / S.square().mean().clamp_min(1e-12)
            for (share, S), one in zip(self.targets, ordered, strict=True)
        ]
        return torch.stack(losses).sum()

    def _paintings(self) -> tuple[Tensor | None, list[Tensor]]:
        """Return the directions and the sorted projections of each painting on them."""
        if self._drawn is None or self._drawn[0] != self.draws:
            with torch.no_grad():
                first, along = self.targets[0][1], None
                if not self.axes:
                    along = directions(_DIRECTIONS, first.shape[1], self.random()).to(first)
                ordered = [sorted_along(S, along) for _, S in self.targets]
            self._drawn = self.draws, along, ordered
        return self._drawn[1:]

    def _sampled(self, features: Tensor) -> Tensor | None:
        """Return the numbers of at most `_MAX_POSITIONS` of the positions to use."""
        positions = self.positions
        count = features.shape[2] * features.shape[3] if positions is None else len(positions)
        if count <= _MAX_POSITIONS:
            return positions
        chosen = torch.randint(count, (_MAX_POSITIONS,), generator=self.random())
        chosen = chosen.to(features.device)
        return chosen if positions is None else positions[chosen]


def directions(count: int, channels: int, random: torch.Generator) -> Tensor:
    """Return random unit vectors, (channels, count)."""
    vectors = torch.randn(channels, count, generator=random)
    return torch.nn.functional.normalize(vectors, dim=0)


def sorted_along(X: Tensor, along: Tensor | None) -> Tensor:
    """Return the projections of X (n, c) on the columns of ``along`` (c, k), each sorted: (k, n).

    None means the axes.
    """
    projected = X if along is None else X @ along
    return projected.T.contiguous().sort(dim=1).values


def quantiles(ordered: Tensor, count: int) -> Tensor:
    """Return ``count`` quantiles of every row of (k, m) sorted values, as (k, count).

    The i-th is the value in the middle of the i-th of ``count`` equal parts, by linear
    interpolation; with ``count`` = m, it is the input.
    """
    if ordered.shape[1] == count:
        return ordered
    # Without aligned corners, samples are in the middle of their parts.
    interpolate = torch.nn.functional.interpolate
    return interpolate(ordered[None], size=count, mode="linear", align_corners=False)[0]


def distance(X: Tensor, ordered: Tensor, along: Tensor | None) -> Tensor:
    """Mean squared difference of the sorted projections of X (n, c) and of a painting.

    ``along`` (c, k) are the directions, None for the axes; ``ordered`` (k, m) are the sorted
    projections of the painting.
    """
    ours = sorted_along(X, along)
    return (ours - quantiles(ordered, ours.shape[1])).square().mean()


def terms(targets: Targets) -> dict[str, MapTerm]:
    """Return a term for each layer."""
    return {
        name: MapTerm(weight, Sliced.of(targets, name, number))
        for number, (name, weight) in enumerate(targets.layers.items())
    }


LOSS = StyleLoss(
    "sliced",
    "the whole distribution, projected onto random directions",
    terms,
    "Heitz et al. 2021",
    whole_maps=True,
    layers=dict.fromkeys(gram.LAYERS, 0.2),
    weight=5e7,
    suits="textures, calm photos",
)
