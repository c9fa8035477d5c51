"""Planners decide how many steps each scale gets, and when the next scale begins.

A planner decides again after every step. The plan of `Fixed` never changes; `Budget` fills the
remaining time, using the measured cost of a step.
"""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Protocol

from impasto.optimize.schedule import Scale, distribute
from impasto.optimize.step_cost import StepCost
from impasto.options import MAX_STEPS

MIN_STEPS = 6
"""Fewer steps at a scale are not worthwhile.

After 3 steps, the loss is that of a picture enlarged from a coarser scale that used all the time;
after 6, it is at most half of that. And with 6, half a step is within 10% of the whole.
"""

Schedule = tuple[Scale, ...]


class Planner(Protocol):
    """Decides on the schedule of a run."""

    scales: Schedule
    """The requested scales, coarse to fine."""

    def time_for(self, step_cost: StepCost) -> float:
        """Return the seconds available for the whole schedule, or needed by it."""

    def begin(self, step_cost: StepCost) -> Schedule:
        """Return the schedule to start with."""

    def replan(self, schedule: Schedule, index: int, done: int, step_cost: StepCost) -> Schedule:
        """Return the schedule to continue with, after ``done`` steps of the scale at ``index``.

        The scales before ``index`` do not change. If that scale gets no more than ``done`` steps,
        it is finished.
        """

    def state(self) -> dict[str, Any]:
        """Return the state for `restore`, as plain numbers."""

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from a state as if there had been no pause."""


class Fixed:
    """A schedule that never changes."""

    def __init__(self, scales: Sequence[Scale]) -> None:
        self.scales = tuple(scales)

    def time_for(self, step_cost: StepCost) -> float:
        """Return the cost of the schedule."""
        return step_cost.cost(self.scales)

    def begin(self, step_cost: StepCost) -> Schedule:  # noqa: ARG002
        """Return the schedule."""
        return self.scales

    def replan(self, schedule: Schedule, index: int, done: int, step_cost: StepCost) -> Schedule:  # noqa: ARG002
        """Return the same schedule."""
        return schedule

    def state(self) -> dict[str, Any]:
        """Return an empty state."""
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """Do nothing."""


class Budget:
    """As many steps as fit into a time, distributed over the scales by `distribute`.

    ``seconds`` count from ``began`` on ``clock`` (default: from now); ``reserve`` of them are kept
    for work after the last step. If the time is too short for ``min_steps`` at every scale, the
    coarsest ``scales`` are dropped; if the finest alone does not get ``min_steps``, it is dropped.
    If none of ``scales`` gets them, the largest of ``smaller`` (coarse to fine) that does is used
    instead, else the smallest. The time is filled to the nearest step.
    """

    def __init__(
        self,
        seconds: float,
        scales: Sequence[Scale],
        *,
        smaller: Sequence[Scale] = (),
        min_steps: int = MIN_STEPS,
        began: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.seconds = seconds
        self.scales = tuple(scales)
        self.reserve = 0.0
        self._smaller = tuple(smaller)
        self._min_steps = min_steps
        self._clock = clock
        self._began = clock() if began is None else began

    @property
    def spent(self) -> float:
        """Seconds spent, including those before a pause, but not the pause itself."""
        return self._clock() - self._began

    @property
    def left(self) -> float:
        """Seconds left for painting; negative if the budget is exceeded."""
        return self.seconds - self.reserve - self.spent

    def time_for(self, step_cost: StepCost) -> float:  # noqa: ARG002
        """Return the seconds left."""
        return self.left

    def begin(self, step_cost: StepCost) -> Schedule:
        """Plan for the largest scale that can have the minimum of steps."""
        ends = range(len(self.scales), 0, -1)
        choices = [self.scales[first:end] for end in ends for first in range(end)]
        choices += [(scale,) for scale in reversed(self._smaller)]
        for choice in choices:
            planned = self._fill(choice, 0, step_cost, self._min_steps)
            if planned:
                return planned
        return (replace(choices[-1][0], steps=self._min_steps),)

    def replan(self, schedule: Schedule, index: int, done: int, step_cost: StepCost) -> Schedule:
        """Fill the remaining time, using the cost of the steps so far.

        A planned scale is dropped only below half of the minimum, so that the plan does not change
        with every fluctuation of the clock.
        """
        here, planned_before = schedule[index], len(schedule) - index - 1
        finer = [scale for scale in self.scales if scale.pixels > here.pixels]
        for count in reversed(range(len(finer) + 1)):
            min_steps = self._min_steps if count > planned_before else max(2, self._min_steps // 2)
            planned = self._fill([here, *finer[:count]], done, step_cost, min_steps)
            if planned:
                break
        else:
            # The time is over. A single step at the first scale would only show the start.
            planned = (replace(here, steps=1 if index else 2),)
        first, *rest = planned
        return (*schedule[:index], replace(first, steps=max(done, first.steps)), *rest)

    def state(self) -> dict[str, Any]:
        """Return the time spent."""
        return {"spent": self.spent}

    def restore(self, state: dict[str, Any]) -> None:
        """Add the time spent before the pause."""
        self._began -= float(state["spent"])

    def _fill(
        self, scales: Sequence[Scale], done: int, step_cost: StepCost, min_steps: int
    ) -> Schedule | None:
        """Distribute the steps that fit into the time left; None if a scale gets too few.

        ``done`` steps of the first scale are already spent.
        """
        # To the nearest step, so the budget may be exceeded by half a step.
        left = self.left + step_cost.step(scales[-1]) / 2

        def cost(steps: int) -> float:
            here, *finer = distribute(scales, steps, min_steps)
            if not done:
                return step_cost.cost([here, *finer])
            return max(0, here.steps - done) * step_cost.step(here) + step_cost.cost(finer)

        fewest = min_steps * len(scales)
        affordable = bisect_right(range(fewest, MAX_STEPS + 1), left, key=cost)
        return distribute(scales, fewest + affordable - 1, min_steps) if affordable else None
