"""The optimisation loop of a painting: a generator of events, scale by scale and step by step."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from torch import Tensor
from torch.nn import functional as F

from impasto.errors import CheckpointError
from impasto.events import Event, Finished, Replanned, ScaleStarted, Started, Step, SteppedBack
from impasto.images.tensors import to_array
from impasto.losses.objective import Criterion, Evaluation
from impasto.optimize.budget import Planner
from impasto.optimize.optimizer import Optimizer
from impasto.optimize.schedule import Scale
from impasto.optimize.step_cost import StepCost, measure

StartAt = Callable[[Scale], Tensor]
ObjectiveAt = Callable[[Scale], Criterion]
OptimizerAt = Callable[[Tensor], Optimizer]

_MISFITS = (
    ArithmeticError, AttributeError, LookupError, TypeError, ValueError, RuntimeError,
)  # fmt: skip
"""What reading a state raises that is of another run, or forged."""


class Engine:
    """Minimises an objective over the pixels of a picture, coarse to fine.

    ``planner`` decides on the scales and their steps; ``objective_at`` builds the objective of a
    scale, ``start_at`` the start (1, 3, h, w) at a scale, and ``optimizer_at`` the optimiser for a
    picture. ``trials`` are scales, coarse to fine, that are timed before the work begins; without
    them, the first steps are timed. ``clock`` counts seconds. Between two events of `run` the state
    is consistent: pass `state` to `restore` of an engine with the same arguments, and it continues
    exactly, bit for bit on the CPU. From a compact state it continues to about the same loss.
    """

    def __init__(
        self,
        planner: Planner,
        *,
        objective_at: ObjectiveAt,
        optimizer_at: OptimizerAt,
        start_at: StartAt,
        trials: Sequence[Scale] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._planner = planner
        self._objective_at = objective_at
        self._optimizer_at = optimizer_at
        self._start_at = start_at
        self._trials = tuple(trials)
        self._clock = clock
        self._step_cost = StepCost()
        self._seconds = 0.0
        self._lap = 0.0  # when the last step ended
        self._announced = 0  # how many scales
        self._enter(planner.scales)

    def _enter(self, scales: tuple[Scale, ...]) -> None:
        """Reset to the beginning of a schedule."""
        self._scales = scales
        self._index = 0  # of the current scale
        self._done = 0  # steps at this scale
        self._refined: list[int] = []  # the steps after which the objective was refined
        self._best = self._start_at(scales[0])
        self._best_loss = float("inf")
        self._best_terms: Mapping[str, float] = {}
        self._optimizer = self._optimizer_at(self._best)
        self._warm = False  # whether the optimiser has yet to evaluate the picture it starts from
        self._objective: Criterion | None = None  # of this scale, built on demand
        self._multipliers: dict[str, Tensor] = {}  # a restored state for it

    @property
    def picture(self) -> Tensor:
        """The best picture of this scale so far, (1, 3, h, w) RGB in about [0, 1]."""
        return self._best

    @property
    def ran(self) -> tuple[Scale, ...]:
        """The scales so far with the steps done at each; they reproduce this picture."""
        here = self._scales[self._index]
        ran = replace(here, steps=self._done, refined=tuple(self._refined))
        return (*self._scales[: self._index], ran)

    @property
    def step(self) -> int:
        """Steps done, over all scales."""
        return sum(scale.steps for scale in self._scales[: self._index]) + self._done

    @property
    def steps(self) -> int:
        """The total number of steps in the current plan."""
        return sum(scale.steps for scale in self._scales)

    def run(self, device: str = "", precision: str = "") -> Iterator[Event]:
        """Paint. ``device`` and ``precision`` are only reported in events."""
        if self.step:
            self._replan()
        else:
            self._begin()
        expected = self._remaining() if self._step_cost.known else None
        yield Started(self.step, self.steps, _numbers(self._scales), device, precision, expected)
        self._announced = len(self._scales)
        self._lap = self._clock()
        while True:
            yield from self._run_scale(self._scales[self._index])
            if self._index == len(self._scales) - 1:
                break
            self._next_scale()
        self._optimizer.close()
        yield Finished(self.step, self._seconds, self._best_loss)

    def state(self, *, compact: bool = False) -> dict[str, Any]:
        """Return the state for `restore`: tensors and plain numbers.

        The tensors are not copied: save or copy them before the next step. A ``compact`` state has
        one picture, the best, and of the optimiser its `warm_state`.
        """
        optimizer = self._optimizer
        return {
            "scales": [scale.to_list() for scale in self._scales],
            "refined": list(self._refined),
            "planner": self._planner.state(),
            "step_cost": self._step_cost.state(),
            "index": self._index,
            "done": self._done,
            "seconds": self._seconds,
            "best": self._best,
            "best_loss": self._best_loss,
            "best_terms": dict(self._best_terms),
            **(
                _named("warm.", optimizer.warm_state())
                if compact
                else _named("optimizer.", optimizer.state())
            ),
            **_named("multipliers.", self._objective_state()),
        }

    def _objective_state(self) -> Mapping[str, Tensor]:
        return self._objective.state() if self._objective else self._multipliers

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from a state. Raises `CheckpointError` if it does not fit this engine."""
        try:
            self._scales = tuple(Scale.from_list(numbers) for numbers in state["scales"])
            self._refined = [int(step) for step in state["refined"]]
            self._planner.restore(state["planner"])
            self._step_cost.restore(state["step_cost"])
            self._index, self._done = int(state["index"]), int(state["done"])
            scale = self._scales[self._index]
            self._seconds = float(state["seconds"])
            self._best, self._best_loss = state["best"].to(self._best), float(state["best_loss"])
            self._best_terms = dict(state["best_terms"])
            if self._index < 0 or self._done < 0:
                raise ValueError("a place before the beginning")
            self._check_picture(self._best, scale)
            self._optimizer = self._optimizer_at(self._best)
            warm = _under("warm.", state)
            self._warm = bool(warm)
            if warm:
                self._optimizer.warm_start(warm)
            else:
                self._optimizer.restore(_under("optimizer.", state))
            self._check_picture(self._optimizer.image, scale)
            self._multipliers = _under("multipliers.", state)
            self._objective = None
        except _MISFITS as error:
            raise CheckpointError(f"the checkpoint does not fit this run: {error}") from error

    @staticmethod
    def _check_picture(picture: Tensor, scale: Scale) -> None:
        if picture.shape != (1, 3, scale.height, scale.width):
            raise ValueError(f"a picture of shape {tuple(picture.shape)}")

    def _begin(self) -> None:
        """Measure the cost of steps, then choose a schedule."""
        began = self._clock()
        self._step_cost = measure(
            self._trials,
            objective_at=self._objective_at,
            start_at=self._start_at,
            time_for=self._planner.time_for,
            clock=self._clock,
        )
        before, self._scales = self._scales[0], self._planner.begin(self._step_cost)
        first = self._scales[0]
        if (first.width, first.height) != (before.width, before.height):
            self._enter(self._scales)
        self._seconds += self._clock() - began

    def _replan(self) -> None:
        """Update the plan; a scale that has converged ends now."""
        scales = self._planner.replan(self._scales, self._index, self._done, self._step_cost)
        if self._optimizer.converged:
            ended = replace(scales[self._index], steps=self._done)
            scales = (*scales[: self._index], ended, *scales[self._index + 1 :])
        self._scales = scales

    def _run_scale(self, scale: Scale) -> Iterator[Event]:
        if self._done >= scale.steps:
            return
        yield from self._announce()
        count = len(self._scales)
        yield ScaleStarted(self._index + 1, count, scale.width, scale.height, scale.steps)
        began = self._clock()
        objective = self._objective = self._objective_at(scale)
        if self._multipliers:
            self._restore_objective(objective)
        if self._warm:  # not a step: the picture stays
            evaluation = objective.evaluate(self._optimizer.image)
            self._optimizer.tell(evaluation.surrogate, evaluation.gradient)
            self._warm = False
        self._seconds += self._clock() - began
        first = True
        while self._done < self._scales[self._index].steps:
            began = self._clock()
            image = self._optimizer.image
            evaluation = objective.evaluate(image)
            setback = self._optimizer.tell(evaluation.surrogate, evaluation.gradient)
            if evaluation.loss < self._best_loss:
                self._best, self._best_loss = image, evaluation.loss
                self._best_terms = evaluation.terms
            self._done += 1
            if not setback and self._due():
                self._refine(objective)
            self._time(scale, began, first=first)
            first = False
            self._replan()
            if setback:
                # The trial step was undone: show the picture that is kept.
                evaluation = replace(evaluation, loss=self._best_loss, terms=self._best_terms)
                image = self._best
            yield self._event(scale, image, evaluation)
            if setback:
                yield SteppedBack(self.step, setback)
            yield from self._announce()

    def _restore_objective(self, objective: Criterion) -> None:
        """Restore the state of the objective."""
        try:
            objective.restore(self._multipliers)
        except _MISFITS as error:
            raise CheckpointError(f"the checkpoint does not fit this run: {error}") from error
        self._multipliers = {}

    def _due(self) -> bool:
        """Return whether to refine a relaxed objective now.

        At first the picture is far from the minimum, and the relaxation error does not matter.
        After each refinement the loss jumps up before it falls, so there is none in the last steps.
        """
        here = self._scales[self._index]
        if here.refined is not None:
            return self._done in here.refined
        return self._done >= 20 and self._done % 5 == 0 and here.steps - self._done >= 8

    def _refine(self, objective: Criterion) -> None:
        """Refine the objective, and notify the optimiser, which compares losses."""
        refined = objective.refine()
        if refined:
            self._optimizer.rebase()
            self._refined.append(self._done)
        if refined == "loss":
            self._best_loss = float("inf")

    def _announce(self) -> Iterator[Event]:
        """Yield an event if the number of scales has changed."""
        if len(self._scales) != self._announced:
            self._announced = len(self._scales)
            yield Replanned(self.steps, _numbers(self._scales))

    def _next_scale(self) -> None:
        """Enlarge the picture, and start the next scale from it.

        Adding the detail of the photo at the new size was tried: it remains visible as unpainted
        flecks, and the loss is higher.
        """
        began = self._clock()
        self._scales = (*self.ran, *self._scales[self._index + 1 :])
        scale = self._scales[self._index + 1]
        size = (scale.height, scale.width)
        self._best = F.interpolate(self._best, size=size, mode="bicubic", align_corners=False)
        self._best_loss = float("inf")
        coarser, self._optimizer = self._optimizer, self._optimizer_at(self._best)
        self._optimizer.inherit(coarser)
        self._index, self._done, self._refined = self._index + 1, 0, []
        self._objective, self._warm = None, False
        self._seconds += self._clock() - began
        self._replan()

    def _time(self, scale: Scale, began: float, *, first: bool) -> None:
        """Record the time of a step, including the work between it and the previous one."""
        now = self._clock()
        self._seconds += now - began
        (self._step_cost.opened if first else self._step_cost.stepped)(scale, now - self._lap)
        self._lap = now

    def _remaining(self) -> float:
        """Estimate the seconds left."""
        here, *finer = self._scales[self._index :]
        return (here.steps - self._done) * self._step_cost.step(here) + self._step_cost.cost(finer)

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


def _named(prefix: str, state: Mapping[str, Any]) -> dict[str, Any]:
    return {f"{prefix}{name}": value for name, value in state.items()}


def _under(prefix: str, state: Mapping[str, Any]) -> dict[str, Any]:
    return {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}


def _numbers(scales: Sequence[Scale]) -> tuple[tuple[int, int, int], ...]:
    return tuple((scale.width, scale.height, scale.steps) for scale in scales)
