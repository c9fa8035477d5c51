"""What a step of training asks for: pictures as paintings say, or as a larger network paints."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import torch
from torch import Tensor
from torch.nn import functional as F

from impasto.nets.transformer import TransferNet
from impasto.training.perceptual import Layers, PerceptualLoss, chosen
from impasto.training.sampling import Assignment

_GAIN = 0.02
"""How far a picture moves the logarithm of its style's weight, times that of what is asked over
what it has."""

_RANGE = 10.0
"""Weight of the squared amount by which values leave [0, 1]."""

_LEAST_WEIGHT, _MOST_WEIGHT = -4.0, 6.0
"""Where the logarithm of a style's weight stays."""

_SOFT = 1e-4
"""The square of the difference from which on a difference counts in proportion."""

_HALVES = (1.0, 0.5, 0.5)
"""What pictures' differences weigh: as they are, at half and at a quarter of the size."""


@dataclass(frozen=True)
class Batch:
    """What pictures are made of: as many, one after the other, of each photo.

    ``photos`` (k, 3, h, w) and ``inputs`` (n, 3, h, w), the same for each picture; ``chosen``,
    ``mix`` (n, styles) and ``noise`` say what each is to be.
    """

    photos: Tensor
    inputs: Tensor
    chosen: Assignment
    mix: Tensor
    noise: Mapping[str, Tensor]


@dataclass(frozen=True)
class Asked:
    """The gradient of a loss, and its terms: one number each, float32.

    ``gradient`` (n, 3, h, w) is with respect to the pictures. ``content`` and ``style`` are those
    of pictures at full strength, times ``whole``, the part of the pictures that are. ``moves``
    (styles,) says what is added to the logarithms of the styles' weights.
    """

    gradient: Tensor
    loss: Tensor
    content: Tensor
    style: Tensor
    whole: Tensor
    moves: Tensor


class Judged(Protocol):
    """What was found of pictures: at least the gradient (n, 3, h, w) of a loss."""

    @property
    def gradient(self) -> Tensor:
        """With respect to the pictures."""
        ...


T = TypeVar("T", bound=Judged)


@torch.no_grad()
def within(made: Tensor, judge: Callable[[Tensor], T]) -> tuple[Tensor, T]:
    """Judge what a network made (n, 3, h, w), clipped to [0, 1]; what was clipped costs, too.

    Return the gradient of both with respect to what was made, and what the judge found.
    """
    inside = made.clamp(0, 1)
    found = judge(inside)
    beyond = made - inside
    # What is clipped feels the loss only where that pulls it back.
    gradient = found.gradient.masked_fill(beyond * found.gradient < 0, 0)
    return gradient.add_(beyond, alpha=2 * _RANGE / made.numel()), found


def missing(asked: Tensor, found: Tensor) -> Tensor:
    """Return how far contents are from what is asked, in logarithms; 0 for what is not finite."""
    return torch.log(asked / found.clamp_min(1e-6)).nan_to_num(0, 0, 0)


def balanced_(logs: Tensor, moves: Tensor) -> None:
    """Move the logarithms of weights, in place, to where they stay."""
    logs.add_(moves).clamp_(_LEAST_WEIGHT, _MOST_WEIGHT)


class TrainingObjective(Protocol):
    """Asks something of pictures."""

    @property
    def styles(self) -> tuple[int, ...]:
        """The numbers of the styles it can ask for."""
        ...

    def __call__(self, made: Tensor, batch: Batch) -> Asked:
        """Judge pictures (n, 3, h, w), RGB in [0, 1]."""
        ...


class Painted:
    """Asks for content and style, the terms of a `PerceptualLoss`.

    ``paintings`` has a row for each of ``styles``. What makes a style strong is how far it takes a
    photo from itself, so what is asked of each is a content term, ``distances``; the weight of its
    style term moves until that is what pictures at full strength have. ``logs`` (all styles,) are
    the logarithms of the weights.
    """

    def __init__(
        self,
        criterion: PerceptualLoss,
        paintings: Layers,
        styles: Sequence[int],
        distances: Sequence[float],
        logs: Tensor,
    ) -> None:
        self.styles = tuple(styles)
        self.logs = logs
        self._criterion = criterion
        self._paintings = paintings
        # By the number of a style: its painting's row, and what is asked.
        self._rows = torch.zeros(len(logs), dtype=torch.long, device=logs.device)
        self._asked = torch.ones_like(logs)
        numbers = torch.tensor(self.styles, device=logs.device)
        self._rows[numbers] = torch.arange(len(numbers), device=logs.device)
        self._asked[numbers] = logs.new_tensor(distances)

    def __call__(self, made: Tensor, batch: Batch) -> Asked:
        """Judge pictures by the photos and the paintings."""
        of = batch.chosen
        weights = of.weights(self.logs.exp())
        paintings = chosen(self._paintings, self._rows[of.styles])
        photos = self._criterion.photos(batch.photos)
        found = self._criterion.evaluate(made, photos, paintings, weights)
        far = missing(self._asked[of.styles], found.content)
        whole = (of.strengths == 1).float()
        moves = torch.zeros_like(self.logs).index_add_(0, of.styles, _GAIN * whole * far)
        loss = (found.content + weights * found.style).mean()
        content, style = ((whole * term).mean() for term in (found.content, found.style))
        return Asked(found.gradient, loss, content, style, whole.mean(), moves)

    def balance(self, moves: Tensor) -> None:
        """Move the weights."""
        balanced_(self.logs, moves)


@dataclass(frozen=True)
class Taught:
    """Asks for what a larger network makes of the same photo, in the same mix and noise.

    The Charbonnier distance of the pictures, at three sizes, and of their steps from pixel to
    pixel. ``rows`` are the teacher's styles, in the order of the network's; ``styles`` those of
    the network's that are asked for.
    """

    teacher: TransferNet
    rows: Sequence[int]
    styles: tuple[int, ...]

    def __call__(self, made: Tensor, batch: Batch) -> Asked:
        """Judge pictures by the teacher's."""
        mix = batch.mix.new_zeros(len(batch.mix), self.teacher.styles)
        mix[:, list(self.rows)] = batch.mix
        with torch.no_grad():
            target = self.teacher(batch.inputs, mix, batch.noise).clamp(0, 1)
        with torch.enable_grad():
            made = made.detach().requires_grad_(True)
            loss = distance(made, target)
            (gradient,) = torch.autograd.grad(loss, made)
        nothing = loss.new_zeros(())
        return Asked(gradient, loss.detach(), nothing, nothing, nothing, nothing)


def distance(x: Tensor, y: Tensor) -> Tensor:
    """Return how far pictures (n, 3, h, w) are from others: in places, and in edges."""
    loss = sum(
        _charbonnier(x.diff(dim=dim) - y.diff(dim=dim)) for dim in (2, 3)
    ) + x.new_zeros(())  # fmt: skip
    for weight in _HALVES:
        loss = loss + weight * _charbonnier(x - y)
        x, y = F.avg_pool2d(x, 2), F.avg_pool2d(y, 2)
    return loss


def _charbonnier(difference: Tensor) -> Tensor:
    return (difference.square() + _SOFT).sqrt().mean()
