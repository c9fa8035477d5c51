"""The loop that learns one row of a network in which all else is held: a generator of events.

A row has a few thousand numbers, so some dozens of crops are enough, one or two a step. What is
computed in a step is cut to what a row needs: the network's own weights get no gradient, photos'
features are found once, and crops are shared out to threads of this process, each with one of the
processors, which spares them waiting for each other at every layer.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from impasto.errors import DivergedError
from impasto.events import Trained, TrainingEvent, Unreadable
from impasto.nets.architecture import Architecture, style_tensors
from impasto.training.criterion import Criterion, Layers
from impasto.training.objectives import moved, within
from impasto.training.pool import Pool
from impasto.training.sampling import noises
from impasto.training.student import Student
from impasto.training.vector import Vector

_BATCH = {"cuda": 8}
"""Crops of a step, by the kind of device; else `_FEW`."""

_FEW = 2

_WARM_UP = 8
"""Steps until the learning rate is at its largest."""

_AVERAGE = 0.99
"""How much of itself the average of the rows keeps at each step, once it is under way."""

_SPIKES = 0.01
"""Weight of `Student.spikes`."""

_MOST_LOST = 10
"""Steps in a row without a finite gradient, after which the learning has diverged."""


@dataclass(frozen=True)
class Part:
    """What a part of a step's crops says: the mean of the gradients, and of the terms."""

    gradient: Tensor
    content: float
    style: float
    passed: tuple[str, ...]


