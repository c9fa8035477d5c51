"""What each picture of a step is to be: which style, at which strength, with which noise."""

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
"""The weight of a style falls with this power of the strength: it acts on a scale of magnitudes."""


@dataclass(frozen=True)
class Assignment:
    """For each of n pictures: the style's number (n,), and its strength (n,) in [0, 1]."""

    styles: Tensor
    strengths: Tensor

    def part(self, rank: int, world: int) -> Assignment:
        """Return what process ``rank`` of ``world`` has to do of it."""
        return Assignment(self.styles.chunk(world)[rank], self.strengths.chunk(world)[rank])

    def to(self, device: torch.device) -> Assignment:
        """Return the same on a device."""
        return Assignment(
            self.styles.to(device, non_blocking=True), self.strengths.to(device, non_blocking=True)
        )

    def mix(self, styles: int) -> Tensor:
        """Return (n, styles): the style by its strength, the photo (style 0) by the rest."""
        n = len(self.styles)
        mix = torch.zeros(n, styles, device=self.styles.device)
        mix[:, 0] = 1 - self.strengths
        return mix.scatter_add_(1, self.styles[:, None], self.strengths[:, None])

    def weights(self, weights: Tensor) -> Tensor:
        """Return the weight (n,) of each picture's style term, from those of the styles."""
        return weights[self.styles] * self.strengths**_POWER


def assign(step: int, batch: int, styles: tuple[int, ...], seed: int) -> Assignment:
    """Deal styles and strengths; the same for the same step and seed.

    Styles are dealt like cards: every one comes once before any comes again, from one step to the
    next. So those of a photo, which follow each other, are different ones.
    """
    numbers = range(step * batch, (step + 1) * batch)
    dealt = [styles[_card(number, len(styles), seed)] for number in numbers]
    draws = np.random.default_rng((seed, step)).random((2, batch))
    strengths = np.where(draws[0] < _PARTIAL, draws[1], 1)
    return Assignment(torch.tensor(dealt), torch.from_numpy(strengths).float())


def _card(number: int, count: int, seed: int) -> int:
    deal, place = divmod(number, count)
    return int(np.random.default_rng((seed, 1, deal)).permutation(count)[place])


def noises(
    architecture: Architecture, step: int, batch: int, size: int, seed: int
) -> Mapping[str, Tensor]:
    """Draw the noise of a step's pictures, on the CPU; the same for the same step and seed."""
    entropy = np.random.SeedSequence((seed, 2, step)).generate_state(1, np.uint64)[0]
    generator = torch.Generator().manual_seed(int(entropy) % 2**63)
    return white_noise(architecture, batch, size, size, generator=generator)
