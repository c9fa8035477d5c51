"""The perceptual loss of Johnson et al. 2016 (arXiv:1603.08155), of a batch of pictures at once.

Both terms are relative, so that their weights mean the same for every photo and painting: content
is the squared difference of features over the photo's squared features, style the squared
difference of Gram matrices over the painting's squared Gram matrix, a mean over layers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from impasto.losses.functional import total_variation, total_variation_backward_
from impasto.nets.vgg import VGG19

_LEAST = 1e-8
"""Added to every mean square that is divided by: a black photo has no features."""

Grams = Mapping[str, Tensor]
"""By layer, the Gram matrices (n, c, c) that n pictures should have, float32."""

Features = Mapping[str, Tensor]
"""By layer, the features (n, c, h, w) that n pictures should have."""


@dataclass(frozen=True)
class Evaluation:
    """The terms for each picture of a batch, (n,) float32, and a gradient.

    ``gradient`` (n, 3, h, w) is that of the mean over pictures of content + weight · style +
    tv_weight · tv.
    """

    content: Tensor
    style: Tensor
    tv: Tensor
    gradient: Tensor


class PerceptualLoss:
    """Content, style and total variation of a batch, with the gradient by hand."""

    def __init__(
        self,
        vgg: VGG19,
        *,
        content_layers: Sequence[str],
        style_layers: Mapping[str, float],
        tv_weight: float,
    ) -> None:
        self._vgg = vgg
        self._content_layers = tuple(content_layers)
        total = sum(style_layers.values())
        self._style_shares = {name: weight / total for name, weight in style_layers.items()}
        self._tv_weight = tv_weight

    @torch.no_grad()
    def grams(self, images: Tensor) -> Grams:
        """Return the Gram matrices of pictures (n, 3, h, w) RGB in [0, 1] at the style layers."""
        features = self._vgg(images, self._style_shares)
        return {name: gram(F).float() for name, F in features.items()}

    @torch.no_grad()
    def content(self, images: Tensor) -> Features:
        """Return the features of photos (n, 3, h, w) RGB in [0, 1] at the content layers."""
        features: Features = self._vgg(images, self._content_layers)
        return features

    def evaluate(
        self, images: Tensor, content: Features, grams: Grams, weights: Tensor
    ) -> Evaluation:
        """Compare (n, 3, h, w) RGB in [0, 1] with what they should be.

        ``weights`` (n,) weigh each picture's style term.
        """
        n = len(images)
        contents, styles = images.new_zeros(n), images.new_zeros(n)

        def pull(name: str, F: Tensor, g: Tensor | None) -> Tensor:
            if g is None:
                g = torch.zeros_like(F)
            if name in content:
                share = 1 / len(self._content_layers)
                contents.add_(_content(F, content[name], g, share, share / n))
            if name in grams:
                share = self._style_shares[name]
                styles.add_(_style(F, grams[name], g, share, weights * share / n))
            return g

        trace = self._vgg.trace(images, {*self._content_layers, *self._style_shares})
        gradient = trace.backward(pull)
        tv = torch.stack([total_variation(image[None]) for image in images])
        if self._tv_weight:
            total_variation_backward_(gradient, images, self._tv_weight)
        return Evaluation(contents, styles, tv, gradient)


def gram(F: Tensor) -> Tensor:
    """Gram matrices of (n, c, h, w) over the positions, F Fᵀ / (h w), as (n, c, c)."""
    n, c, h, w = F.shape
    rows = F.permute(0, 2, 3, 1).reshape(n, h * w, c)
    return rows.mT @ rows / (h * w)


def _content(F: Tensor, P: Tensor, g: Tensor, share: float, d: float) -> Tensor:
    """Return share · Σ (F - P)² / Σ P² of each picture; add d / share times its gradient to g."""
    difference = F - P
    energy = _sums(P) + _LEAST * P[0].numel()
    g.add_(difference * (2 * d / energy).to(F.dtype)[:, None, None, None])
    return share * _sums(difference) / energy


def _style(F: Tensor, A: Tensor, g: Tensor, share: float, d: Tensor) -> Tensor:
    """Return share · ‖G - A‖² / ‖A‖² of each picture; add d / share times its gradient to g."""
    n, c, h, w = F.shape
    D = gram(F).float() - A
    energy = A.square().sum((1, 2)) + _LEAST * c * c
    # The gradient of ‖G - A‖² with respect to F is 4 (G - A) F / (h w).
    pull = (D * (4 * d / energy / (h * w))[:, None, None]).to(F.dtype)
    rows = F.permute(0, 2, 3, 1).reshape(n, h * w, c)
    g.add_((rows @ pull).reshape(n, h, w, c).permute(0, 3, 1, 2))
    return share * D.square().sum((1, 2)) / energy


def _sums(x: Tensor) -> Tensor:
    """Σ x² of each picture, float32."""
    return x.float().square().sum((1, 2, 3))


def stack(grams: Iterable[Grams]) -> dict[str, Tensor]:
    """Put the Gram matrices of several pictures together, layer by layer."""
    rows = list(grams)
    return {name: torch.cat([row[name] for row in rows]) for name in rows[0]}
