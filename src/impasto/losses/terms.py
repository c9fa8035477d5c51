"""The terms of the objective: each a function of a statistic that is additive over positions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from impasto.losses import functional, guides
from impasto.losses.relaxation import Relaxation
from impasto.losses.wasserstein import Normal, distance
from impasto.nets import vgg
from impasto.nets.tiles import Tile


class Finished(NamedTuple):
    """A weighted loss, what is minimised in its place, and the gradient of that.

    ``goal`` is the loss itself unless it is relaxed; ``slope`` its gradient with respect to the
    statistic.
    """

    loss: Tensor
    goal: Tensor
    slope: Tensor


class Term(Protocol):
    """One term of the objective: a function of the features of one layer."""

    @property
    def layer(self) -> str:
        """The layer."""

    def accumulate(self, F: Tensor, tile: Tile) -> Tensor:
        """Return the statistic of the tile's own features F (1, c, h, w); it adds up over tiles."""

    def finish(self, total: Tensor, positions: int) -> Finished:
        """Return what follows from the statistic of the whole picture."""

    def pull_(self, g: Tensor, F: Tensor, tile: Tile, D: Tensor) -> None:
        """Add the gradient with respect to F to g, given that with respect to the statistic, D."""


@dataclass(frozen=True)
class ContentTerm:
    """Squared differences to the content's features P (1, c, h, w), as a mean or half the sum."""

    layer: str
    weight: float
    loss: str
    P: Tensor

    def accumulate(self, F: Tensor, tile: Tile) -> Tensor:
        """Return Σ (F - P)²."""
        return functional.accumulate_squares(F, self._target(tile))

    def finish(self, total: Tensor, positions: int) -> Finished:
        """Return the weighted loss and the weight of the sum."""
        share = 0.5 if self.loss == "half-sum" else 1 / (positions * self.P.shape[1])
        D = torch.tensor(self.weight * share)
        return Finished(D * total, D * total, D)

    def pull_(self, g: Tensor, F: Tensor, tile: Tile, D: Tensor) -> None:
        """Add 2 D (F - P)."""
        functional.accumulate_squares_backward_(g, F, self._target(tile), float(D))

    def _target(self, tile: Tile) -> Tensor:
        return tile.part(self.P, vgg.layer(self.layer).stride)


class Aim(Protocol):
    """What the features of a layer are to be like: a distance of their statistics to targets.

    ``T`` (1, 1, h, w) weighs positions, None weighs all alike.
    """

    def accumulate(self, F: Tensor, T: Tensor | None) -> Tensor:
        """Return the statistic of features F (1, c, h, w), a sum over positions."""

    def finish(self, mean: Tensor) -> Finished:
        """Return what follows from the statistic, divided by the number of positions."""

    def pull_(self, g: Tensor, F: Tensor, T: Tensor | None, D: Tensor) -> None:
        """Add the gradient with respect to F to g, given that with respect to the statistic, D."""


@dataclass
class GramAim:
    """Distance of the Gram matrix to those of the styles, each (c, c) with a share.

    With a relaxation it gives, instead of its own gradient, that of the relaxed term.
    """

    targets: Sequence[tuple[float, Tensor]]
    relaxation: Relaxation | None = None
    residual: Tensor | None = field(default=None, init=False)

    def accumulate(self, F: Tensor, T: Tensor | None) -> Tensor:
        """Return Σ T² F Fᵀ."""
        return functional.accumulate_gram(guides.weighed(F, T))

    def finish(self, mean: Tensor) -> Finished:
        """Return the loss and its gradient with respect to the Gram matrix."""
        G = mean
        losses = [share * functional.style_loss(G, A) for share, A in self.targets]
        loss = goal = torch.stack(losses).sum()
        if self.relaxation:
            self.residual = self.relaxation.residual(G)
            goal = self.relaxation.loss(self.residual)
            D = self.relaxation.gradient(self.residual)
        else:
            # The shares add up to 1.
            D = 2 / G.numel() * (G - sum(share * A for share, A in self.targets))
        return Finished(loss, goal, D)

    def pull_(self, g: Tensor, F: Tensor, T: Tensor | None, D: Tensor) -> None:
        """Add T² (D + Dᵀ) F."""
        if T is None:
            functional.accumulate_gram_backward_(g, F, D)
            return
        pulled = torch.zeros_like(F)
        functional.accumulate_gram_backward_(pulled, guides.weighed(F, T), D)
        g.add_(guides.weighed(pulled, T))


@dataclass(frozen=True)
class NormalAim:
    """Wasserstein distance of the features to those of the styles, as normal distributions."""

    targets: Sequence[tuple[float, Normal]]

    def accumulate(self, F: Tensor, T: Tensor | None) -> Tensor:
        """Return [Σ T² F Fᵀ, Σ T² F]."""
        return functional.accumulate_moments(F, T)

    def finish(self, mean: Tensor) -> Finished:
        """Return the loss and its gradient with respect to the moments."""
        found = [(share, distance(mean, target)) for share, target in self.targets]
        loss = torch.stack([share * one.loss for share, one in found]).sum()
        slope = torch.stack([share * one.slope for share, one in found]).sum(dim=0)
        return Finished(loss, loss, slope)

    def pull_(self, g: Tensor, F: Tensor, T: Tensor | None, D: Tensor) -> None:
        """Add T² ((D₂ + D₂ᵀ) F + d₁)."""
        functional.accumulate_moments_backward_(g, F, T, D)


@dataclass(frozen=True)
class StyleTerm:
    """How far a layer's features are from what they are to be like.

    ``T`` (1, 1, h, w) is the guide of the region that it is about, None for the whole picture.
    """

    layer: str
    weight: float
    aim: Aim
    T: Tensor | None = None

    def accumulate(self, F: Tensor, tile: Tile) -> Tensor:
        """Return the statistic of the tile's own features."""
        return self.aim.accumulate(F, self._guide(tile))

    def finish(self, total: Tensor, positions: int) -> Finished:
        """Return the weighted loss and its gradient with respect to the sum."""
        count = self._count or positions
        loss, goal, D = self.aim.finish(total / count)
        return Finished(self.weight * loss, self.weight * goal, self.weight / count * D)

    def pull_(self, g: Tensor, F: Tensor, tile: Tile, D: Tensor) -> None:
        """Add the gradient with respect to F to g."""
        self.aim.pull_(g, F, self._guide(tile), D)

    @cached_property
    def _count(self) -> float | None:
        """What a guide has in the place of positions: asked of its device once."""
        return None if self.T is None else guides.positions(self.T)

    def _guide(self, tile: Tile) -> Tensor | None:
        return None if self.T is None else tile.part(self.T, vgg.layer(self.layer).stride)
