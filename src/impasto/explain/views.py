"""From pictures to what a layer sees of them: feature maps, Gram matrices, distances."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from impasto.explain.channels import alike_together, strongest, variance_shares
from impasto.explain.explanation import Channel, Each, Floats, Grams, LayerView
from impasto.images.tensors import to_tensor
from impasto.losses.functional import accumulate_squares, grams
from impasto.nets import vgg
from impasto.nets.feature_net import VGG19

CHANNELS = 8
"""Feature maps shown of a layer."""

GRAM_CHANNELS = 64
"""Channels of which Gram matrices are shown: what relu1_1 has, and what an eye can resolve."""


_TINY = 1e-300
"""Added to nothing, so that nothing can be divided by it."""


class Sight:
    """How VGG-19 sees pictures, float32 (h, w, 3) RGB in [0, 1]: features (1, c, h, w)."""

    def __init__(self, net: vgg.VGG, device: torch.device) -> None:
        self._net = net
        self._device = device

    @torch.no_grad()
    def __call__(self, rgb: Floats, layers: list[str]) -> dict[str, Tensor]:
        """Return the features at some layers."""
        found = self._net(to_tensor(rgb, self._device), layers)
        return {name: found[name].cpu() for name in layers}


def view(sight: Sight, pictures: Each[Floats], term: str, name: str, weight: float) -> LayerView:
    """Look at all pictures through one layer; ``term`` is "content" or "style"."""
    F = Each(*(sight(rgb, [name])[name] for rgb in pictures))
    squares, entries, norm = (_style if term == "style" else _content)(F)
    return LayerView(
        layer=VGG19.layer(name),
        term=term,
        weight=weight,
        positions=Each(*((int(f.shape[2]), int(f.shape[3])) for f in F)),
        channels=_channels(F),
        grams=_grams(F) if term == "style" else None,
        distance=Each(*(s / entries for s in squares)),
        squares=squares,
        relative=Each(*(math.sqrt(s) / max(norm, _TINY) for s in squares)),
    )


def content_distances(
    sight: Sight, rgb: Floats, target: Floats, layers: list[str]
) -> dict[str, float]:
    """Return ‖F - P‖ / ‖P‖ by layer, for two pictures of one size."""
    F, P = sight(rgb, layers), sight(target, layers)
    return {name: _relative(F[name], P[name]) for name in layers}


def style_distances(
    sight: Sight, rgb: Floats, target: Floats, layers: list[str]
) -> dict[str, float]:
    """Return ‖G - A‖ / ‖A‖ by layer."""
    F, S = sight(rgb, layers), sight(target, layers)
    return {name: _relative(grams(F[name])[0], grams(S[name])[0]) for name in layers}


def equal_weights(sight: Sight, painting: Floats, layers: list[str]) -> dict[str, float]:
    """Return the w_l with which Σ w_l E_l is the mean over layers of ‖G - A‖² / ‖A‖²."""
    targets = {name: grams(F)[0] for name, F in sight(painting, layers).items()}
    return {
        name: A.numel() / (len(layers) * max(float(A.double().square().sum()), _TINY))
        for name, A in targets.items()
    }


def _relative(x: Tensor, target: Tensor) -> float:
    return float((x - target).double().norm() / target.double().norm().clamp_min(_TINY))


def _content(F: Each[Tensor]) -> tuple[Each[float], int, float]:
    """Return Σ (F - P)² by picture, of how many squares, and ‖P‖.

    The painting is of another size: there is none for it.
    """
    P = F.photo
    photo, start, result = (float(accumulate_squares(f, P)) for f in (P, F.start, F.result))
    return Each(photo, start, result, math.nan), P.numel(), float(P.double().norm())


def _style(F: Each[Tensor]) -> tuple[Each[float], int, float]:
    """Return Σ (G - A)² by picture, of how many squares, and ‖A‖."""
    A = grams(F.painting)[0]
    squares = Each(*(float((grams(f)[0] - A).double().square().sum()) for f in F))
    return squares, A.numel(), float(A.double().norm())


def _channels(F: Each[Tensor]) -> tuple[Channel, ...]:
    arrays = Each(*(f[0].numpy() for f in F))
    shares = variance_shares([arrays.photo, arrays.painting])
    return tuple(
        Channel(i, float(shares[i]), Each(*(np.ascontiguousarray(f[i]) for f in arrays)))
        for i in strongest(shares, CHANNELS)
    )


def _grams(F: Each[Tensor]) -> Grams:
    whole = Each(*(grams(f)[0].numpy() for f in F))
    A = whole.painting
    energies = np.diag(A).astype(np.float64)
    chosen = np.array(strongest(energies, GRAM_CHANNELS))
    chosen = chosen[alike_together(A[np.ix_(chosen, chosen)])]
    others = np.where(np.eye(len(A), dtype=bool), -np.inf, A)
    i, j = sorted(int(k) for k in np.unravel_index(others.argmax(), A.shape))
    return Grams(
        channels=tuple(int(i) for i in chosen),
        energy=float(energies[chosen].sum() / max(energies.sum(), _TINY)),
        matrices=Each(*(G[np.ix_(chosen, chosen)] for G in whole)),
        largest=(i, j),
        entries=Each(*(float(G[i, j]) for G in whole)),
    )
