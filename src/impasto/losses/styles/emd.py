"""The relaxed earth mover's distance of sets of points (STROTSS).

Kolkin et al. 2019 (CVPR, "Style Transfer by Relaxed Optimal Transport and Self-Similarity"),
section 2.3: ℓ_r + ℓ_m + ℓ_p / α, the relaxed earth mover's distance of hypercolumns, their moments,
and the distance of colours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from impasto.lazy import Tensor, torch
from impasto.losses import point_sets
from impasto.losses.declaration import StyleLoss
from impasto.losses.styles import gram
from impasto.losses.targets import Columns, Targets
from impasto.losses.terms import PIXELS, Maps, MapTerm, RandomMapLoss, Target

_POINTS = 2048
"""The number of sampled points; the distances of all pairs are computed."""

_YUV = ((0.299, -0.147, 0.615), (0.587, -0.289, -0.515), (0.114, 0.436, -0.100))
"""RGB rows to YUV columns, which decorrelates the colours."""


@dataclass
class EarthMovers(RandomMapLoss):
    """The distance of hypercolumns; their moments are relative to their root mean square.

    ``columns`` computes hypercolumns from the maps of ``layers`` at points (n, 2), which are
    sampled from ``points``. ``targets`` are shares with hypercolumns of paintings (m, Σ c), whose
    first three channels are the colours; ``palette`` is 1 / α.
    """

    layers: Sequence[str]
    columns: Columns
    points: Tensor
    targets: Sequence[Target]
    palette: float

    def __call__(self, maps: Maps) -> Tensor:
        """Return the distance at the current sample of points."""
        random = self.random()
        points = point_sets.sampled(self.points, _POINTS, random)
        X = self.columns(maps, points)
        yuv = torch.tensor(_YUV).to(X)
        losses = []
        for share, S in self.targets:
            some = point_sets.sampled(S, _POINTS, random)
            size = some.square().mean().sqrt().clamp_min(1e-12)
            loss = relaxed_emd(point_sets.cosine_distances(X, some))
            loss = loss + moment_distance(X / size, some / size)
            colours = torch.cdist(X[:, :3] @ yuv, some[:, :3] @ yuv)
            losses.append(share * (loss + self.palette * relaxed_emd(colours)))
        return torch.stack(losses).sum()


def relaxed_emd(C: Tensor) -> Tensor:
    """Relaxed earth mover's distance for costs C (n, m).

    Equation 5: max(mean_i min_j C_ij, mean_j min_i C_ij), a lower bound of the earth mover's
    distance of two sets with equal weights.
    """
    return torch.maximum(C.amin(dim=1).mean(), C.amin(dim=0).mean())


def moment_distance(X: Tensor, S: Tensor) -> Tensor:
    """Mean absolute difference of means and of covariances: equation 7."""
    mean, cov = X.mean(dim=0), torch.cov(X.T, correction=0)
    mean_S, cov_S = S.mean(dim=0), torch.cov(S.T, correction=0)
    return (mean - mean_S).abs().mean() + (cov - cov_S).abs().mean()


def terms(targets: Targets) -> dict[str, MapTerm]:
    """Return the single term."""
    layers = [PIXELS, *targets.layers]
    # The weight of colours halves when that of the content doubles: 1 / α of the paper.
    palette = 0.5**targets.finer
    loss = EarthMovers(
        targets.options.seed + 1,
        layers,
        targets.columns(layers),
        targets.points,
        targets.hypercolumns(layers),
        palette,
    )
    return {"columns": MapTerm(sum(targets.layers.values()), loss)}


_LAYERS = dict.fromkeys(gram.LAYERS, 0.2)

LOSS = StyleLoss(
    "emd",
    "relaxed earth mover's distance of sets of points, with self-similarity as the content loss "
    "(STROTSS)",
    terms,
    "Kolkin et al. 2019",
    whole_maps=True,
    layers=_LAYERS,
    defaults={
        "content_layers": tuple(_LAYERS.items()),
        "content_loss": "self-similarity",
        "content_weight": 1.0,
        "scales": "deep",
    },
    suits="objects of the painting in place of those of the photo",
)
