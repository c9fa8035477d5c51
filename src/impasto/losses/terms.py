"""The terms of the objective, and what losses build them of.

A loss either is a function of a statistic that adds up over positions (`StatisticLoss`), so that
the whole picture and a stream of tiles are computed by the same lines, or of whole maps of features
(`MapLoss`), which are put together from the tiles and kept in memory.
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
"""Features (1, c, h, w) by layer, `PIXELS` among them where asked for."""

Target = tuple[float, Tensor]
"""The share of a painting, and what is taken from it."""

Part = Callable[[Tensor], Tensor]
"""From a map of the whole picture, (1, c, h, w), to a tile's own part of it."""

Refined = Literal["surrogate", "loss"]
"""What a refinement changes: only what is minimised in the place of the loss, or the loss, too."""


class Value(NamedTuple):
    """A loss, what is minimised in its place, and the gradient of that.

    ``surrogate`` is the loss itself unless it is relaxed; ``gradient`` is that with respect to the
    statistic.
    """

    loss: Tensor
    surrogate: Tensor
    gradient: Tensor


class Stateful:
    """What a loss keeps from one evaluation to the next: by default nothing."""

    def refine(self) -> Refined | None:
        """Bring what is minimised closer to the loss, or draw it anew; tell what has changed."""
        return None

    def state(self) -> dict[str, Tensor]:
        """Return what `restore` takes back."""
        return {}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Take back a state. Raises `KeyError` or `ValueError` when it does not fit."""


class StatisticLoss(Stateful, ABC):
    """A distance of a statistic of one layer's features to those of paintings.

    The statistic adds up over positions. ``targets`` are shares, which add up to 1, each with the
    statistic of a painting divided by its number of positions. Gradients are found by autograd
    where they are not written by hand.
    """

    def __init__(self, targets: Sequence[Target]) -> None:
        self.targets = targets

    @staticmethod
    @abstractmethod
    def accumulate(F: Tensor, T: Tensor | None) -> Tensor:
        """Return the statistic of features F (1, c, h, w), a sum over positions.

        ``T`` (1, 1, h, w) weighs positions: each counts T². None weighs all alike.
        """

    @abstractmethod
    def distance(self, statistic: Tensor, target: Tensor) -> Tensor:
        """Return the distance of two statistics, divided by positions: a scalar."""

    def mean_distance(self, statistic: Tensor) -> Tensor:
        """Return the mean of the distances to all targets, each to its share."""
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
        """Add the gradient with respect to F to g, given that with respect to the sum, D."""
        with torch.enable_grad():
            leaf = F.detach().requires_grad_()
            (gradient,) = torch.autograd.grad(self.accumulate(leaf, T), leaf, D)
        g.add_(gradient)


class MapLoss(Stateful, ABC):
    """A function of whole maps that autograd can go back through. ``layers`` are what it sees."""

    layers: Sequence[str]

    @abstractmethod
    def __call__(self, maps: Maps) -> Tensor:
        """Return the loss, a scalar."""


@dataclass(frozen=True)
class StatisticTerm:
    """A weighted `StatisticLoss` of a layer.

    ``T`` (1, 1, h, w) is the guide of the region that it is about, None for the whole picture.
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
        """What a guide has in the place of positions: asked of its device once."""
        return None if self.T is None else guides.positions(self.T)

    def _guide(self, part: Part) -> Tensor | None:
        return None if self.T is None else part(self.T)


@dataclass(frozen=True)
class SquaredTerm(Stateful):
    """Squared differences to the content's features P (1, c, h, w): their mean, or half their sum.

    Gatys 2016, equation 1, is half the sum, which grows with the picture; the authors' own code
    takes the ``mean``.
    """

    layer: str
    weight: float
    P: Tensor
    mean: bool = True

    @property
    def loss(self) -> Stateful:
        """Itself: it keeps nothing."""
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

`accumulate` gives the sum over a tile's own features F (1, c, h, w), `finish` what follows from
that of the whole picture, and `vjp_` adds the gradient with respect to F to g, given that with
respect to the sum, D.
"""

Term = AdditiveTerm | MapTerm


@dataclass
class RandomMapLoss(MapLoss):
    """A loss that draws at random: the same until it is refined, the same after a restart."""

    seed: int
    draws: int = field(default=0, init=False)

    def random(self) -> torch.Generator:
        """Return the generator of the present draw."""
        return torch.Generator().manual_seed((self.seed + self.draws * 1_000_003) % 2**63)

    def refine(self) -> Refined:
        """Draw anew at the next call."""
        self.draws += 1
        return "loss"

    def state(self) -> dict[str, Tensor]:
        """Return the number of the draw."""
        return {"draws": torch.tensor(self.draws)}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Take back the number of the draw."""
        self.draws = int(state["draws"])