class RowLoop:
    """Learns a row (P,) of an architecture, on the tensors that its styles share.

    ``painting`` has the Gram matrices of a `Criterion`, ``log`` is the logarithm of the style's
    weight at the start; it moves until the content is ``distance``. ``length`` turns steps and
    seconds to a progress from 0 to 1.
    """

    def __init__(
        self,
        architecture: Architecture,
        shared: Mapping[str, Tensor],
        row: Tensor,
        *,
        criterion: Criterion,
        pool: Pool,
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
        self._distance, self._size, self._seed = distance, size, seed
        self._rate, self._length, self._clock = learning_rate, length, clock
        self._device = row.device
        self.batch = _BATCH.get(row.device.type, _FEW)
        self._workers = min(self.batch, processors()) if row.device.type == "cpu" else 1
        self.nets = [_network(architecture, shared, row, precision) for _ in range(self._workers)]
        self.vector = Vector({"row": nn.Parameter(row.clone())}, {}, average=_AVERAGE)
        self.log = log
        self.step, self.seconds = 0, 0.0
        self.content = self.style = math.nan
        self.stopped = False
        self.unreadable: set[str] = set()
        self._lost = 0

    @property
    def samples(self) -> int:
        """How many pictures were made to learn from."""
        return self.step * self.batch

    @property
    def row(self) -> Tensor:
        """What has been learnt: the average of the latest rows, (P,)."""
        return self.vector.average

    def stop(self) -> None:
        """End after the step under way."""
        self.stopped = True

    def run(self) -> Iterator[TrainingEvent]:
        """Learn to the end, or on from where the state is, or until it was stopped."""
        began = self._clock() - self.seconds
        with _threads(self._workers) as share:
            while self._length(self.step, self.seconds) < 1 and not self.stopped:
                parts = self._learn(share)
                self.step += 1
                self.seconds = max(self.seconds, self._clock() - began)
                for reason in (reason for part in parts for reason in part.passed):
                    if reason not in self.unreadable:
                        self.unreadable.add(reason)
                        yield Unreadable(reason)
                yield self._event()

    def _learn(self, share: Share) -> list[Part]:
        """See a few crops and move."""
        numbers = range(self.step * self.batch, (self.step + 1) * self.batch)
        groups = [numbers[worker :: self._workers] for worker in range(self._workers)]
        parts = share(self._part, list(zip(self.nets, groups, strict=True)))
        shares = [len(group) / self.batch for group in groups]
        self.content = math.fsum(w * p.content for w, p in zip(shares, parts, strict=True))
        self.style = math.fsum(w * p.style for w, p in zip(shares, parts, strict=True))
        gradients = [w * part.gradient for w, part in zip(shares, parts, strict=True)]
        self.vector.gradient.copy_(torch.stack(gradients).sum(0))
        rate = self._rate * self._share_of_rate(self._length(self.step, self.seconds))
        finite = bool(self.vector.step(rate, self.step))
        self._lost = 0 if finite else self._lost + 1
        if self._lost >= _MOST_LOST:
            raise DivergedError(
                f"learning diverged at step {self.step}: try --learning-rate {self._rate / 4:g}"
            )
        self.log = moved(self.log, self._distance, self.content, self.batch)
        return parts

    def _part(self, net: Student, numbers: Sequence[int]) -> Part:
        """Return what some crops say, computed with a network of one's own."""
        row = self.vector.values
        parameters = _rows_of(net)
        with torch.no_grad():
            for parameter, values in zip(parameters, split(row, self.architecture), strict=True):
                parameter[0].copy_(values)
                parameter.grad = None
        seen = self._pool(numbers)
        n = len(numbers)
        noise = noises(self.architecture, numbers[0], n, self._size, self._seed)
        mix = row.new_ones((n, 1))
        made = net(seen.crops, mix, {name: field.to(row.device) for name, field in noise.items()})
        weights = row.new_full((n,), math.exp(self.log))
        painting = {
            size: {name: grams.expand(n, -1, -1) for name, grams in layers.items()}
            for size, layers in self._painting.items()
        }
        gradient, found = within(
            made.detach(),
            lambda inside: self._criterion.evaluate(inside, seen.features, painting, weights),
        )
        torch.autograd.backward([made, _SPIKES * net.spikes()], [gradient, None])
        of_row = torch.cat([parameter.grad[0] for parameter in parameters])  # type: ignore[index]
        return Part(of_row, found.content.mean().item(), found.style.mean().item(), seen.passed)

    def _share_of_rate(self, progress: float) -> float:
        """Warm up, then fall along a cosine to a hundredth."""
        warm = min(1.0, (self.step + 1) / _WARM_UP)
        return warm * (0.505 + 0.495 * math.cos(math.pi * progress))

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
        """Return all that goes on from here needs: tensors, and plain data."""
        data = {"step": self.step, "seconds": self.seconds, "log": self.log}
        return self.vector.state(), data

    def restore(self, tensors: Mapping[str, Tensor], data: Mapping[str, Any]) -> None:
        """Take what `state` gave of a loop built alike."""
        self.vector.restore(tensors)
        self.step, self.seconds = int(data["step"]), float(data["seconds"])
        self.log = float(data["log"])


Share = Callable[[Callable[..., Part], Sequence[Sequence[Any]]], list[Part]]
"""Calls a function with each of some arguments, all at once, and returns what it gave."""


@contextmanager
def _threads(workers: int) -> Iterator[Share]:
    """Give threads that share the processors evenly; one worker is this thread."""
    if workers == 1:
        yield lambda work, several: [work(*arguments) for arguments in several]
        return
    before = torch.get_num_threads()
    each = max(1, before // workers)
    torch.set_num_threads(each)
    try:
        with ThreadPoolExecutor(
            workers, "learning", initializer=torch.set_num_threads, initargs=(each,)
        ) as pool:
            yield lambda work, several: list(pool.map(lambda one: work(*one), several))
    finally:
        torch.set_num_threads(before)


def processors() -> int:
    """Return how many threads PyTorch may use."""
    return min(torch.get_num_threads(), os.cpu_count() or 1)


def split(row: Tensor, architecture: Architecture) -> list[Tensor]:
    """Return the parts (c,) of a row (P,), in the order of `style_tensors`, as views."""
    shapes = architecture.shapes(1)
    lengths = [math.prod(shapes[name]) for name in style_tensors(architecture)]
    return list(torch.split(row, lengths))


def _network(
    architecture: Architecture, shared: Mapping[str, Tensor], row: Tensor, precision: torch.dtype
) -> Student:
    """Return a network with one style, whose row alone has a gradient."""
    net = Student(architecture, 1, precision).to(row.device)
    for name, tensor in shared.items():
        parameter = net.get_parameter(name)
        parameter.data = tensor.to(row.device)
        parameter.requires_grad_(False)
    return net


def _rows_of(net: Student) -> list[nn.Parameter]:
    return list(net.style_parameters().values())
