"""Planners: who decides how many steps each scale gets, and when to go on to the next.

A planner is asked again after every step. `Fixed` always gives the same answer; `Budget` fills
the time that is left by what steps were measured to take.
"""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Protocol

from impasto.optimize.schedule import Scale, shared
from impasto.optimize.step_cost import StepCost
from impasto.options import MAX_STEPS

FEW = 6
"""No scale is worth fewer steps.

After 3 the loss is that of a picture enlarged from a coarser scale that had all the time, after 6
half of it or less; and half of one step is then within 10% of the whole.
"""

Schedule = tuple[Scale, ...]


class Planner(Protocol):
    """Decides on the schedule of a run."""

    scales: Schedule
    """The scales asked for, coarse to fine."""

    def time_for(self, pace: StepCost) -> float:
        """Return the seconds that the whole schedule has or takes."""

    def begin(self, pace: StepCost) -> Schedule:
        """Return the schedule to start with."""

    def replan(self, schedule: Schedule, index: int, done: int, pace: StepCost) -> Schedule:
        """Return the schedule to go on with, after ``done`` steps of the scale at ``index``.

        What lies before ``index`` is as it was. When the scale there has no more steps than were
        done, it is time for the next one, or there is none.
        """

    def state(self) -> dict[str, Any]:
        """Return what `restore` takes back: plain numbers."""

    def restore(self, state: dict[str, Any]) -> None:
        """Go on as if there had been no pause."""


class Fixed:
    """A schedule that stays as it is."""

    def __init__(self, scales: Sequence[Scale]) -> None:
        self.scales = tuple(scales)

    def time_for(self, pace: StepCost) -> float:
        """Return what it costs."""
        return pace.cost(self.scales)

    def begin(self, pace: StepCost) -> Schedule:  # noqa: ARG002
        """Return the schedule."""
        return self.scales

    def replan(self, schedule: Schedule, index: int, done: int, pace: StepCost) -> Schedule:  # noqa: ARG002
        """Leave it as it is."""
        return schedule

    def state(self) -> dict[str, Any]:
        """Nothing is needed."""
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """Nothing was needed."""


class Budget:
    """As many steps as a time pays for, shared out among the scales as `shared` does.

    ``seconds`` count from ``began`` on ``clock`` (default: from now); ``reserve`` of them are kept
    for what follows the last step. When not every scale can have ``few`` steps, the coarsest of
    ``scales`` are left out, and when the finest alone cannot have them, the finest are. When none
    of them can, the largest of ``smaller`` (coarse to fine) that can is painted instead, and when
    none can, the smallest. Time is filled to the nearest step.
    """

    def __init__(
        self,
        seconds: float,
        scales: Sequence[Scale],
        *,
        smaller: Sequence[Scale] = (),
        few: int = FEW,
        began: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.seconds = seconds
        self.scales = tuple(scales)
        self.reserve = 0.0
        self._smaller = tuple(smaller)
        self._few = few
        self._clock = clock
        self._began = clock() if began is None else began

    @property
    def spent(self) -> float:
        """Seconds gone, those before a pause included and the pause itself not."""
        return self._clock() - self._began

    @property
    def left(self) -> float:
        """Seconds left for painting; below 0 when the budget is overrun."""
        return self.seconds - self.reserve - self.spent

    def time_for(self, pace: StepCost) -> float:  # noqa: ARG002
        """Return what is left."""
        return self.left

    def begin(self, pace: StepCost) -> Schedule:
        """Plan for the largest scale that can have a few steps."""
        ends = range(len(self.scales), 0, -1)
        choices = [self.scales[first:end] for end in ends for first in range(end)]
        choices += [(scale,) for scale in reversed(self._smaller)]
        for choice in choices:
            planned = self._fill(choice, 0, pace, self._few)
            if planned:
                return planned
        return (replace(choices[-1][0], steps=self._few),)

    def replan(self, schedule: Schedule, index: int, done: int, pace: StepCost) -> Schedule:
        """Fill the time left by what steps took so far.

        A scale planned before stays while it can have half of a few steps, so that chance does not
        decide anew after every step.
        """
        here, planned_before = schedule[index], len(schedule) - index - 1
        finer = [scale for scale in self.scales if scale.pixels > here.pixels]
        for count in reversed(range(len(finer) + 1)):
            few = self._few if count > planned_before else max(2, self._few // 2)
            planned = self._fill([here, *finer[:count]], done, pace, few)
            if planned:
                break
        else:
            # The time is over. One step at the first scale would show the picture it began with.
            planned = (replace(here, steps=1 if index else 2),)
        first, *rest = planned
        return (*schedule[:index], replace(first, steps=max(done, first.steps)), *rest)

    def state(self) -> dict[str, Any]:
        """Return the time spent."""
        return {"spent": self.spent}

    def restore(self, state: dict[str, Any]) -> None:
        """Count the time spent before the pause as well as that since this was built."""
        self._began -= float(state["spent"])

    def _fill(
        self, scales: Sequence[Scale], done: int, pace: StepCost, few: int
    ) -> Schedule | None:
        """Share out as many steps as the time left pays for; None if one has fewer than ``few``.

        ``done`` of the first scale's steps are paid for.
        """
        # To the nearest step: half of one may go beyond the budget.
        left = self.left + pace.step(scales[-1]) / 2

        def cost(steps: int) -> float:
            here, *finer = shared(scales, steps, few)
            if not done:
                return pace.cost([here, *finer])
            return max(0, here.steps - done) * pace.step(here) + pace.cost(finer)

        fewest = few * len(scales)
        affordable = bisect_right(range(fewest, MAX_STEPS + 1), left, key=cost)
        return shared(scales, fewest + affordable - 1, few) if affordable else None
