"""How near a picture comes to a painting, and how far it went from its photo.

Written without `impasto.training` and `impasto.losses`, in plain float32: a second opinion on what
networks are trained with, and on what `paint` minimises. Of the package it has VGG-19 alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from impasto import weights
from impasto.nets import vgg
from impasto.runtime.device import choose_device

STYLE_LAYERS: Mapping[str, float] = {
    "relu1_1": 0.15,
    "relu2_1": 0.25,
    "relu3_1": 0.5,
    "relu4_1": 1.0,
}
"""The share of each layer in the style error."""

STYLE_SIZES: Mapping[int, float] = {1: 1.0, 2: 1.0, 4: 0.5}
"""The share of each size in the style error: the whole, a half, a quarter of width and height."""

CONTENT_LAYER = "relu4_2"
CONTENT_SIZES: Mapping[int, float] = {1: 0.25, 2: 0.5, 4: 0.25}
"""The share of each size in the content error."""

Bytes = NDArray[np.uint8]


@dataclass(frozen=True)
class Seen:
    """What VGG-19 has of a picture: Gram matrices by size and layer, features by size."""

    grams: Mapping[tuple[int, str], Tensor]
    features: Mapping[int, Tensor]


@dataclass(frozen=True)
class Score:
    """The relative errors of a picture: 0 is the painting, or the photo, itself."""

    style: float
    content: float

    def __str__(self) -> str:
        """Style, and content in brackets."""
        return f"{self.style:.3f} ({self.content:.2f})"


class Judge:
    """The original VGG-19, at three sizes of a picture."""

    def __init__(self, device: str = "auto") -> None:
        self._device = choose_device(device)
        net = vgg.build(weights.find("original"), padding="replicate")
        self._net = net.prepare(self._device, torch.float32)

    @torch.no_grad()
    def see(self, picture: Bytes) -> Seen:
        """Look at RGB, uint8 (height, width, 3)."""
        image = torch.tensor(picture, device=self._device).permute(2, 0, 1)[None] / 255
        grams, features = {}, {}
        for part in STYLE_SIZES:
            found = self._net(_shrunk(image, part), {*STYLE_LAYERS, CONTENT_LAYER})
            features[part] = found[CONTENT_LAYER]
            for layer in STYLE_LAYERS:
                rows = found[layer][0].flatten(1)
                grams[part, layer] = rows @ rows.T / rows.shape[1]
        return Seen(grams, features)


def score(seen: Seen, painting: Seen, photo: Seen) -> Score:
    """Compare a picture with the painting and the photo it is to be like."""
    return Score(style_error(seen, painting), content_error(seen, photo))


def style_error(seen: Seen, painting: Seen) -> float:
    """Return the relative errors ‖G - A‖² / ‖A‖² of the Gram matrices, weighted by their shares."""
    whole = sum(STYLE_SIZES.values()) * sum(STYLE_LAYERS.values())
    return sum(
        STYLE_SIZES[part] * STYLE_LAYERS[layer] / whole * _relative(G, painting.grams[part, layer])
        for (part, layer), G in seen.grams.items()
    )


def content_error(seen: Seen, photo: Seen) -> float:
    """Return the relative errors ‖F - P‖² / ‖P‖² of the features, weighted by their shares."""
    whole = sum(CONTENT_SIZES.values())
    return sum(
        share / whole * _relative(seen.features[part], photo.features[part])
        for part, share in CONTENT_SIZES.items()
    )


def _shrunk(image: Tensor, part: int) -> Tensor:
    """Bring (1, 3, h, w) to a half or a quarter of its size, without aliasing."""
    if part == 1:
        return image
    return F.interpolate(image, scale_factor=1 / part, mode="bilinear", antialias=True)


def _relative(x: Tensor, target: Tensor) -> float:
    return float((x - target).square().sum() / target.square().sum())
