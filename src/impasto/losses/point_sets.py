"""Features as sets of vectors: extraction from maps, and distances between sets of any size.

X (n, c) are the picture's features at n positions, S (m, c) those of a style, both float32.
"""

from __future__ import annotations

from collections.abc import Sequence

from impasto.lazy import Tensor, torch


def rows(features: Tensor, positions: Tensor | None = None) -> Tensor:
    """Return features (1, c, h, w) as (n, c) float32, at all positions or those numbered."""
    found = features.permute(0, 2, 3, 1).flatten(0, 2)
    return (found if positions is None else found[positions]).float()


def sampled(vectors: Tensor, most: int, random: torch.Generator) -> Tensor:
    """Return at most ``most`` rows of (n, c), drawn without replacement."""
    if len(vectors) <= most:
        return vectors
    chosen = torch.randperm(len(vectors), generator=random)[:most]
    return vectors[chosen.to(vectors.device)]


def lattice(height: int, width: int, step: int) -> Tensor:
    """Return the centres of a picture's blocks of ``step`` × ``step`` pixels, (n, 2) as x and y."""
    y = (torch.arange(max(1, height // step)) + 0.5) * step
    x = (torch.arange(max(1, width // step)) + 0.5) * step
    return torch.cartesian_prod(y, x).flip(1)


def columns(maps: Sequence[tuple[Tensor, int]], points: Tensor) -> Tensor:
    """Return the features of several layers at the same points, side by side: hypercolumns.

    ``maps`` are features (1, c, h, w), each with its stride in pixels; ``points`` (n, 2) are x and
    y in pixels. Returns (n, Σ c) float32, by bilinear interpolation.
    """
    found = []
    for features, stride in maps:
        _, _, h, w = features.shape
        extent = points.new_tensor([w * stride, h * stride])
        grid = (2 * points / extent - 1)[None, None]
        sampled = torch.nn.functional.grid_sample(
            features.float(), grid, mode="bilinear", padding_mode="border", align_corners=False
        )
        found.append(sampled[0, :, 0].T)
    return torch.cat(found, dim=1)


def unit(X: Tensor) -> Tensor:
    """Return the rows of X (n, c), each with length 1; zeros stay zeros."""
    return torch.nn.functional.normalize(X, dim=1)


def cosine_distances(X: Tensor, S: Tensor) -> Tensor:
    """Return 1 - cos of every pair, (n, m)."""
    return 1 - unit(X) @ unit(S).T
