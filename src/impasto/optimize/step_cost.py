"""What a step costs: measured at some sizes, told for any other."""

from __future__ import annotations

import statistics
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from torch import Tensor

from impasto.losses.objective import Criterion
from impasto.optimize.schedule import Scale

_TELLING = 0.1
"""Seconds: who knows two sizes, and a step that takes so long, need not try a larger one."""

_TRIAL_SHARE = 0.1
"""Of the time of the whole work, so much may one more trial be expected to take."""


class StepCost:
    """What was measured last, told for other sizes.

    A step costs a + b · pixels: there are weights to bring along, kernels to launch. The two come
    from the latest two sizes, but b · pixels is at least half of a step, since small sizes say
    little of it. With one size alone a is 0: who expects too much of a size can still go on to it.

    To open a scale (to resize pictures, build targets, warm up) costs as much as a step where it
    cost that much; whatever it took beyond that does not depend on the size.
    """

    def __init__(self) -> None:
        self._size, self._step = 0, 0.0  # of the latest size: pixels, seconds
        self._fixed = 0.0  # a
        self._opening, self._opening_fixed = 0.0, 0.0  # in steps; in seconds
        self._before: tuple[int, float] | None = None  # pixels and seconds of the size before
        self._first = 0.0
        self._recent: deque[float] = deque(maxlen=5)

    @property
    def known(self) -> bool:
        """Whether anything was measured."""
        return self._size > 0

    def opened(self, scale: Scale, seconds: float) -> None:
        """Take the seconds up to the end of a scale's first step."""
        self._first = seconds
        self._recent.clear()
        if not self.known:
            self._learn(scale.pixels, seconds)

    def stepped(self, scale: Scale, seconds: float) -> None:
        """Take the seconds of one of a scale's further steps."""
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
        """Return the seconds that scales cost from opening to last step."""
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
        """Return what `restore` takes back: plain numbers."""
        return {
            "size": self._size,
            "step": self._step,
            "before": self._before,
            "opening": (self._opening, self._opening_fixed),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take back a state."""
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
    """Time two evaluations at each of some scales, coarse to fine, until it is enough to tell.

    ``time_for`` returns the seconds that the whole work has or takes: no trial takes a large part.
    """
    pace = StepCost()
    for tried, scale in enumerate(scales, start=1):
        # Twice an evaluation and, before them, what they need.
        if pace.known and 3 * pace.step(scale) > _TRIAL_SHARE * time_for(pace):
            break
        began = clock()
        objective, image = objective_at(scale), start_at(scale)
        objective.evaluate(image)
        pace.opened(scale, clock() - began)
        began = clock()
        objective.evaluate(image)
        pace.stepped(scale, clock() - began)
        if tried > 1 and pace.step(scale) >= _TELLING:
            break
    return pace
