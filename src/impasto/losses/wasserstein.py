"""The 2-Wasserstein distance of features, as if they were normally distributed.

    W₂² = |m - n|² + tr(Σ + Σₜ - 2 (Σₜ^½ Σ Σₜ^½)^½)

for means m, n and covariances Σ, Σₜ (Olkin and Pukelsheim 1982). crowsonkb's
style-transfer-pytorch introduced it as a style loss. Unlike the Gram matrix's, its differences are
of the size of the features, not of their squares, so no layer's strongest channels drown the rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, Self

import torch
from torch import Tensor

_RIDGE = 1e-4
"""Added to variances, as a part of the target's mean one: the root has no slope at 0."""


@dataclass(frozen=True)
class Normal:
    """A target distribution: mean (c,), covariance and its root (c, c), float64."""

    mean: Tensor
    covariance: Tensor
    root: Tensor
    ridge: float

    @classmethod
    def of(cls, moments: Tensor) -> Self:
        """Take it from moments (c, c + 1): those of second order, then the mean."""
        second, mean = _apart(moments)
        covariance = second - torch.outer(mean, mean)
        ridge = _RIDGE * float(covariance.diagonal().mean()) + torch.finfo(torch.float32).tiny
        covariance = covariance + ridge * _eye(mean)
        return cls(mean, covariance, _root(covariance), ridge)

    @cached_property
    def size(self) -> float:
        """The mean square of the features: what distances are measured by."""
        return float(self.covariance.trace() + self.mean @ self.mean)


class Distance(NamedTuple):
    """A squared distance, and its gradient with respect to the moments (c, c + 1)."""

    loss: Tensor
    slope: Tensor


def distance(moments: Tensor, target: Normal) -> Distance:
    """Return W₂² / (mean square of the target's features) at moments (c, c + 1) of the picture.

    In float64, on GPUs of NVIDIA or on the CPU, where there are eigenvectors of such on every
    machine; returned like ``moments``.
    """
    second, mean = _apart(moments)
    away = mean - target.mean
    covariance = second - torch.outer(mean, mean) + target.ridge * _eye(mean)
    values, vectors = torch.linalg.eigh(target.root @ covariance @ target.root)
    roots = values.clamp_min(1e-12 * values[-1].abs() + 1e-300).sqrt()
    loss = away @ away + covariance.trace() + target.covariance.trace() - 2 * roots.sum()
    bent = target.root @ vectors
    by_covariance = _eye(mean) - bent / roots @ bent.T
    # Σ is the second moment less m mᵀ.
    by_mean = 2 * away - 2 * by_covariance @ mean
    slope = torch.cat([by_covariance, by_mean[:, None]], dim=1)
    return Distance((loss / target.size).to(moments), (slope / target.size).to(moments))


def _apart(moments: Tensor) -> tuple[Tensor, Tensor]:
    exact = (moments if moments.is_cuda else moments.cpu()).double()
    return exact[:, :-1], exact[:, -1]


def _eye(like: Tensor) -> Tensor:
    return torch.eye(len(like), dtype=like.dtype, device=like.device)


def _root(matrix: Tensor) -> Tensor:
    values, vectors = torch.linalg.eigh(matrix)
    root: Tensor = vectors * values.clamp_min(0).sqrt() @ vectors.T
    return root
