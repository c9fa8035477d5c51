"""The cost of a step: measured at some sizes, estimated for others."""

from __future__ import annotations

import statistics
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from torch import Tensor

from impasto.losses.objective import Criterion
from impasto.optimize.schedule import Scale

_LONG_ENOUGH = 0.1
"""Seconds of a step after which no larger size is tried, once two sizes are known."""

_TRIAL_SHARE = 0.1
"""The largest share of the total time that another trial may be expected to take."""


class StepCost:
    """Estimates the cost of steps from the latest measurements.

    A step costs a + b · pixels; the constant part is for loading weights and launching kernels.
    Both come from the two sizes measured last, but b · pixels is at least half of a step, because
    small sizes are poor evidence. With a single size, a is 0. That overestimates larger sizes, but
    a planner can still add them later.

    Opening a scale (resizing pictures, building targets, warming up) is assumed to cost up to one
    step in proportion to the size; any time beyond that is independent of the size.
    """

    def __init__(self) -> None:
        self._size, self._step = 0, 0.0  # the latest size in pixels, and its seconds per step
        self._fixed = 0.0  # a
        self._opening, self._opening_fixed = 0.0, 0.0  # in steps; in seconds
        self._before: tuple[int, float] | None = None  # the same of the previous size
        self._first = 0.0
        self._recent: deque[float] = deque(maxlen=5)

    @property
    def known(self) -> bool:
        """Whether anything was measured."""
        return self._size > 0

    def opened(self, scale: Scale, seconds: float) -> None:
        """Record the seconds up to the end of a scale's first step."""
        self._first = seconds
        self._recent.clear()
        if not self.known:
            self._learn(scale.pixels, seconds)

    def stepped(self, scale: Scale, seconds: float) -> None:
        """Record the seconds of a later step of a scale."""
        self._recent.append(seconds)
        step = statistics.median(self._recent)
        self._learn(scale.pixels, step)
        opening = max(0.0, self._first - step)
        self._opening = min(1.0, opening / step) if step else 0.0
        self._opening_fixed = max(0.0, opening - step)

    def step(self, scale: Scale) -> float:
        """Return the seconds of one step."""
        if not self.known:
            return 0.0
        return self._fixed + (self._step - self._fixed) * scale.pixels / self._size

    def cost(self, scales: Iterable[Scale]) -> float:
        """Return the seconds of all steps of some scales, including opening them."""
        return sum((s.steps + self._opening) * self.step(s) + self._opening_fixed for s in scales)

    def _learn(self, size: int, step: float) -> None:
        if size != self._size:
            self._before = (self._size, self._step) if self.known else None
        self._size, self._step = size, step
        self._fixed = 0.0
        if self._before:
            size_before, step_before = self._before
            per_pixel = (step - step_before) / (size - size_before)
            self._fixed = min(max(0.0, step - per_pixel * size), step / 2)

    def state(self) -> dict[str, Any]:
        """Return the state for `restore`, as plain numbers."""
        return {
            "size": self._size,
            "step": self._step,
            "before": self._before,
            "opening": (self._opening, self._opening_fixed),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Restore a state."""
        before, opening = state["before"], state["opening"]
        self._opening, self._opening_fixed = map(float, opening)
        self._size = 0
        if before:
            self._learn(int(before[0]), float(before[1]))
        if state["size"]:
            self._learn(int(state["size"]), float(state["step"]))


def measure(
    scales: Iterable[Scale],
    *,
    objective_at: Callable[[Scale], Criterion],
    start_at: Callable[[Scale], Tensor],
    time_for: Callable[[StepCost], float],
    clock: Callable[[], float],
) -> StepCost:
    """Time two evaluations at each of some scales, coarse to fine, until the cost is known.

    ``time_for`` returns the seconds for the whole work; no trial may take a large part of it.
    """
    step_cost = StepCost()
    for tried, scale in enumerate(scales, start=1):
        # Two evaluations, and the preparation before them.
        if step_cost.known and 3 * step_cost.step(scale) > _TRIAL_SHARE * time_for(step_cost):
            break
        began = clock()
        objective, image = objective_at(scale), start_at(scale)
        objective.evaluate(image)
        step_cost.opened(scale, clock() - began)
        began = clock()
        objective.evaluate(image)
        step_cost.stepped(scale, clock() - began)
        if tried > 1 and step_cost.step(scale) >= _LONG_ENOUGH:
            break
    return step_cost
