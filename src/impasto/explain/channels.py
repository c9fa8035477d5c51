"""The choice and order of the few channels of a layer that are shown."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from impasto.explain.explanation import Floats

_SILENT = 1e-12
"""Minimum energy, relative to the largest: weaker channels have no meaningful direction."""


def variance_shares(features: Sequence[Floats]) -> NDArray[np.float64]:
    """Return each channel's share of the variance over positions, averaged over pictures.

    ``features`` are (c, h, w) each, with equal c. The shares (c,) sum to 1, or are all 0 if
    nothing varies.
    """
    shares = np.zeros(len(features[0]))
    for F in features:
        variances = F.reshape(len(F), -1).astype(np.float64).var(axis=1)
        if variances.sum() > 0:
            shares += variances / variances.sum()
    return shares / shares.sum() if shares.sum() > 0 else shares


def strongest(values: NDArray[np.floating], count: int) -> list[int]:
    """Return the indices of the ``count`` largest values, the largest first."""
    return [int(i) for i in np.argsort(-values, kind="stable")[:count]]


def clustered_order(A: Floats) -> list[int]:
    """Return an order of the channels that puts channels next to each other that occur together.

    ``A`` is a Gram matrix (k, k). Channels are clustered by cosine distance, 1 - A_ij / √(A_ii
    A_jj), and the leaves of the tree are ordered so that neighbours are close (Bar-Joseph, Gifford,
    Jaakkola 2001, "Fast optimal leaf ordering").
    """
    from scipy.cluster.hierarchy import leaves_list, linkage
    from scipy.spatial.distance import squareform

    k, _ = A.shape
    if k < 3:
        return list(range(k))
    energies = np.maximum(np.diag(A).astype(np.float64), 0)
    norms = np.sqrt(np.maximum(energies, max(energies.max(), 1e-300) * _SILENT))
    distances = np.clip(1 - A / np.outer(norms, norms), 0, 2)
    np.fill_diagonal(distances, 0)
    tree = linkage(squareform((distances + distances.T) / 2), "average", optimal_ordering=True)
    return [int(i) for i in leaves_list(tree)]
