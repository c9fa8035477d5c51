"""The training loop: a generator of events over a state that is whole between two of them."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from impasto.errors import DivergedError
from impasto.events import Stalled, Trained, TrainingEvent, Unreadable
from impasto.nets.architecture import exact_tensors
from impasto.nets.transformer import TransferNet
from impasto.training.criterion import Grams, PerceptualLoss
from impasto.training.data import Crops, batches, to_images
from impasto.training.processes import Processes
from impasto.training.sampling import Assignment, assign

_WARM_UP = 100
"""Steps until the learning rate is at its largest."""

_SMALL_UNTIL, _SMALL, _LEAST = 0.5, 0.5, 96
"""Until that part of the training, crops have that part of the side, but at least so many pixels.

About four times as many a second, at the same scale, so that strokes are as large; large crops then
teach what small ones cannot see.
"""

_AVERAGE = 0.999
"""How much of itself the average of the weights keeps at each step, once it is under way."""

_RANGE = 10.0
"""Weight of the squared amount by which values leave [0, 1]."""

DISTANCE = 0.6
"""What the content term of a crop should be: the squared features that may be lost."""

_GAIN = 0.03
"""How far a crop moves the logarithm of its style's weight, times that of target over content."""

_LEAST_WEIGHT, _MOST_WEIGHT = 1e-3, 1e3

_LOOK = 50
"""Steps that the style term at the start and now is averaged over, to see whether it falls."""

_EARLY = 0.15
"""The part of the training after which it must have fallen."""

_FALLEN = 0.95
_MOST_LOST = 10
"""Steps in a row without a finite gradient, after which the training has diverged."""


