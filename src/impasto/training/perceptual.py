"""The loss of a stylised picture: its forms against the photo, its statistics against the painting.

The perceptual loss of Johnson et al. 2016 (arXiv:1603.08155) at several sizes of the picture. Both
terms are relative, so that their weights mean the same for every photo and painting: content is the
squared difference of features over the photo's squared features, style the squared difference of
Gram matrices over the painting's squared Gram matrix. At a single size, style would be fine texture
only; large strokes and swirls become visible to the same layers in a smaller picture.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from impasto.losses import functional
from impasto.losses.guides import Guide, guided_grams
from impasto.nets.vgg import VGG
from impasto.options import TrainOptions

Layers = Mapping[float, Mapping[str, Tensor]]
"""Features or Gram matrices, by size (a factor of the picture's) and then by layer."""


@dataclass(frozen=True)
class PerceptualTerms:
    """The terms of n pictures, (n,) float32 each, and the gradient of their mean.

    ``gradient`` (n, 3, h, w) is that of the mean over pictures of content + weight · style.
    """

    content: Tensor
    style: Tensor
    gradient: Tensor


class PerceptualLoss:
    """Content and style terms of a batch of pictures, with a hand-written gradient.

    The mappings give the share of each layer and of each size: 0.5 is half the width and height.
    """

    def __init__(
        self,
        vgg: VGG,
        *,
        content_layers: Mapping[str, float],
        style_layers: Mapping[str, float],
        content_sizes: Mapping[float, float],
        style_sizes: Mapping[float, float],
    ) -> None:
        self._vgg = vgg
        self._content = _shares(content_sizes, content_layers)
        self._style = _shares(style_sizes, style_layers)
        self._layers = {
            size: {*self._content.get(size, ()), *self._style.get(size, ())}
            for size in sorted({*self._content, *self._style})
        }

    @classmethod
    def of(cls, options: TrainOptions, vgg: VGG) -> Self:
        """Build from options."""
        return cls(
            vgg,
            content_layers=dict(options.content_layers),
            style_layers=dict(options.style_layers),
            content_sizes=dict(options.content_sizes),
            style_sizes=dict(options.style_sizes),
        )

    @torch.no_grad()
    def photos(self, images: Tensor, sizes: Collection[float] | None = None) -> Layers:
        """Return the content targets (features) of photos (n, 3, h, w) RGB in [0, 1].

        ``sizes`` restricts them to these sizes.
        """
        return {
            size: self._vgg(_shrunk(images, size), layers)
            for size, layers in self._content.items()
            if sizes is None or size in sizes
        }

    @property
    def sizes(self) -> tuple[float, ...]:
        """The sizes at which pictures are compared, as factors of their own."""
        return tuple(self._layers)

    @torch.no_grad()
    def painting(self, image: Tensor, alpha: NDArray[np.float32] | None = None) -> Layers:
        """Return the style targets (Gram matrices) of a painting (1, 3, h, w) RGB in [0, 1].

        With ``alpha`` (h, w) in [0, 1], only of its visible part.
        """
        found = {}
        for size, layers in self._style.items():
            guide = None
            if alpha is not None:
                guide = Guide.of(_shrunk(torch.from_numpy(alpha)[None, None], size)[0, 0].numpy())
            features = self._vgg(_shrunk(image, size), layers)
            layer = self._vgg.geometry.layer
            found[size] = {k: guided_grams(F, guide, layer(k)) for k, F in features.items()}
        return found

    @torch.no_grad()
    def evaluate(
        self,
        images: Tensor,
        photos: Layers,
        paintings: Layers,
        weights: Tensor,
        emphasis: Mapping[float, float] | None = None,
    ) -> PerceptualTerms:
        """Compare pictures (n, 3, h, w) RGB in [0, 1] with their targets.

        ``photos`` are the targets of k photos, where n is a multiple of k: n / k consecutive
        pictures belong to each. ``paintings`` and ``weights`` (n,) of the style terms are given for
        each picture.

        ``emphasis`` lists the sizes to compare, each with a factor for its part of the gradient.
        The terms are then means over these sizes, by their shares. So an expensive size can be left
        out of most evaluations, and count for more in the others.
        """
        n = len(images)
        emphasis = emphasis or dict.fromkeys(self._layers, 1.0)
        content_part, style_part = (
            _part(shares, emphasis) for shares in (self._content, self._style)
        )
        contents, styles = images.new_zeros(n), images.new_zeros(n)
        gradient = torch.zeros_like(images)

        def pull(size: float, name: str, F: Tensor, g: Tensor | None) -> Tensor:
            g = torch.zeros_like(F) if g is None else g
            factor = emphasis[size]
            if share := self._content.get(size, {}).get(name):
                found = _content(F, photos[size][name], g, factor * share)
                contents.add_(found, alpha=1 / (factor * content_part))
            if share := self._style.get(size, {}).get(name):
                found = _style(F, paintings[size][name], g, factor * share, weights)
                styles.add_(found, alpha=1 / (factor * style_part))
            return g

        for size in emphasis:
            layers = self._layers[size]
            small = _shrunk(images, size)
            trace = self._vgg.trace(small, layers)
            found = trace.backward(lambda *what, size=size: pull(size, *what))
            gradient += _shrunk_backward(found, size, images.shape)
        return PerceptualTerms(contents, styles, gradient.div_(n))


def _part(shares: Mapping[float, Mapping[str, float]], sizes: Iterable[float]) -> float:
    """Return the sum of the shares at these sizes."""
    return sum(sum(shares.get(size, {}).values()) for size in sizes)


def of_styles(paintings: Sequence[Layers]) -> Layers:
    """Concatenate the targets of paintings: one row for each, in their order."""
    return {
        size: {name: torch.cat([rows[size][name] for rows in paintings]) for name in layers}
        for size, layers in paintings[0].items()
    }


def chosen(layers: Layers, rows: Tensor) -> Layers:
    """Select the given rows, (n,)."""
    return {
        size: {name: of_all[rows] for name, of_all in by_name.items()}
        for size, by_name in layers.items()
    }


def _shares(
    sizes: Mapping[float, float], layers: Mapping[str, float]
) -> dict[float, dict[str, float]]:
    """Return the non-zero share of each layer at each size; all add up to 1."""
    whole = sum(sizes.values()) * sum(layers.values())
    return {
        size: {name: of_size * share / whole for name, share in layers.items() if share}
        for size, of_size in sizes.items()
        if of_size
    }


def _content(F: Tensor, P: Tensor, g: Tensor, share: float) -> Tensor:
    """Return share · Σ (F - P)² / Σ P² of each picture, and add its gradient to g."""
    k, c, h, w = P.shape
    difference = (F.view(k, -1, c, h, w) - P[:, None]).view(F.shape)
    energy = functional.energy(P).repeat_interleave(len(F) // k)
    g.addcmul_(difference, (2 * share / energy).to(F.dtype)[:, None, None, None])
    return share * functional.squares(difference) / energy


def _style(F: Tensor, A: Tensor, g: Tensor, share: float, weights: Tensor) -> Tensor:
    """Return share · ‖G - A‖² / ‖A‖² of each picture, and add ``weights`` times its gradient."""
    D = functional.grams(F) - A
    energy = functional.energy(A)
    functional.grams_backward_(g, F, D * (2 * share * weights / energy)[:, None, None])
    return share * functional.squares(D) / energy


def _shrunk(images: Tensor, size: float) -> Tensor:
    """Shrink (n, 3, h, w) by a factor, averaging blocks of pixels."""
    return images if size == 1 else F.avg_pool2d(images, round(1 / size))


def _shrunk_backward(g: Tensor, size: float, shape: torch.Size) -> Tensor:
    """Return the gradient of `_shrunk` with respect to images of a shape."""
    if size == 1:
        return g
    k = round(1 / size)
    g = F.interpolate(g, scale_factor=k, mode="nearest").div_(k * k)
    # Rows and columns that do not fill a block were ignored.
    return F.pad(g, (0, shape[3] - g.shape[3], 0, shape[2] - g.shape[2]))
