"""Distances between distributions: optimal transport along directions.

In one dimension, optimal transport is sorting, so it is exact for any number of points. The mean
over directions is the sliced Wasserstein distance (Rabin et al. 2011; Bonneel et al. 2015), the
style distance of Heitz et al. 2021, "A Sliced Wasserstein Loss for Neural Texture Synthesis"
(arXiv:2006.07229). Everything is computed on the CPU.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

_AT_ONCE = 8
"""Directions computed at once, to save memory."""


def directions(channels: int, count: int, seed: int = 0) -> Tensor:
    """Return ``count`` unit vectors in ``channels`` dimensions, (count, channels) float32.

    They are drawn uniformly, in frames of ``channels`` orthogonal vectors, which cover space more
    evenly than independent ones (Rowland et al. 2019, "Orthogonal estimation of Wasserstein
    distances"). Over whole frames, the mean of (v · x)² is exactly |x|² / ``channels``.
    """
    random = torch.Generator().manual_seed(seed)
    frames = []
    for _ in range(-(-count // channels)):
        normal = torch.randn(channels, channels, dtype=torch.float64, generator=random)
        q, r = torch.linalg.qr(normal)
        # QR does not fix the signs; this choice makes the frame uniform (Mezzadri 2007).
        frames.append((q * r.diagonal().sign()).T)
    return torch.cat(frames)[:count].float()


def project(points: Tensor, along: Tensor) -> Tensor:
    """Project points (n, c) onto directions (d, c) and sort them: (d, n) float32, ascending."""
    # NumPy sorts several times as fast as PyTorch, which also computes the permutation.
    parts = [(part @ points.T.float()).numpy() for part in torch.split(along, _AT_ONCE)]
    return torch.cat([torch.from_numpy(np.sort(part, axis=1)) for part in parts])


def wasserstein(a: Tensor, b: Tensor) -> Tensor:
    """Return W₂² of pairs of one-dimensional distributions, float64 (d,).

    ``a`` (d, n) and ``b`` (d, m) are points of equal weight in ascending order. The result is
    exact: ∫ (A(q) - B(q))² dq, where the quantile functions A and B are step functions. For n = m
    that is 1/n Σ (aᵢ - bᵢ)², the form of Heitz et al. 2021.
    """
    pieces = zip(torch.split(a, _AT_ONCE), torch.split(b, _AT_ONCE), strict=True)
    if a.shape[1] == b.shape[1]:
        return torch.cat([(x - y).double().square().mean(dim=1) for x, y in pieces])
    i, j, share = _steps(a.shape[1], b.shape[1])
    return torch.cat([(x[:, i] - y[:, j]).double().square() @ share for x, y in pieces])


def sliced_wasserstein(a: Tensor, b: Tensor) -> float:
    """Return the mean of W₂² over directions for two sets of points that `project` returned.

    Heitz et al. 2021, L_SW of one layer. It grows with the square of the distance: shifting all
    points by t gives |t|² / c on whole frames of `directions`.
    """
    return float(wasserstein(a, b).mean())


def relative_sliced_wasserstein(a: Tensor, b: Tensor) -> float:
    """Return `sliced_wasserstein` over that of ``b`` to the origin; 1 if ``a`` is all zeros."""
    return sliced_wasserstein(a, b) / (float(b.double().square().mean()) + 1e-12)


def _steps(n: int, m: int) -> tuple[Tensor, Tensor, Tensor]:
    """Cut [0, 1] wherever one of two quantile functions, of n and m points, has a step.

    Returns, for each piece, the index of the point in either set, and the length of the piece.
    """
    # In units of 1 / (n m), all cuts are whole numbers.
    ends = np.union1d(np.arange(1, n + 1, dtype=np.int64) * m, np.arange(1, m + 1) * n)
    starts = np.concatenate([[0], ends[:-1]])
    found = starts // m, starts // n, (ends - starts) / (n * m)
    return tuple(torch.from_numpy(part) for part in found)  # type: ignore[return-value]
