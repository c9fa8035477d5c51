"""Mean squared difference of the Laplacians of the picture and of the content, in levels.

Li et al. 2017 (arXiv:1707.01253, "Laplacian-Steered Neural Style Transfer"), equation 3, as a mean.
It is added to any content loss, with the weight ``laplacian_weight``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from impasto.lazy import Tensor, torch
from impasto.losses.targets import Targets
from impasto.losses.terms import PIXELS, MapLoss, Maps, MapTerm


@dataclass
class Laplacian(MapLoss):
    """The loss for a ``content`` (1, 3, h, w).

    Both pictures are first averaged over p × p pixels, for each p in ``pools``.
    """

    content: Tensor
    pools: Sequence[int] = (4, 16)
    layers = (PIXELS,)

    def __call__(self, maps: Maps) -> Tensor:
        """Return the sum over the pools."""
        difference = 255 * (maps[PIXELS] - self.content)  # the Laplacian is linear
        side = min(difference.shape[2:])
        fitting = [pool for pool in self.pools if side >= 3 * pool] or [1]
        pooled = [torch.nn.functional.avg_pool2d(difference, pool) for pool in fitting]
        return torch.stack([laplacian(x).square().mean() for x in pooled]).sum()


def laplacian(x: Tensor) -> Tensor:
    """Return the five-point Laplacian of (n, c, h, w) at its inner positions, (n, c, h-2, w-2)."""
    middle = x[..., 1:-1, 1:-1]
    around = x[..., :-2, 1:-1] + x[..., 2:, 1:-1] + x[..., 1:-1, :-2] + x[..., 1:-1, 2:]
    return around - 4 * middle


def terms(targets: Targets) -> dict[str, MapTerm]:
    """Return the term, or none if its weight is 0."""
    weight = targets.options.laplacian_weight
    return {"laplacian": MapTerm(weight, Laplacian(targets.content))} if weight else {}
