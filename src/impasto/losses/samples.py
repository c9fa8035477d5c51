"""Distances of sets of feature vectors, however many there are of each.

X (n, c) are the picture's features at n positions, S (m, c) those of a style, both float32.
Results are scalars that autograd can go back through to X.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

_BLOCK = 2**25
"""Distances are computed so many at a time: 128 MiB of float32."""


def directions(count: int, channels: int, random: torch.Generator) -> Tensor:
    """Return random unit vectors, (channels, count)."""
    return F.normalize(torch.randn(channels, count, generator=random), dim=0)


def sorted_along(X: Tensor, along: Tensor | None) -> Tensor:
    """Return the projections of X (n, c) on the columns of ``along`` (c, k), each sorted: (k, n).

    None stands for the axes themselves.
    """
    projected = X if along is None else X @ along
    return projected.T.contiguous().sort(dim=1).values


def quantiles(ordered: Tensor, count: int) -> Tensor:
    """Return ``count`` quantiles of every row of (k, m) sorted values, as (k, count).

    The i-th is the value in the middle of the i-th of ``count`` equal parts, by linear
    interpolation; with ``count`` = m it is what was given.
    """
    if ordered.shape[1] == count:
        return ordered
    # Without aligned corners, positions are the middles of parts.
    return F.interpolate(ordered[None], size=count, mode="linear", align_corners=False)[0]


def sliced(X: Tensor, ordered: Tensor, along: Tensor | None) -> Tensor:
    """Mean squared 1-Wasserstein-plan distance of the projections of X and a style's.

    Heitz et al. 2021 (CVPR, "A Sliced Wasserstein Loss for Neural Texture Synthesis"), equations
    5 and 6, for the directions ``along`` (c, k); ``ordered`` (k, m) are the style's projections,
    sorted. Along the axes (None) it is the histogram loss of Risser et al. 2017
    (arXiv:1701.08893), equation 8: each channel's histogram is matched by its sorted values.
    """
    ours = sorted_along(X, along)
    return (ours - quantiles(ordered, ours.shape[1])).square().mean()


def cosine_distances(X: Tensor, S: Tensor) -> Tensor:
    """Return 1 - cos of every pair, (n, m)."""
    return 1 - F.normalize(X, dim=1) @ F.normalize(S, dim=1).T


@torch.no_grad()
def nearest(X: Tensor, S: Tensor) -> Tensor:
    """Return which row of S is nearest to each of X by the cosine of what differs from the mean.

    Kolkin et al. 2022 (arXiv:2203.13215, "Neural Neighbor Style Transfer"), section 3: both sets
    are centred first. (n,) of int64.
    """
    own = F.normalize(X - X.mean(dim=0), dim=1)
    theirs = F.normalize(S - S.mean(dim=0), dim=1).T.contiguous()
    blocks = torch.split(own, max(1, _BLOCK // max(len(S), 1)))
    return torch.cat([(block @ theirs).argmax(dim=1) for block in blocks])


def cosine_loss(X: Tensor, Z: Tensor) -> Tensor:
    """Mean of 1 - cos of rows that belong together: the loss of Kolkin et al. 2022, equation 1.

    As half the squared distance of unit vectors, so that two rows of zeros are alike.
    """
    return (F.normalize(X, dim=1) - F.normalize(Z, dim=1)).square().sum(dim=1).mean() / 2


def relaxed_emd(C: Tensor) -> Tensor:
    """Relaxed earth mover's distance for costs C (n, m).

    Kolkin et al. 2019 (CVPR, "Style Transfer by Relaxed Optimal Transport and
    Self-Similarity"), equation 5: max(mean_i min_j C_ij, mean_j min_i C_ij), a lower bound of the
    earth mover's distance of two sets whose members weigh alike.
    """
    return torch.maximum(C.amin(dim=1).mean(), C.amin(dim=0).mean())


def moment_distance(X: Tensor, S: Tensor) -> Tensor:
    """Mean absolute difference of means and of covariances: Kolkin et al. 2019, equation 7."""
    mean, cov = X.mean(dim=0), torch.cov(X.T, correction=0)
    mean_S, cov_S = S.mean(dim=0), torch.cov(S.T, correction=0)
    return (mean - mean_S).abs().mean() + (cov - cov_S).abs().mean()


def self_similarity(X: Tensor, P: Tensor) -> Tensor:
    """Mean absolute difference of how alike the positions of a picture are to each other.

    n times equation 6 of Kolkin et al. 2019: of cosine distances of X (n, c) at the same
    positions as P (n, c') of the content, each column divided by its sum.
    """
    return (_shares(X) - _shares(P)).abs().sum(dim=0).mean()


def _shares(X: Tensor) -> Tensor:
    distances = cosine_distances(X, X)
    return distances / distances.sum(dim=0, keepdim=True).clamp_min(torch.finfo(X.dtype).tiny)


def columns(maps: dict[str, tuple[Tensor, int]], points: Tensor) -> Tensor:
    """Return the features of several layers at the same points, side by side: hypercolumns.

    ``maps`` gives for each layer its features (1, c, h, w) and the stride in pixels, ``points``
    are (n, 2), x and y in pixels. Between positions it is bilinear. (n, Σ c), float32.
    """
    found = []
    for features, stride in maps.values():
        _, _, h, w = features.shape
        extent = points.new_tensor([w * stride, h * stride])
        grid = (2 * points / extent - 1)[None, None]
        sampled = F.grid_sample(
            features.float(), grid, mode="bilinear", padding_mode="border", align_corners=False
        )
        found.append(sampled[0, :, 0].T)
    return torch.cat(found, dim=1)
