"""Losses whose minimum is known, for optimisers and engines."""

from __future__ import annotations

import torch
from torch import Tensor

from impasto.losses.objective import Evaluation


class Exact:
    """An objective that relaxes nothing."""

    def refine(self) -> None:
        return None

    def state(self) -> dict:
        return {}

    def restore(self, state: dict) -> None:
        assert not state


class Quadratic(Exact):
    """½ Σ stiffness (x - target)²: told in full by its formula."""

    def __init__(self, target: Tensor, stiffness: Tensor | float = 1.0) -> None:
        self.target, self.stiffness = target, stiffness

    def __call__(self, x: Tensor) -> tuple[float, Tensor]:
        away = x - self.target
        gradient = self.stiffness * away
        return float((gradient * away).sum()) / 2, gradient

    def evaluate(self, image: Tensor) -> Evaluation:
        loss, gradient = self(image)
        terms = {"content relu1_1": loss / 4, "style relu1_1": loss / 2, "tv": loss / 4}
        return Evaluation(sum(terms.values()), terms, loss, gradient)


def rosenbrock(x: Tensor) -> tuple[float, Tensor]:
    """Σ 100 (b - a²)² + (1 - a)² over pairs (a, b): a bent valley, 0 where all are 1."""
    flat = x.flatten()
    a, b = flat[::2], flat[1::2]
    loss = 100 * (b - a**2) ** 2 + (1 - a) ** 2
    gradient = torch.empty_like(flat)
    gradient[::2] = -400 * a * (b - a**2) - 2 * (1 - a)
    gradient[1::2] = 200 * (b - a**2)
    return float(loss.sum()), gradient.view(x.shape)


def picture(height: int = 4, width: int = 5, seed: int = 0, dtype=torch.float32) -> Tensor:
    random = torch.Generator().manual_seed(seed)
    return torch.rand(1, 3, height, width, generator=random, dtype=dtype)


def copied(state: dict) -> dict:
    """A state as a file would keep it: nothing shared with who goes on."""
    return {k: v.clone() if isinstance(v, Tensor) else v for k, v in state.items()}
