"""The 2-Wasserstein distance of features, as if they were normally distributed.

    W₂² = |m - n|² + tr(Σ + Σₜ - 2 (Σₜ^½ Σ Σₜ^½)^½)

for means m, n and covariances Σ, Σₜ (Olkin and Pukelsheim 1982). crowsonkb's
style-transfer-pytorch introduced it as a style loss. Unlike with Gram matrices, differences scale
with the features, not with their squares, so the strongest channels do not dominate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

from impasto.lazy import Tensor, torch
from impasto.losses import functional, guides
from impasto.losses.declaration import StyleLoss
from impasto.losses.styles import gram
from impasto.losses.targets import Targets
from impasto.losses.terms import StatisticLoss, StatisticTerm, Target, Value

_RIDGE = 1e-4
"""Added to variances, relative to the target's mean variance: the root has no gradient at 0."""


class Wasserstein(StatisticLoss):
    """Distance of the features to those of paintings, relative to the latter's mean square.

    The statistic is the moments [Σ T² F Fᵀ, Σ T² F], (c, c + 1).
    """

    def __init__(self, targets: Sequence[Target]) -> None:
        super().__init__(targets)
        self._normals = [(share, Normal.of(moments)) for share, moments in targets]

    @staticmethod
    def accumulate(F: Tensor, T: Tensor | None) -> Tensor:
        """Return the moments, float32."""
        guided = guides.weighted(F, T)
        second = functional.accumulate_gram(guided)
        first = guides.weighted(guided, T).sum(dim=(0, 2, 3), dtype=second.dtype)
        return torch.cat([second, first[:, None]], dim=1)

    def distance(self, statistic: Tensor, target: Tensor) -> Tensor:
        """Return the distance of moments."""
        return Normal.of(target).distance(statistic)[0]

    def evaluate(self, statistic: Tensor) -> Value:
        """Return the loss and its hand-written gradient."""
        found = [(share, normal.distance(statistic)) for share, normal in self._normals]
        loss = torch.stack([share * one for share, (one, _) in found]).sum()
        gradient = torch.stack([share * one for share, (_, one) in found]).sum(dim=0)
        return Value(loss, loss, gradient)

    def vjp_(self, g: Tensor, F: Tensor, T: Tensor | None, D: Tensor) -> None:
        """Add T² ((D₂ + D₂ᵀ) F + d₁)."""
        own = torch.zeros_like(F)
        functional.accumulate_gram_backward_(own, F, D[:, :-1])
        own += D[:, -1].to(F.dtype)[None, :, None, None]
        g.add_(own if T is None else own * T.to(F.dtype).square())


@dataclass(frozen=True)
class Normal:
    """A target distribution: mean (c,), covariance and its root (c, c), float64."""

    mean: Tensor
    covariance: Tensor
    root: Tensor
    ridge: float

    @classmethod
    def of(cls, moments: Tensor) -> Self:
        """Build it from moments (c, c + 1): those of second order, then the mean."""
        second, mean = _apart(moments)
        covariance = second - torch.outer(mean, mean)
        ridge = _RIDGE * float(covariance.diagonal().mean()) + torch.finfo(torch.float32).tiny
        covariance = covariance + ridge * _eye(mean)
        return cls(mean, covariance, _root(covariance), ridge)

    @cached_property
    def size(self) -> float:
        """The mean square of the features, the unit of distances."""
        return float(self.covariance.trace() + self.mean @ self.mean)

    def distance(self, moments: Tensor) -> tuple[Tensor, Tensor]:
        """Return W₂² / ``size`` at moments (c, c + 1) of the picture, and the gradient there.

        Computed in float64 on CUDA or on the CPU, which both support eigenvectors in float64;
        returned with the type and device of ``moments``.
        """
        if not moments.isfinite().all():  # they have no eigenvectors
            return moments.new_full((), torch.nan), torch.full_like(moments, torch.nan)
        second, mean = _apart(moments)
        away = mean - self.mean
        covariance = second - torch.outer(mean, mean) + self.ridge * _eye(mean)
        values, vectors = torch.linalg.eigh(self.root @ covariance @ self.root)
        roots = values.clamp_min(1e-12 * values[-1].abs() + 1e-300).sqrt()
        loss = away @ away + covariance.trace() + self.covariance.trace() - 2 * roots.sum()
        bent = self.root @ vectors
        by_covariance = _eye(mean) - bent / roots @ bent.T
        # Σ is the second moment less m mᵀ.
        by_mean = 2 * away - 2 * by_covariance @ mean
        gradient = torch.cat([by_covariance, by_mean[:, None]], dim=1)
        return (loss / self.size).to(moments), (gradient / self.size).to(moments)


def _apart(moments: Tensor) -> tuple[Tensor, Tensor]:
    exact = (moments if moments.is_cuda else moments.cpu()).double()
    return exact[:, :-1], exact[:, -1]


def _eye(like: Tensor) -> Tensor:
    return torch.eye(len(like), dtype=like.dtype, device=like.device)


def _root(matrix: Tensor) -> Tensor:
    values, vectors = torch.linalg.eigh(matrix)
    root: Tensor = vectors * values.clamp_min(0).sqrt() @ vectors.T
    return root


def terms(targets: Targets) -> dict[str, StatisticTerm]:
    """Return a term for each layer."""
    return targets.statistic_terms(Wasserstein)


LOSS = StyleLoss(
    "wasserstein",
    "mean and covariance, by the 2-Wasserstein distance",
    terms,
    "crowsonkb's style-transfer-pytorch",
    # The distance is relative to the target's mean square, so layers have similar weight. That is
    # small compared with the content's mean square in the range of the original VGG.
    layers=dict.fromkeys(gram.LAYERS, 0.2),
    weight=1e7,
    suits="better preserved faces and edges on the one pair tested so far, calmer strokes",
)
