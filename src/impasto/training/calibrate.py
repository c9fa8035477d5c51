"""The weight of every style, so that all styles come out equally strong.

What makes a style strong is how far it takes the photo from itself. So a few photos are painted,
their pixels optimised against the very loss that the network is to be trained with, while the
weight of the style term is moved until the content term of the paintings is what it should be.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from impasto.training.criterion import Features, Grams, PerceptualLoss

DISTANCE = 0.3
"""What the content term of a painting should be: the squared features that may be lost."""

STEPS = 60
"""How many steps of Adam each style is painted for."""

_RATE = 0.03
_FIRST = 12
"""Steps before the weight begins to move."""

_GAIN = 0.25
_RANGE = (1e-4, 1e4)


class Calibration:
    """Paints photos (n, 3, h, w) RGB in [0, 1] in one style, and finds its weight on the way."""

    def __init__(self, loss: PerceptualLoss, photos: Tensor, gram: Grams) -> None:
        n = len(photos)
        self._loss = loss
        self._content: Features = loss.content(photos)
        self._grams = {name: G.expand(n, *G.shape[1:]) for name, G in gram.items()}
        self._paintings = photos.clone()
        self._optimizer = torch.optim.Adam([self._paintings], lr=_RATE)
        self.weight = 1.0
        self.content = self.style = math.nan

    @property
    def paintings(self) -> Tensor:
        """The paintings so far (n, 3, h, w)."""
        return self._paintings

    def run(self) -> float:
        """Paint to the end; return the weight."""
        for step in range(STEPS):
            self._step()
            if step >= _FIRST:
                low, high = _RANGE
                moved = self.weight * (DISTANCE / max(self.content, 1e-6)) ** _GAIN
                self.weight = min(max(moved, low), high)
        return self.weight

    def _step(self) -> None:
        weights = self._paintings.new_full((len(self._paintings),), self.weight)
        evaluation = self._loss.evaluate(self._paintings, self._content, self._grams, weights)
        self.content = float(evaluation.content.mean())
        self.style = float(evaluation.style.mean())
        self._paintings.grad = evaluation.gradient
        self._optimizer.step()
        self._paintings.clamp_(0, 1)
