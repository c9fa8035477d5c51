"""The engine: a generator of events that paints, scale by scale and step by step."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from torch import Tensor
from torch.nn import functional as F

from impasto.errors import CheckpointError
from impasto.events import Event, Finished, ScaleStarted, Started, Step, SteppedBack
from impasto.images.tensors import to_array
from impasto.losses.objective import Evaluation, Objective
from impasto.optimize.optimizers import Optimizer
from impasto.optimize.schedule import Scale

ObjectiveAt = Callable[[Scale], Objective]
OptimizerAt = Callable[[Tensor], Optimizer]


class Engine:
    """Minimises an objective over the pixels of a picture, coarse to fine.

    ``objective_at`` builds the objective of a scale and ``optimizer_at`` the optimiser that starts
    from a picture (1, 3, h, w). ``start`` is the picture that the first scale begins with.
    Between two events of `run` the state is whole: `state` may be taken and given to `restore` of
    an engine built alike, which then goes on as if nothing had happened, bit for bit on the CPU.
    """

    def __init__(
        self,
        scales: Sequence[Scale],
        *,
        objective_at: ObjectiveAt,
        optimizer_at: OptimizerAt,
        start: Tensor,
    ) -> None:
        self._scales = tuple(scales)
        self._objective_at = objective_at
        self._optimizer_at = optimizer_at
        self._index = 0  # of the scale
        self._done = 0  # steps at this scale
        self._optimizer = optimizer_at(start)
        self._best = start
        self._best_loss = float("inf")
        self._best_terms: Mapping[str, float] = {}
        self._seconds = 0.0
        self._work = 0.0  # seconds spent on pixel steps, for the estimate of what is left
        self._pixel_steps = 0

    @property
    def picture(self) -> Tensor:
        """The best picture of this scale so far, (1, 3, h, w) RGB in about [0, 1]."""
        return self._best

    @property
    def step(self) -> int:
        """Steps done, over all scales."""
        return sum(scale.steps for scale in self._scales[: self._index]) + self._done

    @property
    def steps(self) -> int:
        """Steps in all."""
        return sum(scale.steps for scale in self._scales)

    def run(self, device: str = "", precision: str = "") -> Iterator[Event]:
        """Paint, and report. ``device`` and ``precision`` are for the report only."""
        sizes = tuple((scale.width, scale.height, scale.steps) for scale in self._scales)
        yield Started(self.step, self.steps, sizes, device, precision)
        while True:
            yield from self._run_scale(self._scales[self._index])
            if self._index == len(self._scales) - 1:
                break
            self._next_scale()
        yield Finished(self.step, self._seconds, self._best_loss)

    def state(self) -> dict[str, Any]:
        """Return tensors and plain numbers that `restore` takes back.

        The tensors are the engine's own: write or copy them before it goes on.
        """
        return {
            "index": self._index,
            "done": self._done,
            "seconds": self._seconds,
            "best": self._best,
            "best_loss": self._best_loss,
            "best_terms": dict(self._best_terms),
            **{f"optimizer.{name}": value for name, value in self._optimizer.state().items()},
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state. Raises `CheckpointError` when it does not fit this engine."""
        try:
            self._index, self._done = int(state["index"]), int(state["done"])
            scale = self._scales[self._index]
            self._seconds = float(state["seconds"])
            self._best, self._best_loss = state["best"].to(self._best), float(state["best_loss"])
            self._best_terms = dict(state["best_terms"])
            if self._best.shape != (1, 3, scale.height, scale.width):
                raise ValueError(f"a picture of shape {tuple(self._best.shape)}")
            self._optimizer = self._optimizer_at(self._best)
            prefix = "optimizer."
            self._optimizer.restore(
                {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
            )
        except (AttributeError, LookupError, TypeError, ValueError, RuntimeError) as error:
            raise CheckpointError(f"the checkpoint does not fit this run: {error}") from error

    def _run_scale(self, scale: Scale) -> Iterator[Event]:
        if self._done >= scale.steps:
            return
        count = len(self._scales)
        yield ScaleStarted(self._index + 1, count, scale.width, scale.height, scale.steps)
        began = time.monotonic()
        objective = self._objective_at(scale)
        self._seconds += time.monotonic() - began
        while self._done < scale.steps and not self._optimizer.converged:
            began = time.monotonic()
            image = self._optimizer.image
            evaluation = objective.evaluate(image)
            setback = self._optimizer.tell(evaluation.loss, evaluation.gradient)
            if evaluation.loss < self._best_loss:
                self._best, self._best_loss = image, evaluation.loss
                self._best_terms = evaluation.terms
            self._done += 1
            self._spend(time.monotonic() - began, scale)
            if setback:
                # What was tried is taken back: the step shows what is kept.
                evaluation = replace(evaluation, loss=self._best_loss, terms=self._best_terms)
                image = self._best
            yield self._event(scale, image, evaluation)
            if setback:
                yield SteppedBack(self.step, setback)

    def _next_scale(self) -> None:
        """Enlarge the picture and start afresh from there.

        Adding the photo's own detail at the new size was tried: it stays visible as unpainted
        flecks, and the loss is higher.
        """
        began = time.monotonic()
        scale = self._scales[self._index + 1]
        size = (scale.height, scale.width)
        self._best = F.interpolate(self._best, size=size, mode="bicubic", align_corners=False)
        self._best_loss = float("inf")
        coarser, self._optimizer = self._optimizer, self._optimizer_at(self._best)
        self._optimizer.inherit(coarser)
        self._index, self._done = self._index + 1, 0
        self._seconds += time.monotonic() - began

    def _spend(self, seconds: float, scale: Scale) -> None:
        self._seconds += seconds
        self._work += seconds
        self._pixel_steps += scale.width * scale.height

    def _remaining(self) -> float:
        """Estimate the seconds left: a step costs in proportion to its pixels."""
        scale = self._scales[self._index]
        steps = 0 if self._optimizer.converged else scale.steps - self._done
        left = steps * scale.width * scale.height
        left += sum(s.width * s.height * s.steps for s in self._scales[self._index + 1 :])
        return left * self._work / self._pixel_steps

    def _event(self, scale: Scale, image: Tensor, evaluation: Evaluation) -> Step:
        return Step(
            step=self.step,
            steps=self.steps,
            scale=self._index + 1,
            scales=len(self._scales),
            width=scale.width,
            height=scale.height,
            loss=evaluation.loss,
            content=evaluation.group("content"),
            style=evaluation.group("style"),
            tv=evaluation.group("tv"),
            terms=evaluation.terms,
            seconds=self._seconds,
            remaining=self._remaining(),
            picture=lambda: to_array(image),
        )
