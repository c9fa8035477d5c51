"""One equation, one pure function.

F, P are features of the picture and of the content, G, A the Gram matrices of the picture and of
the style, as in Gatys, Ecker, Bethge 2015 (arXiv:1508.06576) and 2016 (CVPR). Features are
(1, c, h, w), best in channels_last memory; results are float32 scalars unless said otherwise.
"""

from __future__ import annotations

from impasto.lazy import Tensor, torch

_CHUNKS = 16
"""Products of bfloat16 are rounded to bfloat16; summing this many parts averages the errors."""

_EPSILON = 1e-8
"""Added to mean squares before dividing by them: a black photo has no features."""


def accumulate_squares(F: Tensor, P: Tensor) -> Tensor:
    """Σ (F - P)², float32: additive over tiles."""
    return (F - P).float().square().sum()


def accumulate_squares_backward_(g: Tensor, F: Tensor, P: Tensor, d: float) -> None:
    """Add ``d`` times the gradient of `accumulate_squares` with respect to F, 2 (F - P), to g."""
    g.add_(F - P, alpha=2 * d)


def accumulate_gram(F: Tensor) -> Tensor:
    """Σ F Fᵀ over the positions of (1, c, h, w), as (c, c) float32: additive over tiles."""
    n, c, h, w = F.shape
    if n != 1:
        raise ValueError(f"a Gram matrix is of one picture, got a batch of {n}")
    rows = F.permute(0, 2, 3, 1).reshape(h * w, c)
    if rows.dtype == torch.float32:
        return rows.T @ rows
    total = torch.zeros(c, c, device=F.device)
    for part in rows.chunk(_CHUNKS):
        total += part.T @ part
    return total


def accumulate_gram_backward_(g: Tensor, F: Tensor, D: Tensor) -> None:
    """Add the gradient of Σ D ∘ `accumulate_gram` (F) with respect to F, (D + Dᵀ) F, to g.

    ``D`` is (c, c), ``g`` has the shape of F; both F and g may be views of larger tensors.
    """
    rows, into = (x.permute(0, 2, 3, 1)[0] for x in (F, g))  # (h, w, c)
    h, _, c = rows.shape
    D = (D + D.T).to(F.dtype)
    if rows.is_contiguous() and into.is_contiguous():
        into.view(-1, c).addmm_(rows.view(-1, c), D)
    else:
        into.baddbmm_(rows, D.expand(h, c, c))


def grams(F: Tensor) -> Tensor:
    """Gram matrix of each picture of a batch (n, c, h, w), as (n, c, c) float32."""
    n, c, h, w = F.shape
    rows = F.permute(0, 2, 3, 1).reshape(n, h * w, c)
    if rows.dtype == torch.float32:
        return rows.mT @ rows / (h * w)
    # Adding up parts that are shorter than wide would cost more than multiplying them.
    count = max(1, min(_CHUNKS, h * w // c))
    length = h * w // count
    parts = rows[:, : count * length].reshape(n * count, length, c)
    total = (parts.mT @ parts).view(n, count, c, c).sum(1, dtype=torch.float32)
    rest = rows[:, count * length :]
    return (total + rest.mT @ rest if rest.shape[1] else total) / (h * w)


def grams_backward_(g: Tensor, F: Tensor, D: Tensor) -> None:
    """Add the gradient of Σ D ∘ `grams` (F) with respect to F to g; D (n, c, c) is symmetric."""
    n, c, h, w = F.shape
    rows, into = (x.permute(0, 2, 3, 1) for x in (F, g))
    pulled = (D * (2 / (h * w))).to(F.dtype)
    if into.is_contiguous():
        into.view(n, h * w, c).baddbmm_(rows.reshape(n, h * w, c), pulled)
    else:
        into.add_((rows.reshape(n, h * w, c) @ pulled).view(n, h, w, c))


def squares(x: Tensor) -> Tensor:
    """Σ x² of each of n pictures, matrices or features (n, ...), as (n,) float32."""
    if x.dim() == 4:  # in channels_last order, so that nothing is copied
        x = x.permute(0, 2, 3, 1)
    norm: Tensor = torch.linalg.vector_norm(x.flatten(1), dim=1, dtype=torch.float32)
    return norm.square()


def relative_error(difference: Tensor, target: Tensor) -> Tensor:
    """Σ (x - t)² / Σ t² of each of n pictures, from x - t and t, (n, ...) each.

    0 if x = t, 1 if x = 0; finite even if t = 0.
    """
    return squares(difference) / energy(target)


def energy(target: Tensor) -> Tensor:
    """Return the divisor of `relative_error`, (n,), more than 0."""
    return squares(target) + _EPSILON * target[0].numel()


def total_variation(x: Tensor) -> Tensor:
    """Mean squared difference of neighbours, vertical plus horizontal, of (n, c, h, w).

    Johnson 2016, section 3.2, with exponent 2 and as a mean; 0 along a side of one pixel.
    """
    zero = x.new_zeros(())
    down = (x[..., 1:, :] - x[..., :-1, :]).square().mean() if x.shape[-2] > 1 else zero
    across = (x[..., 1:] - x[..., :-1]).square().mean() if x.shape[-1] > 1 else zero
    return down + across


def total_variation_backward_(g: Tensor, x: Tensor, d: float) -> None:
    """Add ``d`` times the gradient of `total_variation` to g, by channel to save memory."""
    for dim in (2, 3):
        for channel, into in zip(torch.split(x, 1, 1), torch.split(g, 1, 1), strict=True):
            difference = channel.diff(dim=dim)
            count = difference.numel() * x.shape[0] * x.shape[1] // difference.shape[0]
            difference.mul_(2 * d / max(count, 1))
            length = x.shape[dim] - 1
            into.narrow(dim, 1, length).add_(difference)
            into.narrow(dim, 0, length).sub_(difference)
