"""How a layer sees pictures: feature maps, Gram matrices, distances."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from impasto.explain.channels import clustered_order, strongest, variance_shares
from impasto.explain.explanation import Channel, Floats, Grams, LayerView, PerPicture
from impasto.images.tensors import to_tensor
from impasto.losses.functional import accumulate_squares, grams
from impasto.nets import vgg
from impasto.nets.feature_net import VGG19

CHANNELS = 8
"""Number of feature maps shown per layer."""

GRAM_CHANNELS = 64
"""Channels shown in Gram matrices: relu1_1 has as many, and more could not be told apart."""


_TINY = 1e-300
"""Lower bound of denominators, against division by zero."""


class VGGFeatures:
    """Computes VGG-19 features (1, c, h, w) of pictures, float32 (h, w, 3) RGB in [0, 1]."""

    def __init__(self, net: vgg.VGG, device: torch.device) -> None:
        self._net = net
        self._device = device

    @torch.no_grad()
    def __call__(self, rgb: Floats, layers: list[str]) -> dict[str, Tensor]:
        """Return the features at some layers."""
        found = self._net(to_tensor(rgb, self._device), layers)
        return {name: found[name].cpu() for name in layers}


def view(
    extract: VGGFeatures, pictures: PerPicture[Floats], term: str, name: str, weight: float
) -> LayerView:
    """View all pictures through one layer; ``term`` is "content" or "style"."""
    F = PerPicture(*(extract(rgb, [name])[name] for rgb in pictures))
    squares, entries, norm = (_style if term == "style" else _content)(F)
    return LayerView(
        layer=VGG19.layer(name),
        term=term,
        weight=weight,
        positions=PerPicture(*((int(f.shape[2]), int(f.shape[3])) for f in F)),
        channels=_channels(F),
        grams=_grams(F) if term == "style" else None,
        distance=PerPicture(*(s / entries for s in squares)),
        squares=squares,
        relative=PerPicture(*(math.sqrt(s) / max(norm, _TINY) for s in squares)),
    )


def content_distances(
    extract: VGGFeatures, rgb: Floats, target: Floats, layers: list[str]
) -> dict[str, float]:
    """Return ‖F - P‖ / ‖P‖ by layer, for two pictures of equal size."""
    F, P = extract(rgb, layers), extract(target, layers)
    return {name: _relative(F[name], P[name]) for name in layers}


def style_distances(
    extract: VGGFeatures, rgb: Floats, target: Floats, layers: list[str]
) -> dict[str, float]:
    """Return ‖G - A‖ / ‖A‖ by layer."""
    F, S = extract(rgb, layers), extract(target, layers)
    return {name: _relative(grams(F[name])[0], grams(S[name])[0]) for name in layers}


def equal_weights(extract: VGGFeatures, painting: Floats, layers: list[str]) -> dict[str, float]:
    """Return the w_l that make Σ w_l E_l the mean over layers of ‖G - A‖² / ‖A‖²."""
    targets = {name: grams(F)[0] for name, F in extract(painting, layers).items()}
    return {
        name: A.numel() / (len(layers) * max(float(A.double().square().sum()), _TINY))
        for name, A in targets.items()
    }


def _relative(x: Tensor, target: Tensor) -> float:
    return float((x - target).double().norm() / target.double().norm().clamp_min(_TINY))


def _content(F: PerPicture[Tensor]) -> tuple[PerPicture[float], int, float]:
    """Return Σ (F - P)² by picture, the number of squares, and ‖P‖.

    The painting has another size, so its value is NaN.
    """
    P = F.photo
    photo, start, result = (float(accumulate_squares(f, P)) for f in (P, F.start, F.result))
    return PerPicture(photo, start, result, math.nan), P.numel(), float(P.double().norm())


def _style(F: PerPicture[Tensor]) -> tuple[PerPicture[float], int, float]:
    """Return Σ (G - A)² by picture, the number of squares, and ‖A‖."""
    A = grams(F.painting)[0]
    squares = PerPicture(*(float((grams(f)[0] - A).double().square().sum()) for f in F))
    return squares, A.numel(), float(A.double().norm())


def _channels(F: PerPicture[Tensor]) -> tuple[Channel, ...]:
    arrays = PerPicture(*(f[0].numpy() for f in F))
    shares = variance_shares([arrays.photo, arrays.painting])
    return tuple(
        Channel(i, float(shares[i]), PerPicture(*(np.ascontiguousarray(f[i]) for f in arrays)))
        for i in strongest(shares, CHANNELS)
    )


def _grams(F: PerPicture[Tensor]) -> Grams:
    whole = PerPicture(*(grams(f)[0].numpy() for f in F))
    A = whole.painting
    energies = np.diag(A).astype(np.float64)
    chosen = np.array(strongest(energies, GRAM_CHANNELS))
    chosen = chosen[clustered_order(A[np.ix_(chosen, chosen)])]
    others = np.where(np.eye(len(A), dtype=bool), -np.inf, A)
    i, j = sorted(int(k) for k in np.unravel_index(others.argmax(), A.shape))
    return Grams(
        channels=tuple(int(i) for i in chosen),
        energy=float(energies[chosen].sum() / max(energies.sum(), _TINY)),
        matrices=PerPicture(*(G[np.ix_(chosen, chosen)] for G in whole)),
        largest=(i, j),
        entries=PerPicture(*(float(G[i, j]) for G in whole)),
    )
