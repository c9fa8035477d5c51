"""What there is to do, and what each part of it costs."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from impasto.images import fit, with_pixel_count
from impasto.nets.feature_net import VGG19

CONTENT_LAYERS = ("relu1_2", "relu2_2", "relu3_2", "relu4_2", "relu5_2")
"""The layers that a photo is reconstructed from: those of Gatys 2016, figure 1."""

_MOVING = 14_000.0
"""Multiplications a pixel that L-BFGS does at each step, beside the network's."""

OPENING = 2e10
"""Multiplications that could be done in the time it takes to read the network and to look once."""

_SHARE = 0.75
"""Reconstructions have so much of the painting's long side: half of the pixels, half the time."""


@dataclass(frozen=True)
class Alone:
    """A picture to be made by some layers alone: "content" or "style"."""

    kind: str
    layers: tuple[str, ...]

    @property
    def title(self) -> str:
        """What is done, in words."""
        made = "the photo from" if self.kind == "content" else "the style of"
        first, last = self.layers[0], self.layers[-1]
        return f"{made} {first}" if first == last else f"{made} {first} to {last}"


def pictures_to_make(style_layers: Iterable[str]) -> tuple[Alone, ...]:
    """Return what figure 1 shows: each content layer alone, each beginning of the style layers."""
    layers = tuple(style_layers)
    contents = [Alone("content", (name,)) for name in CONTENT_LAYERS]
    return (*contents, *(Alone("style", layers[: i + 1]) for i in range(len(layers))))


def step_cost(layers: Iterable[str], pixels: int) -> float:
    """Return the multiplications of one step: there and back through the network, and the move."""
    macs, before = 0.0, 3
    for layer in VGG19.until(layers):
        if layer.kind == "conv":
            macs += 9 * before * layer.channels / layer.stride**2
            before = layer.channels
    return (2 * macs + _MOVING) * pixels


def look_cost(layers: Iterable[str], pixels: int) -> float:
    """Return the multiplications of one look, in float32: it takes about twice as long."""
    return step_cost(layers, pixels)


def small_side(
    photo: tuple[int, int], painting: tuple[int, int], size: int, layers: Iterable[str]
) -> int:
    """Return the long side of reconstructions: smaller than the painting's, where that is enough.

    ``photo`` and ``painting`` are (width, height). Where a side would be too short for the
    deepest layer, the painting's own size it is.
    """
    side = math.ceil(size * _SHARE)
    least = 2 * VGG19.smallest_side(layers)
    width, height = fit(*photo, side)
    sides = (width, height, *with_pixel_count(*painting, width * height))
    return side if min(sides) >= least else size


def moments(steps: int, most: int) -> list[int]:
    """Return the steps whose pictures are shown: dense at first, where most happens.

    They start with 1, end with ``steps``, and are at most ``most``.
    """
    count = min(steps, most)
    if count < 2:
        return [steps] if steps else []
    # Linear for some eight steps, then logarithmic, as the change from step to step falls.
    onset = 8.0
    top = math.log1p((steps - 1) / onset)
    chosen = {1 + round(onset * math.expm1(top * i / (count - 1))) for i in range(count)}
    return sorted(chosen)
