"""Which style, at which strength, each crop of a batch is to be given."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

_PARTIAL = 0.15
"""The share of crops that are trained at a strength below 1."""

_POWER = 4
"""The weight of a style falls with this power of the strength: it acts on a scale of magnitudes."""


@dataclass(frozen=True)
class Assignment:
    """For each of n crops: the style's number (n,), and its strength (n,) in [0, 1]."""

    styles: Tensor
    strengths: Tensor

    def part(self, rank: int, world: int) -> Assignment:
        """Return what process ``rank`` of ``world`` has to do of it."""
        return Assignment(
            self.styles.chunk(world)[rank].clone(), self.strengths.chunk(world)[rank].clone()
        )

    def mix(self, styles: int) -> Tensor:
        """Return (n, styles): the style by its strength, the photo (style 0) by the rest."""
        n = len(self.styles)
        mix = torch.zeros(n, styles, device=self.styles.device)
        mix[:, 0] = 1 - self.strengths
        mix[torch.arange(n), self.styles] += self.strengths
        return mix

    def weights(self, weights: Tensor) -> Tensor:
        """Return the weight (n,) of each crop's style term, from those of the styles."""
        return weights[self.styles] * self.strengths**_POWER


def assign(step: int, batch: int, styles: range, seed: int) -> Assignment:
    """Draw styles out of a range of numbers; the same for the same step and seed."""
    rng = np.random.default_rng((seed, step))
    # Every style comes as often as any other, in each batch as far as it goes.
    rows = np.concatenate([rng.permutation(styles) for _ in range(-(-batch // len(styles)))])
    draws = rng.random((2, batch))
    strengths = np.where(draws[0] < _PARTIAL, draws[1], 1)
    return Assignment(torch.from_numpy(rows[:batch]), torch.from_numpy(strengths).float())
