"""The terms of the objective, and the base classes of losses.

A loss is either a function of a statistic that is a sum over positions (`StatisticLoss`), so that
the same code handles the whole picture and a stream of tiles; or a function of whole feature maps
(`MapLoss`), which are assembled from the tiles and kept in memory.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, NamedTuple

from impasto.lazy import Tensor, torch
from impasto.losses import functional, guides

PIXELS = "pixels"
"""The name of the map that is the picture itself."""

Maps = Mapping[str, Tensor]
"""Features (1, c, h, w) by layer, including `PIXELS` if requested."""

Target = tuple[float, Tensor]
"""The share of a painting, and its statistic or features."""

Part = Callable[[Tensor], Tensor]
"""From a map of the whole picture, (1, c, h, w), to a tile's own part of it."""

Refined = Literal["surrogate", "loss"]
"""What a refinement has changed: only the surrogate, or also the loss."""


class Value(NamedTuple):
    """A loss, its surrogate, and the gradient of the surrogate with respect to the statistic.

    The surrogate is minimised in place of the loss, and equals it unless the loss is relaxed.
    """

    loss: Tensor
    surrogate: Tensor
    gradient: Tensor


class Stateful:
    """A base class for losses with state between evaluations; by default there is none."""

    def refine(self) -> Refined | None:
        """Refine the surrogate, or draw new samples; return what has changed."""
        return None

    def state(self) -> dict[str, Tensor]:
        """Return the state for `restore`."""
        return {}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Restore a state. Raises `KeyError` or `ValueError` if it does not fit."""


class StatisticLoss(Stateful, ABC):
    """The distance between a statistic of one layer's features and those of paintings.

    The statistic is a sum over positions. ``targets`` are shares, which add up to 1, each with the
    statistic of a painting divided by its number of positions. Gradients are computed by autograd
    unless a subclass overrides `evaluate` and `vjp_`.
    """

    def __init__(self, targets: Sequence[Target]) -> None:
        self.targets = targets

    @staticmethod
    @abstractmethod
    def accumulate(F: Tensor, T: Tensor | None) -> Tensor:
        """Return the statistic of features F (1, c, h, w), a sum over positions.

        ``T`` (1, 1, h, w) gives each position the weight T²; None gives all the weight 1.
        """

    @abstractmethod
    def distance(self, statistic: Tensor, target: Tensor) -> Tensor:
        """Return the distance of two statistics, both divided by positions; a scalar."""

    def mean_distance(self, statistic: Tensor) -> Tensor:
        """Return the mean distance to all targets, weighted by their shares."""
        losses = [share * self.distance(statistic, target) for share, target in self.targets]
        return torch.stack(losses).sum()

    def evaluate(self, statistic: Tensor) -> Value:
        """Return the loss of a statistic, divided by the number of positions."""
        with torch.enable_grad():
            leaf = statistic.detach().requires_grad_()
            loss = self.mean_distance(leaf)
            (gradient,) = torch.autograd.grad(loss, leaf)
        return Value(loss.detach(), loss.detach(), gradient)

    def vjp_(self, g: Tensor, F: Tensor, T: Tensor | None, D: Tensor) -> None:
        """Add the gradient with respect to F to g, given D, the gradient w.r.t. the sum."""
        with torch.enable_grad():
            leaf = F.detach().requires_grad_()
            (gradient,) = torch.autograd.grad(self.accumulate(leaf, T), leaf, D)
        g.add_(gradient)


class MapLoss(Stateful, ABC):
    """A function of the whole maps of ``layers``, differentiable by autograd."""

    layers: Sequence[str]

    @abstractmethod
    def __call__(self, maps: Maps) -> Tensor:
        """Return the loss, a scalar."""


@dataclass(frozen=True)
class StatisticTerm:
    """A weighted `StatisticLoss` of a layer.

    ``T`` (1, 1, h, w) is the guide of its region, None for the whole picture.
    """

    layer: str
    weight: float
    loss: StatisticLoss
    T: Tensor | None = None

    def accumulate(self, F: Tensor, part: Part) -> Tensor:
        """Return the statistic of a tile's own features."""
        return self.loss.accumulate(F, self._guide(part))

    def finish(self, total: Tensor, positions: int) -> Value:
        """Return the weighted loss and its gradient with respect to the sum."""
        count = self._count or positions
        loss, surrogate, D = self.loss.evaluate(total / count)
        return Value(self.weight * loss, self.weight * surrogate, self.weight / count * D)

    def vjp_(self, g: Tensor, F: Tensor, part: Part, D: Tensor) -> None:
        """Add the gradient with respect to F to g."""
        self.loss.vjp_(g, F, self._guide(part), D)

    @cached_property
    def _count(self) -> float | None:
        """The normalisation of the guide; cached, because it waits for the device."""
        return None if self.T is None else guides.positions(self.T)

    def _guide(self, part: Part) -> Tensor | None:
        return None if self.T is None else part(self.T)


@dataclass(frozen=True)
class SquaredTerm(Stateful):
    """Squared differences to the content's features P (1, c, h, w): their mean, or half their sum.

    Gatys 2016, equation 1, is half the sum, which grows with the picture; the authors' own code
    uses the ``mean``.
    """

    layer: str
    weight: float
    P: Tensor
    mean: bool = True

    @property
    def loss(self) -> Stateful:
        """The term itself, which has no state."""
        return self

    def accumulate(self, F: Tensor, part: Part) -> Tensor:
        """Return Σ (F - P)²."""
        return functional.accumulate_squares(F, part(self.P))

    def finish(self, total: Tensor, positions: int) -> Value:
        """Return the weighted loss and the weight of the sum."""
        share = 1 / (positions * self.P.shape[1]) if self.mean else 0.5
        D = torch.tensor(self.weight * share)
        return Value(D * total, D * total, D)

    def vjp_(self, g: Tensor, F: Tensor, part: Part, D: Tensor) -> None:
        """Add 2 D (F - P)."""
        functional.accumulate_squares_backward_(g, F, part(self.P), float(D))


@dataclass(frozen=True)
class MapTerm:
    """A weighted `MapLoss`."""

    weight: float
    loss: MapLoss

    def finish(self, maps: Maps) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the weighted loss and its gradient with respect to each map."""
        with torch.enable_grad():
            leaves = {name: maps[name].detach().requires_grad_() for name in self.loss.layers}
            loss = self.weight * self.loss(leaves)
            gradients = torch.autograd.grad(loss, list(leaves.values()))
        return loss.detach(), dict(zip(leaves, gradients, strict=True))


AdditiveTerm = StatisticTerm | SquaredTerm
"""Terms that are computed tile by tile: functions of a sum over positions of one layer.

`accumulate` returns the sum over a tile's own features F (1, c, h, w); `finish` takes the sum over
the whole picture and returns the loss and its gradient D with respect to that sum; `vjp_` adds the
gradient with respect to F to g, given D.
"""

Term = AdditiveTerm | MapTerm


@dataclass
class RandomMapLoss(MapLoss):
    """A loss with random samples, which change at each refinement and survive a restart."""

    seed: int
    draws: int = field(default=0, init=False)

    def random(self) -> torch.Generator:
        """Return the random generator of the current samples."""
        return torch.Generator().manual_seed((self.seed + self.draws * 1_000_003) % 2**63)

    def refine(self) -> Refined:
        """Draw new samples at the next call."""
        self.draws += 1
        return "loss"

    def state(self) -> dict[str, Tensor]:
        """Return the number of refinements."""
        return {"draws": torch.tensor(self.draws)}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Restore the number of refinements."""
        self.draws = int(state["draws"])
