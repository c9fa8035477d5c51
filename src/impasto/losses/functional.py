"""One equation, one pure function.

F, P are features of the picture and of the content, G, A the Gram matrices of the picture and of
the style, as in Gatys, Ecker, Bethge 2015 (arXiv:1508.06576) and 2016 (CVPR). Features are
(1, c, h, w), best in channels_last memory; results are float32 scalars unless said otherwise.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def content_loss(F: Tensor, P: Tensor) -> Tensor:
    """Mean squared error of features.

    Gatys 2016, equation 1, as a mean instead of half the sum, so that it means the same at every
    size; the form of the authors' own code.
    """
    return (F.float() - P).square().mean()


def content_loss_half_sum(F: Tensor, P: Tensor) -> Tensor:
    """½ Σ (F - P)²: Gatys 2015, equation 1, to the letter. Grows with the picture."""
    return (F.float() - P).square().sum() / 2


def accumulate_gram(F: Tensor) -> Tensor:
    """Σ F Fᵀ over the positions of (1, c, h, w), as (c, c) float32: additive over tiles."""
    n, c, h, w = F.shape
    if n != 1:
        raise ValueError(f"a Gram matrix is of one picture, got a batch of {n}")
    rows = F.permute(0, 2, 3, 1).reshape(h * w, c).float()
    total: Tensor = _GramSum.apply(rows)  # type: ignore[no-untyped-call]
    return total


def finish_gram(total: Tensor, positions: int) -> Tensor:
    """Turn accumulated sums over ``positions`` = h · w into the Gram matrix F Fᵀ / (h w)."""
    return total / positions


def gram(F: Tensor) -> Tensor:
    """Gram matrix G = F Fᵀ / (h w) of (1, c, h, w), as (c, c).

    Gatys 2016, equation 3, divided by the number of positions.
    """
    _, _, h, w = F.shape
    return finish_gram(accumulate_gram(F), h * w)


def style_loss(G: Tensor, A: Tensor) -> Tensor:
    """Mean squared error of Gram matrices.

    Gatys 2016, equation 4: 1/(4 N² M²) Σ (G - A)² of undivided Gram matrices is a quarter of this.
    """
    return (G - A).square().mean()


def total_variation(x: Tensor) -> Tensor:
    """Mean squared difference of neighbours, down plus across, of (n, c, h, w).

    Johnson 2016, section 3.2, with exponent 2 and as a mean; 0 along a side of one pixel.
    """
    zero = x.new_zeros(())
    down = (x[..., 1:, :] - x[..., :-1, :]).square().mean() if x.shape[-2] > 1 else zero
    across = (x[..., 1:] - x[..., :-1]).square().mean() if x.shape[-1] > 1 else zero
    return down + across


class _GramSum(torch.autograd.Function):
    """rowsᵀ rows. The gradient, rows (g + gᵀ), takes one product where autograd makes two."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor) -> Tensor:
        ctx.save_for_backward(rows)
        return rows.T @ rows

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (rows,) = ctx.saved_tensors
        (g,) = gradients
        gradient: Tensor = rows @ (g + g.T)
        return gradient
