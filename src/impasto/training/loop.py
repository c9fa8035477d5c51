"""The training loop: a generator of events; between two of them its state is consistent."""

from __future__ import annotations

import itertools
import math
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from impasto.errors import DivergedError
from impasto.events import Stalled, Trained, TrainingEvent, Unreadable
from impasto.nets.architecture import exact_tensors
from impasto.training.data import Crops
from impasto.training.objectives import Batch, PaintingObjective, TrainingObjective, with_range_loss
from impasto.training.processes import Processes
from impasto.training.sampling import assign, noises
from impasto.training.student import Student
from impasto.training.vector import Vector

_WARM_UP, _WARM_PART = 200, 0.05
"""Warm-up of the learning rate, in steps and as a part of the training; the shorter one counts."""

_SPIKES = 0.01
"""Weight of `Student.spikes`."""

_LOOK = 50
"""Steps over which the style term is averaged, to see whether it falls."""

_EARLY = 0.15
"""The part of the training after which the style term must have fallen."""

_FALLEN = 0.95
"""The style term must fall below this factor of its initial value."""

_MOST_LOST = 10
"""Consecutive steps without a finite gradient after which the training has diverged."""

_NOTES = ("loss", "content", "style", "whole", "spikes", "seconds", "stop")
"""Numbers that processes exchange after the gradient, before the moves of the styles' weights."""


