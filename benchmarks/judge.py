"""The objective of a network's training: to score pictures with it, and to paint by it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from impasto import Painter, PaintOptions, weights
from impasto.events import Step
from impasto.images import Picture, fit, resize
from impasto.images.tensors import to_tensor
from impasto.nets import vgg
from impasto.optimize.device import choose_device
from impasto.options import TrainOptions
from impasto.painter import Sources
from impasto.training.criterion import Features, Grams, PerceptualLoss
from impasto.zoo.pack import Pack

AGREE = 1e-3
"""How far apart, relatively, the two scorings of one picture may be."""

_LEAST = 1e-8  # as `training.criterion` adds it to every mean square that is divided by
_LEVELS = 255  # the painter takes total variation of levels, the training of [0, 1]

RGB = NDArray[np.float32]


@dataclass(frozen=True)
class Score:
    """The terms of a picture, and their weighted sum."""

    content: float
    style: float
    total: float


class Judge:
    """The objective of a pack's training, for one picture at a time, in float32."""

    def __init__(self, pack: Pack, device: str) -> None:
        self.options = TrainOptions.from_dict(pack.card.training["options"])
        self.device = choose_device(device)
        found = weights.find(self.options.weights)
        self.net = vgg.build(found, padding="replicate").prepare(self.device, torch.float32)
        self.loss = PerceptualLoss(
            self.net,
            content_layers=(self.options.content_layer,),
            style_layers=self.options.style_shares,
            tv_weight=self.options.tv_weight,
        )

    def tensor(self, rgb: RGB) -> Tensor:
        """Return (1, 3, h, w) on the device."""
        return to_tensor(rgb, self.device)

    def painted(self, picture: Picture) -> RGB:
        """Return a painting at the size that the training saw."""
        size = fit(picture.width, picture.height, self.options.style_size)
        return resize(picture.rgb, *size)

    def score(self, image: Tensor, content: Features, grams: Grams, weight: float) -> Score:
        """Score (1, 3, h, w)."""
        found = self.loss.evaluate(image, content, grams, image.new_tensor([weight]))
        c, s, tv = (float(term) for term in (found.content, found.style, found.tv))
        return Score(c, s, c + weight * s + self.options.tv_weight * tv)

    def paint_options(
        self, content: Features, grams: Grams, weight: float, *, size: int, steps: int
    ) -> PaintOptions:
        """Return the painter's options under which its objective is this one.

        Its terms are mean squares where these are relative, so its weights divide by the mean
        squares of the photo's features and of the painting's Gram matrices.
        """
        layer = self.options.content_layer
        shares = self.options.style_shares
        whole = sum(shares.values())
        style_layers = tuple(
            (name, weight * share / whole / (_mean_square(grams[name]) + _LEAST))
            for name, share in shares.items()
        )
        return PaintOptions(
            preset="gatys",
            optimizer="lbfgs",
            init="content",
            scales="single",
            padding="replicate",
            precision="float32",
            content_layers=((layer, 1 / (_mean_square(content[layer]) + _LEAST)),),
            style_layers=style_layers,
            tv_weight=self.options.tv_weight / _LEVELS**2,
            weights=self.options.weights,
            device=str(self.device),
            size=size,
            steps=steps,
        )

    def paint(
        self, rgb: RGB, painting: RGB, content: Features, grams: Grams, weight: float, steps: int
    ) -> tuple[Tensor, list[float]]:
        """Return what L-BFGS makes of a photo, (1, 3, h, w) as the optimiser has it, and its way.

        The way is the least loss so far, at the photo and after each step.

        Ends the program if the painter's objective is not this one.
        """
        size = max(rgb.shape[:2])
        options = self.paint_options(content, grams, weight, size=size, steps=steps)
        painter = SameNet(self.net, rgb, painting, options)
        losses = [event.loss for event in painter if isinstance(event, Step)]
        image = painter._engine.picture
        agreed(self.score(self.tensor(rgb), content, grams, weight).total, losses[0])
        agreed(self.score(image, content, grams, weight).total, min(losses))
        return image, list(accumulate(losses, min))


class SameNet(Painter):
    """A painter with a network that is there already, and a painting at a size of its own."""

    def __init__(self, net: vgg.VGG19, *what: Any) -> None:
        self._given = net
        super().__init__(*what)

    def _read(self, *what: Any) -> Sources:
        return OwnSize(*what)

    def _build_net(self) -> vgg.VGG19:
        return self._given


class OwnSize(Sources):
    """Pictures of which the painting stays at the size it has."""

    def style_size(self, number: int, scale: Any) -> tuple[int, int]:  # noqa: ARG002
        """Return width and height of a painting."""
        h, w, _ = self.styles[number].rgb.shape
        return w, h


def agreed(one: float, other: float) -> None:
    """End the program if two scorings of one picture differ."""
    if abs(one - other) > AGREE * max(abs(one), abs(other)):
        raise SystemExit(f"the scorings differ: {one} in training, {other} in painting")


def _mean_square(x: Tensor) -> float:
    return float(x.float().square().mean())
