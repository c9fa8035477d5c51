"""The loop that learns one row of a network while everything else is fixed: a generator of events.

A row has a few thousand numbers, so a few dozen crops are enough, one per step. A step computes
only what a row needs: the network's own weights get no gradient, the features of photos are
computed once, and most steps leave out the full size. Many small consecutive steps learn more than
fewer steps on several crops, even if those would use the processors better, and more than
asynchronous steps.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from impasto.errors import DivergedError
from impasto.events import Trained, TrainingEvent, Unreadable
from impasto.nets.architecture import Architecture, style_tensors
from impasto.training.crop_pool import CropBatch, CropPool
from impasto.training.loop import DelayedRead
from impasto.training.objectives import log_ratio, move_logs_, with_range_loss
from impasto.training.perceptual import Layers, PerceptualLoss, PerceptualTerms
from impasto.training.sampling import noises
from impasto.training.student import Student
from impasto.training.vector import Vector

_BATCH = {"cuda": 8}
"""Crops per step by type of device, one by default."""

_RARE = 4
"""One in this many steps compares pictures at full size, with the weight of all of them: full size
takes three quarters of the time of a step and contributes only fine texture."""

_WARM_UP = 8
"""Warm-up of the learning rate, in steps."""

_AVERAGE = 0.99
"""The decay of the moving average of the rows, after the first steps."""

_GAIN = 0.05
"""The step of the logarithm of the weight, times the logarithm of target content over measured
content. It is larger than in training, which has thousands of steps to find the weight."""

_SPIKES = 0.01
"""Weight of `Student.spikes`."""

_MOST_LOST = 10
"""Consecutive steps without a finite gradient after which the learning has diverged."""


class RowLoop:
    """Learns a row (P,) of an architecture, given the tensors that its styles share.

    ``painting`` has the Gram matrices of a `PerceptualLoss`; ``log`` is the initial logarithm of
    the style's weight, which is adjusted until the content term is ``distance``. ``length`` turns
    steps and seconds into a progress from 0 to 1.
    """

    def __init__(
        self,
        architecture: Architecture,
        shared: Mapping[str, Tensor],
        row: Tensor,
        *,
        criterion: PerceptualLoss,
        pool: CropPool,
        painting: Layers,
        distance: float,
        log: float,
        size: int,
        seed: int,
        learning_rate: float,
        precision: torch.dtype,
        length: Callable[[int, float], float],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.architecture = architecture
        self._criterion, self._pool, self._painting = criterion, pool, painting
        self._size, self._seed = size, seed
        self._rate, self._length, self._clock = learning_rate, length, clock
        self._device = row.device
        self.batch = _BATCH.get(row.device.type, 1)
        self.net = _network(architecture, shared, row, precision)
        self.vector = Vector({"row": nn.Parameter(row.clone())}, {}, average=_AVERAGE)
        self._log = row.new_tensor(log)
        self._asked = row.new_tensor(distance)
        self._late = DelayedRead(row.device)
        self.step, self.seconds = 0, 0.0
        # From the latest step whose numbers are known, which lags behind on a GPU.
        self.content = self.style = math.nan
        self.log = log
        self.stopped = False
        self.unreadable: set[str] = set()
        self._lost = 0

    @property
    def samples(self) -> int:
        """The number of pictures made so far."""
        return self.step * self.batch

    @property
    def row(self) -> Tensor:
        """The learnt row: the moving average, (P,)."""
        return self.vector.average

    def stop(self) -> None:
        """End after the current step."""
        self.stopped = True

    def run(self) -> Iterator[TrainingEvent]:
        """Learn from the current state to the end, or until stopped."""
        began = self._clock() - self.seconds
        stepped = False
        while not self.stopped and not (stepped and self._length(self.step, self.seconds) >= 1):
            passed = self._learn()
            self.step, stepped = self.step + 1, True
            self.seconds = max(self.seconds, self._clock() - began)
            for reason in passed:
                if reason not in self.unreadable:
                    self.unreadable.add(reason)
                    yield Unreadable(reason)
            yield self._event()

    def _learn(self) -> tuple[str, ...]:
        """Take a step on a few crops; return errors of the photos skipped."""
        numbers = range(self.step * self.batch, (self.step + 1) * self.batch)
        emphasis = self._emphasis(self.step)
        seen = self._pool(numbers, emphasis)
        found = self._found(seen, numbers, emphasis)
        gradients = [parameter.grad for parameter in self.net.style_parameters().values()]
        self.vector.gradient.copy_(torch.cat([g[0] for g in gradients if g is not None]))
        rate = self._rate * self._share_of_rate(self._length(self.step, self.seconds))
        finite = self.vector.step(rate, self.step)
        move_logs_(self._log, _GAIN * log_ratio(self._asked, found.content.mean()))
        terms = torch.stack([found.content.mean(), found.style.mean(), self._log, finite])
        self.content, self.style, self.log, taken = self._late(terms)
        self._lost = 0 if taken else self._lost + 1
        if self._lost >= _MOST_LOST:
            raise DivergedError(
                f"learning diverged at step {self.step}; try --learning-rate {self._rate / 4:g}"
            )
        return seen.passed

    def _emphasis(self, step: int) -> dict[float, float]:
        """Return the sizes that a step compares, with the factor of each."""
        largest = max(self._criterion.sizes)
        rest = {size: 1.0 for size in self._criterion.sizes if size != largest}
        return {**rest, largest: float(_RARE)} if step % _RARE == 0 or not rest else rest

    def _found(
        self, seen: CropBatch, numbers: Sequence[int], emphasis: Mapping[float, float]
    ) -> PerceptualTerms:
        """Evaluate the criterion on crops, leaving gradients in the network's row."""
        n, row = len(numbers), self.vector.values
        parameters = self.net.style_parameters().values()
        with torch.no_grad():
            for parameter, values in zip(parameters, split(row, self.architecture), strict=True):
                parameter[0].copy_(values)
                parameter.grad = None
        made = self.net(seen.crops, row.new_ones((n, 1)), self._noise(numbers))
        weights = self._log.exp().expand(n)
        painting = {
            size: {name: grams.expand(n, -1, -1) for name, grams in layers.items()}
            for size, layers in self._painting.items()
        }
        gradient, found = with_range_loss(
            made.detach(),
            lambda inside: self._criterion.evaluate(
                inside, seen.features, painting, weights, emphasis
            ),
        )
        torch.autograd.backward([made, _SPIKES * self.net.spikes()], [gradient, None])
        return found

    def _noise(self, numbers: Sequence[int]) -> dict[str, Tensor]:
        """Draw the noise of crops; it depends only on the number of each."""
        drawn = [noises(self.architecture, k, 1, self._size, self._seed) for k in numbers]
        return {name: torch.cat([one[name] for one in drawn]).to(self._device) for name in drawn[0]}

    def _share_of_rate(self, progress: float) -> float:
        """Return the factor of the rate: warm-up, then a cosine decay to a fifth.

        The moving average makes a further decay unnecessary.
        """
        warm = min(1.0, (self.step + 1) / _WARM_UP)
        return warm * (0.6 + 0.4 * math.cos(math.pi * progress))

    def _event(self) -> Trained:
        progress = min(self._length(self.step, self.seconds), 1.0)
        return Trained(
            step=self.step,
            samples=self.samples,
            progress=progress,
            loss=self.content + math.exp(self.log) * self.style,
            content=self.content,
            style=self.style,
            seconds=self.seconds,
            remaining=self.seconds * (1 - progress) / max(progress, 1e-9),
            unreadable=len(self.unreadable),
        )

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Return everything needed to continue: tensors, and plain data."""
        data = {"step": self.step, "seconds": self.seconds}
        return {**self.vector.state(), "log": self._log}, data

    def restore(self, tensors: Mapping[str, Tensor], data: Mapping[str, Any]) -> None:
        """Restore the result of `state`, from a loop with the same arguments."""
        self.vector.restore(tensors)
        self.step, self.seconds = int(data["step"]), float(data["seconds"])
        self._log.copy_(tensors["log"])
        self.log = float(self._log)


def split(row: Tensor, architecture: Architecture) -> list[Tensor]:
    """Split a row (P,) into views (c,), in the order of `style_tensors`."""
    shapes = architecture.shapes(1)
    lengths = [math.prod(shapes[name]) for name in style_tensors(architecture)]
    return list(torch.split(row, lengths))


def _network(
    architecture: Architecture, shared: Mapping[str, Tensor], row: Tensor, precision: torch.dtype
) -> Student:
    """Return a network with one style, in which only its row has a gradient."""
    net = Student(architecture, 1, precision).to(row.device)
    for name, tensor in shared.items():
        parameter = net.get_parameter(name)
        parameter.data = tensor.to(row.device)
        parameter.requires_grad_(False)
    return net
