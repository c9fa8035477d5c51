"""The objectives of training: match paintings, or match the output of a larger network."""

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
"""The step of the logarithm of a style's weight per picture, times the logarithm of target content
over measured content."""

_RANGE = 10.0
"""Weight of the squared amount by which values leave [0, 1]."""

_LEAST_WEIGHT, _MOST_WEIGHT = -4.0, 6.0
"""Bounds of the logarithm of a style's weight."""

_SOFT = 1e-4
"""ε² of the Charbonnier distance: above ε, a difference counts linearly."""

_HALVES = (1.0, 0.5, 0.5)
"""Weights of the pictures' differences at full, half and quarter size."""


@dataclass(frozen=True)
class Batch:
    """The inputs of a step: several consecutive pictures for each photo.

    ``photos`` is (k, 3, h, w), ``inputs`` (n, 3, h, w) has the photo of each picture; ``chosen``,
    ``mix`` (n, styles) and ``noise`` give each picture's style, strength and noise.
    """

    photos: Tensor
    inputs: Tensor
    chosen: Assignment
    mix: Tensor
    noise: Mapping[str, Tensor]


@dataclass(frozen=True)
class ObjectiveValue:
    """The gradient of a loss, and its terms: one number each, float32.

    ``gradient`` (n, 3, h, w) is with respect to the pictures. ``content`` and ``style`` are means
    over the pictures at full strength, times ``whole``, the share of such pictures. ``moves``
    (styles,) is added to the logarithms of the styles' weights.
    """

    gradient: Tensor
    loss: Tensor
    content: Tensor
    style: Tensor
    whole: Tensor
    moves: Tensor


class HasGradient(Protocol):
    """The result of evaluating pictures, with at least the gradient (n, 3, h, w) of a loss."""

    @property
    def gradient(self) -> Tensor:
        """The gradient with respect to the pictures."""
        ...


T = TypeVar("T", bound=HasGradient)


@torch.no_grad()
def with_range_loss(made: Tensor, judge: Callable[[Tensor], T]) -> tuple[Tensor, T]:
    """Evaluate a network's output (n, 3, h, w), clipped to [0, 1], and add a loss for the clipping.

    Returns the gradient of both with respect to the output, and the result of ``judge``.
    """
    inside = made.clamp(0, 1)
    found = judge(inside)
    beyond = made - inside
    # Clipped values get the gradient of the loss only where it pulls them back into the range.
    gradient = found.gradient.masked_fill(beyond * found.gradient < 0, 0)
    return gradient.add_(beyond, alpha=2 * _RANGE / made.numel()), found


def log_ratio(asked: Tensor, found: Tensor) -> Tensor:
    """Return log(asked / found); 0 where it is not finite."""
    return torch.log(asked / found.clamp_min(1e-6)).nan_to_num(0, 0, 0)


def move_logs_(logs: Tensor, moves: Tensor) -> None:
    """Update the logarithms of weights in place, within their bounds."""
    logs.add_(moves).clamp_(_LEAST_WEIGHT, _MOST_WEIGHT)


class TrainingObjective(Protocol):
    """A loss for the pictures of a step."""

    @property
    def styles(self) -> tuple[int, ...]:
        """The indices of the styles that it covers."""
        ...

    def __call__(self, made: Tensor, batch: Batch) -> ObjectiveValue:
        """Evaluate pictures (n, 3, h, w), RGB in [0, 1]."""
        ...


class PaintingObjective:
    """Compares with photos and paintings by the content and style terms of a `PerceptualLoss`.

    ``paintings`` has a row for each of ``styles``. How strong a style is depends on how far it
    changes a photo, so each has a target for the content term, ``distances``; the weight of its
    style term is adjusted until pictures at full strength reach it. ``logs`` (all styles,) are the
    logarithms of the weights.
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
        # By the index of a style: its painting's row, and its target.
        self._rows = torch.zeros(len(logs), dtype=torch.long, device=logs.device)
        self._asked = torch.ones_like(logs)
        numbers = torch.tensor(self.styles, device=logs.device)
        self._rows[numbers] = torch.arange(len(numbers), device=logs.device)
        self._asked[numbers] = logs.new_tensor(distances)

    def __call__(self, made: Tensor, batch: Batch) -> ObjectiveValue:
        """Evaluate pictures against the photos and the paintings."""
        of = batch.chosen
        weights = of.weights(self.logs.exp())
        paintings = chosen(self._paintings, self._rows[of.styles])
        photos = self._criterion.photos(batch.photos)
        found = self._criterion.evaluate(made, photos, paintings, weights)
        far = log_ratio(self._asked[of.styles], found.content)
        whole = (of.strengths == 1).float()
        moves = torch.zeros_like(self.logs).index_add_(0, of.styles, _GAIN * whole * far)
        loss = (found.content + weights * found.style).mean()
        content, style = ((whole * term).mean() for term in (found.content, found.style))
        return ObjectiveValue(found.gradient, loss, content, style, whole.mean(), moves)

    def balance(self, moves: Tensor) -> None:
        """Update the weights."""
        move_logs_(self.logs, moves)


@dataclass(frozen=True)
class TeacherObjective:
    """Compares with a larger network's output for the same photo, mix and noise.

    The loss is the Charbonnier distance between the pictures at three sizes, and between their
    differences of neighbouring pixels. ``rows`` are the teacher's styles in the order of the
    network's; ``styles`` are the network's styles that this objective covers.
    """

    teacher: TransferNet
    rows: Sequence[int]
    styles: tuple[int, ...]

    def __call__(self, made: Tensor, batch: Batch) -> ObjectiveValue:
        """Evaluate pictures against the teacher's."""
        mix = batch.mix.new_zeros(len(batch.mix), self.teacher.styles)
        mix[:, list(self.rows)] = batch.mix
        with torch.no_grad():
            target = self.teacher(batch.inputs, mix, batch.noise).clamp(0, 1)
        with torch.enable_grad():
            made = made.detach().requires_grad_(True)
            loss = distance(made, target)
            (gradient,) = torch.autograd.grad(loss, made)
        nothing = loss.new_zeros(())
        return ObjectiveValue(gradient, loss.detach(), nothing, nothing, nothing, nothing)


def distance(x: Tensor, y: Tensor) -> Tensor:
    """Return the distance between pictures (n, 3, h, w), in pixel values and in edges."""
    loss = sum(
        _charbonnier(x.diff(dim=dim) - y.diff(dim=dim)) for dim in (2, 3)
    ) + x.new_zeros(())  # fmt: skip
    for weight in _HALVES:
        loss = loss + weight * _charbonnier(x - y)
        x, y = F.avg_pool2d(x, 2), F.avg_pool2d(y, 2)
    return loss


def _charbonnier(difference: Tensor) -> Tensor:
    return (difference.square() + _SOFT).sqrt().mean()
