"""Events that an engine yields while it works; the caller turns them into progress bars or logs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Self

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Started:
    """The work begins, or continues if ``step`` is above 0.

    With a budget, ``steps`` and ``scales`` are a plan that is adjusted to the measured cost of
    steps. ``seconds`` is the expected remaining time, None if it was not measured.
    """

    step: int
    steps: int
    scales: tuple[tuple[int, int, int], ...]  # (width, height, steps) of each scale
    device: str
    precision: str
    seconds: float | None = None


@dataclass(frozen=True)
class Replanned:
    """The budget allows more or fewer scales than planned.

    If the last scale is smaller than the picture, the result is enlarged at the end.
    """

    steps: int
    scales: tuple[tuple[int, int, int], ...]  # (width, height, steps) of each scale


@dataclass(frozen=True)
class ScaleStarted:
    """A scale of the schedule begins. ``scale`` counts from 1."""

    scale: int
    scales: int
    width: int
    height: int
    steps: int


@dataclass(frozen=True)
class Step:
    """One evaluation of the objective and its gradient, and the update that followed.

    The losses belong to the picture that ``picture()`` returns, float32 (height, width, 3) RGB in
    [0, 1]: the one that was evaluated, or the last good one if the step was rejected. ``content``,
    ``style`` and ``tv`` are weighted and add up to ``loss``; ``terms`` splits them by layer.
    ``seconds`` is the time since the work began, without interruptions; ``remaining`` is an
    estimate. With a budget, ``steps`` is the current plan; it equals ``step`` only at the last
    step.
    """

    step: int
    steps: int
    scale: int
    scales: int
    width: int
    height: int
    loss: float
    content: float
    style: float
    tv: float
    terms: Mapping[str, float]
    seconds: float
    remaining: float
    picture: Callable[[], NDArray[np.float32]] = field(repr=False, compare=False)


class Losses(NamedTuple):
    """The losses of one step as a row of plain numbers, for logs."""

    step: int
    scale: int
    width: int
    height: int
    loss: float
    content: float
    style: float
    tv: float
    seconds: float

    @classmethod
    def of(cls, event: Step) -> Self:
        """Build from a step; seconds are rounded to milliseconds."""
        losses = (event.loss, event.content, event.style, event.tv)
        seconds = round(float(event.seconds), 3)
        return cls.from_numbers(
            (event.step, event.scale, event.width, event.height, *losses, seconds)
        )

    @classmethod
    def from_numbers(cls, numbers: Iterable[float]) -> Self:
        """Build from nine floating-point numbers, as stored in an array."""
        step, scale, width, height, *losses = numbers
        loss, content, style, tv, seconds = (float(value) for value in losses)
        return cls(
            int(step), int(scale), int(width), int(height), loss, content, style, tv, seconds
        )


@dataclass(frozen=True)
class Saved:
    """A file has been written completely."""

    path: Path
    what: str  # "picture", "checkpoint", ...


@dataclass(frozen=True)
class SteppedBack:
    """The step just reported was rejected: it raised the loss, or was not finite."""

    step: int
    reason: str


@dataclass(frozen=True)
class Finished:
    """The work is done. ``loss`` is from the last evaluation of the finished picture."""

    steps: int
    seconds: float
    loss: float


@dataclass(frozen=True)
class Trained:
    """One step of training on one batch.

    The losses are means over the batch before the update. ``content`` and ``style`` are unweighted,
    since their weights change during training, and cover pictures at full strength only. On a GPU
    they lag one step behind, so that training need not wait for them. ``progress`` runs from 0 to
    1, which it reaches only at the last step; times are as in `Step`. ``unreadable`` counts the
    photos skipped so far.
    """

    step: int
    samples: int
    progress: float
    loss: float
    content: float
    style: float
    seconds: float
    remaining: float
    unreadable: int


@dataclass(frozen=True)
class Unreadable:
    """A photo was skipped because it cannot be read; reported once for each photo."""

    reason: str


@dataclass(frozen=True)
class Stalled:
    """The style term has not fallen although a good part of the training is over."""

    step: int
    reason: str


TrainingEvent = Trained | Unreadable | Stalled | Saved

Event = Started | Replanned | ScaleStarted | Step | Saved | SteppedBack | Finished
