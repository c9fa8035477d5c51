"""Gram matrices: mean squared differences.

    L = mean (G - A)²,   G = F Fᵀ / (h w)

for features F (c, h w) of the picture and A the same of a painting. Gatys 2016, equations 3 and 4:
1/(4 N² M²) Σ (G - A)² of undivided Gram matrices is a quarter of this. The loss is stiff, so it may
be relaxed: see `impasto.losses.relaxation`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from impasto.lazy import Tensor, torch
from impasto.losses import functional, guides
from impasto.losses.declaration import StyleLoss
from impasto.losses.relaxation import STIFFEST, Relaxation
from impasto.losses.targets import Targets
from impasto.losses.terms import Refined, StatisticLoss, StatisticTerm, Target, Value
from impasto.nets.feature_net import VGG19

LAYERS = {
    name: 1e3 / VGG19.layer(name).channels ** 2
    for name in ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
}
"""LeonGatys/PytorchNeuralStyleTransfer, the authors' own code."""


class Gram(StatisticLoss):
    """Distance of the Gram matrix (c, c) to those of paintings, with a hand-written gradient."""

    @staticmethod
    def accumulate(F: Tensor, T: Tensor | None) -> Tensor:
        """Return Σ T² F Fᵀ."""
        return functional.accumulate_gram(guides.weighted(F, T))

    def distance(self, statistic: Tensor, target: Tensor) -> Tensor:
        """Return mean (G - A)²."""
        return (statistic - target).square().mean()

    def evaluate(self, statistic: Tensor) -> Value:
        """Return the loss and 2 (G - Σ share · A) / c²: the shares add up to 1."""
        loss = self.mean_distance(statistic)
        mean = sum(share * A for share, A in self.targets)
        return Value(loss, loss, 2 / statistic.numel() * (statistic - mean))

    def vjp_(self, g: Tensor, F: Tensor, T: Tensor | None, D: Tensor) -> None:
        """Add T² (D + Dᵀ) F."""
        if T is None:
            functional.accumulate_gram_backward_(g, F, D)
            return
        own = torch.zeros_like(F)
        functional.accumulate_gram_backward_(own, guides.weighted(F, T), D)
        g.add_(guides.weighted(own, T))


class RelaxedGram(Gram):
    """The same loss, minimised by relaxation with multipliers (`impasto.losses.relaxation`)."""

    def __init__(self, targets: Sequence[Target], stiffest: float) -> None:
        super().__init__(targets)
        # Up to a constant, the mean distance to several targets is the distance to their mean.
        mean = torch.stack([share * A for share, A in targets]).sum(dim=0)
        self.relaxation = Relaxation(mean, stiffest)
        self._residual: Tensor | None = None

    def evaluate(self, statistic: Tensor) -> Value:
        """Return the true loss, and the relaxed loss with its gradient."""
        loss = self.mean_distance(statistic)
        E = self._residual = self.relaxation.residual(statistic)
        return Value(loss, self.relaxation.loss(E), self.relaxation.gradient(E))

    def refine(self) -> Refined | None:
        """Update the multipliers with the residual of the last evaluated picture."""
        if self._residual is None:
            return None
        self.relaxation.refine(self._residual)
        return "surrogate"

    def state(self) -> dict[str, Tensor]:
        """Return the multipliers."""
        return {"multipliers": self.relaxation.T}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Restore the multipliers."""
        T = state["multipliers"]
        if T.shape != self.relaxation.T.shape:
            raise ValueError(f"multipliers of shape {tuple(T.shape)}")
        self.relaxation.T = T.to(self.relaxation.T)


def terms(targets: Targets) -> dict[str, StatisticTerm]:
    """Return a term for each layer, relaxed if the options say so."""
    if not targets.options.relaxation:
        return targets.statistic_terms(Gram)
    stiffest = STIFFEST[targets.options.pooling]
    return targets.statistic_terms(Gram, lambda found: RelaxedGram(found, stiffest))


LOSS = StyleLoss(
    "gram",
    "Gram matrices",
    terms,
    "Gatys et al. 2016",
    layers=LAYERS,
    suits="the default: bold and fast",
)
