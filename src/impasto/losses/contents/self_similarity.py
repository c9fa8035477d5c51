"""Self-similarity: how similar the points of a picture are to each other.

Kolkin et al. 2019 (arXiv:1904.12785, "Style Transfer by Relaxed Optimal Transport and
Self-Similarity"), equation 6, times n as in the authors' code, so that it does not depend on the
number of points:

    L = mean_j Σ_i | D_ij / Σ_i D_ij - E_ij / Σ_i E_ij |

for the cosine distances D and E of hypercolumns of the picture and of the content.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from impasto.lazy import Tensor, torch
from impasto.losses import point_sets
from impasto.losses.declaration import ContentLoss
from impasto.losses.targets import Columns, Targets
from impasto.losses.terms import Maps, MapTerm, RandomMapLoss

_POINTS = 1024
"""The number of sampled points."""


@dataclass
class SelfSimilarity(RandomMapLoss):
    """The loss on hypercolumns, which ``columns`` computes from maps of ``layers`` at points.

    ``content`` are the maps of the content; ``points`` (n, 2), in pixels, are those to sample from.
    """

    layers: Sequence[str]
    columns: Columns
    content: Maps
    points: Tensor

    def __call__(self, maps: Maps) -> Tensor:
        """Return the distance at the current sample of points."""
        points = point_sets.sampled(self.points, _POINTS, self.random())
        X = self.columns(maps, points)
        with torch.no_grad():
            P = self.columns(self.content, points)
        return distance(shares(X), shares(P))


def shares(X: Tensor, least: float | None = None) -> Tensor:
    """Return the cosine distances of features (n, c), (n, n), with columns that add up to 1.

    ``least`` is the smallest divisor, by default the smallest number of the type of X.
    """
    D = point_sets.cosine_distances(X, X)
    tiny = torch.finfo(X.dtype).tiny if least is None else least
    return D / D.sum(dim=0, keepdim=True).clamp_min(tiny)


def distance(A: Tensor, B: Tensor) -> Tensor:
    """Return the mean over columns of Σ_i |A_ij - B_ij| of two `shares`, from 0 to 2."""
    return (A - B).abs().sum(dim=0).mean()


def terms(targets: Targets) -> dict[str, MapTerm]:
    """Return the single term. Its weight doubles with each coarser scale."""
    weights = targets.options.weighted_layers("content")
    layers = list(weights)
    loss = SelfSimilarity(
        targets.options.seed,
        layers,
        targets.columns(layers),
        targets.maps(targets.content, layers),
        targets.points,
    )
    return {"": MapTerm(sum(weights.values()) * 2**targets.finer, loss)}


LOSS = ContentLoss(
    "self-similarity",
    "self-similarity of the points of the picture",
    terms,
    "Kolkin et al. 2019",
    whole_maps=True,
)
