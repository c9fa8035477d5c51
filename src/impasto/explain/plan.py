"""The parts of an explanation and their costs."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from impasto.images import fit, with_pixel_count
from impasto.nets.feature_net import VGG19

CONTENT_LAYERS = ("relu1_2", "relu2_2", "relu3_2", "relu4_2", "relu5_2")
"""The layers to reconstruct the photo from, as in Gatys 2016, figure 1."""

_OPTIMIZER_COST = 14_000.0
"""Multiplications per pixel and step in L-BFGS, besides those of the network."""

STARTUP_COST = 2e10
"""The cost of reading the network and one first pass, in multiplications."""

_SHARE = 0.75
"""Long side of reconstructions relative to the painting: half the pixels take half the time."""


@dataclass(frozen=True)
class ReconstructionTask:
    """A picture to reconstruct from some layers only; ``kind`` is "content" or "style"."""

    kind: str
    layers: tuple[str, ...]

    @property
    def title(self) -> str:
        """The task in words."""
        made = "the photo from" if self.kind == "content" else "the style of"
        first, last = self.layers[0], self.layers[-1]
        return f"{made} {first}" if first == last else f"{made} {first} to {last}"


def reconstruction_tasks(style_layers: Iterable[str]) -> tuple[ReconstructionTask, ...]:
    """Return the tasks of figure 1: each content layer, and the first 1, 2, ... style layers."""
    layers = tuple(style_layers)
    contents = [ReconstructionTask("content", (name,)) for name in CONTENT_LAYERS]
    return (*contents, *(ReconstructionTask("style", layers[: i + 1]) for i in range(len(layers))))


def step_cost(layers: Iterable[str], pixels: int) -> float:
    """Return the multiplications of one step: forward, backward, and the optimiser."""
    macs, before = 0.0, 3
    for layer in VGG19.until(layers):
        if layer.kind == "conv":
            macs += 9 * before * layer.channels / layer.stride**2
            before = layer.channels
    return (2 * macs + _OPTIMIZER_COST) * pixels


def look_cost(layers: Iterable[str], pixels: int) -> float:
    """Return the cost of one float32 forward pass, about twice as slow per multiplication."""
    return step_cost(layers, pixels)


def small_side(
    photo: tuple[int, int], painting: tuple[int, int], size: int, layers: Iterable[str]
) -> int:
    """Return the long side of reconstructions: smaller than the painting's if that is enough.

    ``photo`` and ``painting`` are (width, height). If a side would be too short for the deepest
    layer, the result is ``size``.
    """
    side = math.ceil(size * _SHARE)
    least = 2 * VGG19.smallest_side(layers)
    width, height = fit(*photo, side)
    sides = (width, height, *with_pixel_count(*painting, width * height))
    return side if min(sides) >= least else size


def snapshots(steps: int, most: int) -> list[int]:
    """Return the steps whose pictures are shown: dense at first, when most changes.

    They run from 1 to ``steps``; there are at most ``most``.
    """
    count = min(steps, most)
    if count < 2:
        return [steps] if steps else []
    # Linear for about eight steps, then logarithmic, because each step changes less.
    onset = 8.0
    top = math.log1p((steps - 1) / onset)
    chosen = {1 + round(onset * math.expm1(top * i / (count - 1))) for i in range(count)}
    return sorted(chosen)
