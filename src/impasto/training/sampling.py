"""Draws the style, strength and noise of each picture of a step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from impasto.nets.architecture import Architecture
from impasto.nets.transformer import white_noise

_PARTIAL = 0.15
"""The share of pictures that are trained at a strength below 1."""

_POWER = 4
"""The exponent of the strength in the weight of the style term."""


@dataclass(frozen=True)
class Assignment:
    """For each of n pictures: the index of its style (n,), and its strength (n,) in [0, 1]."""

    styles: Tensor
    strengths: Tensor

    def part(self, rank: int, world: int) -> Assignment:
        """Return the part of process ``rank`` out of ``world``."""
        return Assignment(self.styles.chunk(world)[rank], self.strengths.chunk(world)[rank])

    def to(self, device: torch.device) -> Assignment:
        """Return the same on a device."""
        return Assignment(
            self.styles.to(device, non_blocking=True), self.strengths.to(device, non_blocking=True)
        )

    def mix(self, styles: int) -> Tensor:
        """Return (n, styles): the style with its strength, the photo (style 0) with the rest."""
        n = len(self.styles)
        mix = torch.zeros(n, styles, device=self.styles.device)
        mix[:, 0] = 1 - self.strengths
        return mix.scatter_add_(1, self.styles[:, None], self.strengths[:, None])

    def weights(self, weights: Tensor) -> Tensor:
        """Return the weight (n,) of each picture's style term, from the styles' weights."""
        return weights[self.styles] * self.strengths**_POWER


def assign(step: int, batch: int, styles: tuple[int, ...], seed: int) -> Assignment:
    """Draw styles and strengths; step and seed determine the result.

    Styles are drawn without replacement, also from one step to the next: each comes once before any
    comes again. So the consecutive pictures of one photo get different styles.
    """
    numbers = range(step * batch, (step + 1) * batch)
    drawn = [styles[_draw(number, len(styles), seed)] for number in numbers]
    draws = np.random.default_rng((seed, step)).random((2, batch))
    strengths = np.where(draws[0] < _PARTIAL, draws[1], 1)
    return Assignment(torch.tensor(drawn), torch.from_numpy(strengths).float())


def _draw(number: int, count: int, seed: int) -> int:
    turn, place = divmod(number, count)
    return int(np.random.default_rng((seed, 1, turn)).permutation(count)[place])


def noises(
    architecture: Architecture, step: int, batch: int, size: int, seed: int
) -> Mapping[str, Tensor]:
    """Draw the noise of a step's pictures on the CPU; step and seed determine the result."""
    entropy = np.random.SeedSequence((seed, 2, step)).generate_state(1, np.uint64)[0]
    generator = torch.Generator().manual_seed(int(entropy) % 2**63)
    return white_noise(architecture, batch, size, size, generator=generator)