class Loop:
    """Trains a network on crops; a batch has ``photos`` crops, each in ``each`` styles.

    ``objective(progress, step)`` returns the objective of a step. ``length`` turns steps and
    seconds into a progress from 0 to 1. On a GPU, numbers are read one step late, so that nothing
    waits for the device.
    """

    def __init__(
        self,
        net: Student,
        objective: Callable[[float, int], TrainingObjective],
        *,
        crops: Crops,
        photos: int,
        each: int,
        learning_rate: float,
        length: Callable[[int, float], float],
        processes: Processes | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.net = net
        self._objective = objective
        self._crops = crops
        self._photos, self._each = photos, each
        self._rate = learning_rate
        self._length = length
        self._processes = processes or Processes()
        self._clock = clock
        parameters = {n: p for n, p in net.named_parameters() if p.requires_grad}
        notes = len(_NOTES) + net.styles
        self.vector = Vector(parameters, _free(net), notes)
        self.step = 0
        self.seconds = 0.0
        self.stopped = False
        self.unreadable: set[str] = set()
        self._stop = False
        self._late = DelayedRead(self.vector.values.device)
        self._first: list[float] = []
        self._latest: deque[float] = deque(maxlen=_LOOK)
        self._lost = 0
        self._checked = False

    @property
    def samples(self) -> int:
        """The number of pictures made so far."""
        return self.step * self._photos * self._each

    def stop(self) -> None:
        """End after a step that all processes agree on."""
        self._stop = True

    def run(self) -> Iterator[TrainingEvent]:
        """Train from the current state to the end, or until stopped."""
        began = self._clock() - self.seconds
        while self._length(self.step, self.seconds) < 1 and not self.stopped:
            numbers, reasons = self._learn(began)
            self.step += 1
            notes = dict(zip(_NOTES, numbers, strict=False))
            for term in ("content", "style"):
                notes[term] /= max(notes["whole"], 1e-9)
            self.seconds = max(self.seconds, notes["seconds"])
            self.stopped = notes["stop"] > 0
            self._check(finite=numbers[-1] > 0)
            yield from self._report(reasons)
            yield self._event(notes)
            yield from self._look()

    def _learn(self, began: float) -> tuple[list[float], list[str]]:
        """Take a step on a batch; return the notes of all processes, and errors of photos."""
        world, rank = self._processes.world, self._processes.rank
        device, vector = self.vector.values.device, self.vector
        progress = self._length(self.step, self.seconds)
        objective = self._objective(progress, self.step)
        batch, reasons = self._batch(objective)
        vector.forget()
        made = self.net(batch.inputs, batch.mix, batch.noise)
        gradient, asked = with_range_loss(made.detach(), lambda inside: objective(inside, batch))
        spikes = self.net.spikes()
        torch.autograd.backward([made, _SPIKES * spikes], [gradient, None])
        vector.hold()
        terms = (asked.loss, asked.content, asked.style, asked.whole, spikes.detach())
        # The first process's clock counts, so that all stop at the same step.
        clock = 0.0 if rank else (self._clock() - began) * world
        own = torch.tensor([clock, float(self._stop)], device=device)
        vector.notes[: len(_NOTES)] = torch.cat([torch.stack(terms), own])
        vector.notes[len(_NOTES) :] = asked.moves
        self._processes.average(vector.message)
        if isinstance(objective, PaintingObjective):
            objective.balance(vector.notes[len(_NOTES) :] * world)
        finite = vector.step(self._rate_now(progress), self.step)
        return self._late(torch.cat([vector.notes[: len(_NOTES)], finite[None]])), reasons

    def _batch(self, objective: TrainingObjective) -> tuple[Batch, list[str]]:
        """Return this process's part of a step, and errors of the photos skipped."""
        world, rank = self._processes.world, self._processes.rank
        device, seed = self.vector.values.device, self._crops.seed
        own = self._photos // world
        first = self.step * self._photos + rank * own
        photos, reasons = self._crops.take(range(first, first + own))
        later = (range(n, n + own) for n in itertools.count(first + self._photos, self._photos))
        self._crops.ahead(itertools.chain.from_iterable(later))
        every = self._photos * self._each
        chosen = assign(self.step, every, objective.styles, seed).part(rank, world).to(device)
        noise = noises(self.net.architecture, self.step, every, self._crops.size, seed)
        batch = Batch(
            photos,
            photos.repeat_interleave(self._each, dim=0),
            chosen,
            chosen.mix(self.net.styles),
            {n: x.chunk(world)[rank].to(device, non_blocking=True) for n, x in noise.items()},
        )
        return batch, reasons

    def _rate_now(self, progress: float) -> float:
        """Return the learning rate: warm-up, then a cosine decay to one hundredth."""
        warm = min(1.0, max((self.step + 1) / _WARM_UP, progress / _WARM_PART))
        return self._rate * warm * (0.505 + 0.495 * math.cos(math.pi * progress))

    def _check(self, *, finite: bool) -> None:
        """Raise `DivergedError` after too many steps without a finite gradient."""
        self._lost = 0 if finite else self._lost + 1
        if self._lost >= _MOST_LOST:
            raise DivergedError(
                f"training diverged at step {self.step}; try --learning-rate {self._rate / 4:g}"
            )

    def _event(self, notes: Mapping[str, float]) -> Trained:
        progress = min(self._length(self.step, self.seconds), 1.0)
        if len(self._first) < _LOOK:
            self._first.append(notes["style"])
        self._latest.append(notes["style"])
        return Trained(
            step=self.step,
            samples=self.samples,
            progress=progress,
            loss=notes["loss"],
            content=notes["content"],
            style=notes["style"],
            seconds=self.seconds,
            remaining=self.seconds * (1 - progress) / max(progress, 1e-9),
            unreadable=len(self.unreadable),
        )

    def _look(self) -> Iterator[Stalled]:
        """Check once whether the style term falls; report it if not."""
        progress = self._length(self.step, self.seconds)
        if self._checked or progress < _EARLY or self.step < 4 * _LOOK:
            return
        self._checked = True
        first, latest = _mean(self._first), _mean(self._latest)
        if first and not latest < _FALLEN * first:
            yield Stalled(
                self.step,
                f"the style term has not fallen (it was {first:.3g} and is {latest:.3g}); another "
                "--learning-rate, a larger --distance or other photos may help",
            )

    def _report(self, reasons: Sequence[str]) -> Iterator[Unreadable]:
        for reason in reasons:
            if reason not in self.unreadable:
                self.unreadable.add(reason)
                yield Unreadable(reason)

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Return everything needed to continue: tensors, and plain data."""
        data = {
            "step": self.step,
            "seconds": self.seconds,
            "unreadable": sorted(self.unreadable),
            "first": self._first,
            "latest": list(self._latest),
            "checked": self._checked,
        }
        return self.vector.state(), data

    def restore(self, tensors: Mapping[str, Tensor], data: Mapping[str, Any]) -> None:
        """Restore the result of `state`, from a loop with the same arguments."""
        self.vector.restore(tensors)
        self.step, self.seconds = int(data["step"]), float(data["seconds"])
        self.unreadable = set(data["unreadable"])
        self._first = list(data["first"])
        self._latest = deque(data["latest"], maxlen=_LOOK)
        self._checked = bool(data["checked"])


class DelayedRead:
    """Reads numbers from a GPU without waiting: each call returns those of the previous call.

    The first call waits for its own numbers, and on the CPU every call returns its own.
    """

    def __init__(self, device: torch.device) -> None:
        self._waits = device.type == "cuda"
        self._before: tuple[Tensor, torch.cuda.Event] | None = None

    def __call__(self, numbers: Tensor) -> list[float]:
        """Take numbers (n,) and return those that are available."""
        if not self._waits:
            return list(numbers.tolist())
        copy = torch.empty(numbers.shape, dtype=numbers.dtype, pin_memory=True)
        copy.copy_(numbers, non_blocking=True)
        event = torch.cuda.Event()  # type: ignore[no-untyped-call]
        event.record()
        before, event_before = self._before or (copy, event)
        self._before = copy, event
        event_before.synchronize()
        return list(before.tolist())


def _free(net: Student) -> dict[str, Tensor]:
    """Return masks for the tensors that reproduce the photo: 0 for its row, which stays fixed."""
    found = {}
    for name in exact_tensors(net.architecture):
        found[name] = torch.ones_like(net.get_parameter(name))
        found[name][0] = 0
    return found


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / max(len(values), 1)