class Loop:
    """Trains a network on crops, a batch a step.

    ``grams`` holds the Gram matrices (styles, c, c) of every style; row 0 is the photo as it is,
    and the styles to train are those numbers in ``trained``. The weight of each style's term begins
    at 1 and moves until crops in that style have its content term of ``distances``: so all styles
    come out as strong as asked, and none costs the photo, however well the network can do yet.
    ``length`` turns steps and seconds to a progress from 0 to 1.
    """

    def __init__(
        self,
        net: TransferNet,
        loss: PerceptualLoss,
        *,
        grams: Grams,
        distances: Sequence[float],
        trained: range,
        crops: Crops,
        batch: int,
        learning_rate: float,
        length: Callable[[int, float], float],
        precision: torch.dtype,
        workers: int = 0,
        processes: Processes | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.net = net
        self._loss = loss
        self._grams = grams
        self.weights = torch.ones(net.styles, device=next(iter(grams.values())).device)
        self.weights[: trained.start] = 0
        # Nothing is asked of those that are not trained.
        self._distances = self.weights.new_tensor([1.0] * trained.start + list(distances))
        self._trained = trained
        self._crops = crops
        self._batch = batch
        self._rate = learning_rate
        self._length = length
        self._precision = precision
        self._workers = workers
        self._processes = processes or Processes()
        self._clock = clock
        self._parameters = {n: p for n, p in net.named_parameters() if p.requires_grad}
        self._optimizer = torch.optim.Adam(self._parameters.values(), lr=learning_rate)
        self.average = {n: p.detach().clone() for n, p in self._parameters.items()}
        self.step = 0
        self.seconds = 0.0
        self.unreadable: set[str] = set()
        self._first: list[float] = []
        self._latest: deque[float] = deque(maxlen=_LOOK)
        self._lost = 0
        self._told = False

    def run(self) -> Iterator[TrainingEvent]:
        """Train to the end, or on from where the state is."""
        world, rank = self._processes.world, self._processes.rank
        began = self._clock() - self.seconds
        source, part = self._batches(), self._part
        while self._length(self.step, self.seconds) < 1:
            if self._part != part:
                source, part = self._batches(), self._part
            pixels, reasons = next(source)
            yield from self._report(reasons)
            chosen = assign(self.step, len(pixels) * world, self._trained, self._crops.seed)
            losses = self._learn(pixels, chosen.part(rank, world))
            self.step += 1
            self.seconds = self._processes.agree(self._clock() - began)
            yield self._event(losses)
            yield from self._look()

    @property
    def _part(self) -> float:
        """The part of the crops' full side that is looked at now."""
        if self._length(self.step, self.seconds) >= _SMALL_UNTIL:
            return 1.0
        return min(1.0, max(_SMALL, _LEAST / self._crops.size))

    def _batches(self) -> Iterator[tuple[Tensor, list[str]]]:
        """Begin, or begin again, to read crops: the next batch first."""
        return batches(
            replace(self._crops, part=self._part),
            self._batch,
            first=self.step,
            workers=self._workers,
            rank=self._processes.rank,
            world=self._processes.world,
        )

    def _learn(self, pixels: Tensor, chosen: Assignment) -> tuple[float, float, float]:
        """See a batch and move; return the loss and, without their weights, content and style."""
        device = self.weights.device
        photos = to_images(pixels, device)
        chosen = Assignment(chosen.styles.to(device), chosen.strengths.to(device))
        for group in self._optimizer.param_groups:
            group["lr"] = self._rate_now()
        with torch.autocast(device.type, self._precision, self._precision != torch.float32):
            made = self.net(photos, chosen.mix(self.net.styles))
        gradient, losses = self._gradient(made, photos, chosen)
        self._optimizer.zero_grad(set_to_none=True)
        made.backward(gradient)
        if self._average_gradients():
            self._optimizer.step()
            self._update_average()
        return losses

    @torch.no_grad()
    def _gradient(
        self, made: Tensor, photos: Tensor, chosen: Assignment
    ) -> tuple[Tensor, tuple[float, float, float]]:
        inside = made.clamp(0, 1)
        grams = {name: rows[chosen.styles] for name, rows in self._grams.items()}
        weights = chosen.weights(self.weights)
        found = self._loss.evaluate(inside, self._loss.content(photos), grams, weights)
        beyond = made - inside
        each = (found.content + weights * found.style).mean()
        # What is clipped feels the loss only where that pulls it back.
        outward = beyond * found.gradient < 0
        gradient = found.gradient.masked_fill(outward, 0)
        gradient += beyond * (2 * _RANGE / made.numel())
        self._balance(found.content, chosen)
        numbers = torch.stack([each, found.content.mean(), found.style.mean()]).tolist()
        return gradient, (numbers[0], numbers[1], numbers[2])

    def _balance(self, contents: Tensor, chosen: Assignment) -> None:
        """Weigh styles up that stay nearer to the photo than they should, and others down.

        Read from crops at full strength.
        """
        whole = chosen.strengths == 1
        move = torch.zeros_like(self.weights)
        styles, found = chosen.styles[whole], contents[whole].clamp_min(1e-6)
        missing = torch.log(self._distances[styles] / found)
        move.index_add_(0, styles, _GAIN * missing.nan_to_num(0))
        self._processes.average([move])
        self.weights.mul_(move.exp()).clamp_(0, _MOST_WEIGHT)
        self.weights[self._trained.start :].clamp_(min=_LEAST_WEIGHT)

    def _rate_now(self) -> float:
        """Warm up, then fall along a cosine to a hundredth."""
        progress = self._length(self.step, self.seconds)
        fall = 0.505 + 0.495 * math.cos(math.pi * progress)
        return self._rate * min(1.0, (self.step + 1) / _WARM_UP) * fall

    def _average_gradients(self) -> bool:
        """Average over processes; return whether all is finite, and give up if it never is."""
        gradients = [p.grad for p in self._parameters.values() if p.grad is not None]
        self._mask()
        self._processes.average(gradients)
        finite = all(bool(g.isfinite().all()) for g in gradients)
        self._lost = 0 if finite else self._lost + 1
        if self._lost >= _MOST_LOST:
            raise DivergedError(
                f"training diverged at step {self.step}: try --learning-rate {self._rate / 4:g}"
            )
        return finite

    def _mask(self) -> None:
        """Leave the rows of styles that are not trained as they are, and the photo to the bit."""
        first = self._trained.start
        exact = exact_tensors(self.net.architecture)
        for name, parameter in self.net.style_parameters().items():
            if parameter.grad is not None and (first > 1 or name in exact):
                parameter.grad[:first] = 0

    @torch.no_grad()
    def _update_average(self) -> None:
        keep = min(_AVERAGE, (1 + self.step) / (10 + self.step))
        for name, parameter in self._parameters.items():
            self.average[name].lerp_(parameter, 1 - keep)

    def _event(self, losses: tuple[float, float, float]) -> Trained:
        progress = min(self._length(self.step, self.seconds), 1.0)
        loss, content, style = losses
        if len(self._first) < _LOOK:
            self._first.append(style)
        self._latest.append(style)
        return Trained(
            step=self.step,
            samples=self.step * self._batch * self._processes.world,
            progress=progress,
            loss=loss,
            content=content,
            style=style,
            seconds=self.seconds,
            remaining=self.seconds * (1 - progress) / max(progress, 1e-9),
            unreadable=len(self.unreadable),
        )

    def _look(self) -> Iterator[Stalled]:
        """Tell, once, when nothing is learnt."""
        progress = self._length(self.step, self.seconds)
        if self._told or progress < _EARLY or self.step < 4 * _LOOK:
            return
        self._told = True
        first, latest = _mean(self._first), _mean(self._latest)
        if not latest < _FALLEN * first:
            yield Stalled(
                self.step,
                f"the style term was {first:.3g} and is {latest:.3g}: another --learning-rate, a "
                "larger --style-weight or other photos may help",
            )

    def _report(self, reasons: Sequence[str]) -> Iterator[Unreadable]:
        for reason in reasons:
            if reason not in self.unreadable:
                self.unreadable.add(reason)
                yield Unreadable(reason)

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Return all that goes on from here needs: tensors, and plain data."""
        tensors = {f"net.{n}": p.detach() for n, p in self.net.named_parameters()}
        tensors |= {f"average.{n}": p for n, p in self.average.items()}
        tensors["weights"] = self.weights
        for (name, _), moments in zip(
            self._parameters.items(), self._optimizer.state_dict()["state"].values(), strict=False
        ):
            tensors |= {f"adam.{kind}.{name}": moments[kind] for kind in ("exp_avg", "exp_avg_sq")}
            tensors[f"adam.step.{name}"] = moments["step"]
        data = {
            "step": self.step,
            "seconds": self.seconds,
            "unreadable": sorted(self.unreadable),
            "first": self._first,
            "latest": list(self._latest),
            "told": self._told,
        }
        return tensors, data

    @torch.no_grad()
    def restore(self, tensors: Mapping[str, Tensor], data: Mapping[str, Any]) -> None:
        """Take what `state` gave of a loop built alike."""
        for name, parameter in self.net.named_parameters():
            parameter.copy_(tensors[f"net.{name}"])
        for name, average in self.average.items():
            average.copy_(tensors[f"average.{name}"])
        self.weights.copy_(tensors["weights"])
        state = {
            i: {
                kind: tensors[f"adam.{kind}.{name}"].clone()
                for kind in ("exp_avg", "exp_avg_sq", "step")
            }
            for i, name in enumerate(self._parameters)
            if f"adam.step.{name}" in tensors
        }
        groups = self._optimizer.state_dict()["param_groups"]
        self._optimizer.load_state_dict({"state": state, "param_groups": groups})
        self.step, self.seconds = int(data["step"]), float(data["seconds"])
        self.unreadable = set(data["unreadable"])
        self._first = list(data["first"])
        self._latest = deque(data["latest"], maxlen=_LOOK)
        self._told = bool(data["told"])


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / max(len(values), 1)
