"""What an engine reports while it works. Whoever asked draws the bar, the plot or the page."""

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
    """The work begins (or goes on, when ``step`` is above 0).

    With a budget, ``steps`` and ``scales`` are a plan that follows what steps turn out to cost.
    ``seconds`` is how long what is left is expected to take, None where that was not measured.
    """

    step: int
    steps: int
    scales: tuple[tuple[int, int, int], ...]  # (width, height, steps) of each scale
    device: str
    precision: str
    seconds: float | None = None


@dataclass(frozen=True)
class Replanned:
    """The budget has time for more scales than was thought, or for fewer.

    When the last of them is not the picture's own size, the picture is enlarged at the end.
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
    """One evaluation of the objective and its gradient, and the move that followed.

    The losses are those of the picture that ``picture()`` returns, float32 (height, width, 3) RGB
    in [0, 1]: the one the step evaluated, or the last good one if the step was taken back.
    ``content``, ``style`` and ``tv`` are weighted and add up to ``loss``; ``terms`` has the
    same, one entry for each layer. ``seconds`` is the time since the start of the whole work,
    without the pauses between kill and resume; ``remaining`` an estimate of what is left. With a
    budget, ``steps`` is what is planned now; it equals ``step`` at the last one only.
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
    """The losses of one step, as logs keep them: a row of plain numbers."""

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
        """Take from a step what logs keep; the seconds are rounded to milliseconds."""
        losses = (event.loss, event.content, event.style, event.tv)
        seconds = round(float(event.seconds), 3)
        return cls.from_numbers(
            (event.step, event.scale, event.width, event.height, *losses, seconds)
        )

    @classmethod
    def from_numbers(cls, numbers: Iterable[float]) -> Self:
        """Build from nine floating-point numbers, as an array keeps them."""
        step, scale, width, height, *losses = numbers
        loss, content, style, tv, seconds = (float(value) for value in losses)
        return cls(
            int(step), int(scale), int(width), int(height), loss, content, style, tv, seconds
        )


@dataclass(frozen=True)
class Saved:
    """A file is complete on disk."""

    path: Path
    what: str  # "picture", "checkpoint", ...


@dataclass(frozen=True)
class SteppedBack:
    """The step just reported had raised the loss, or was not finite: it was taken back."""

    step: int
    reason: str


@dataclass(frozen=True)
class Finished:
    """The work is done. ``loss`` is that of the finished picture's last evaluation."""

    steps: int
    seconds: float
    loss: float


@dataclass(frozen=True)
class Trained:
    """One step of training: a batch seen, the network moved.

    The losses are means over the batch, before the step: ``content`` and ``style`` without their
    weights, which move as it trains, of pictures at full strength. On a GPU, which is not waited
    for, all are of the step before. ``progress`` goes from 0 to 1, which it reaches at the last
    step only; the seconds are as in `Step`. ``unreadable`` counts the photos passed over so far.
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
    """A photo that cannot be read was passed over; told once for each."""

    reason: str


@dataclass(frozen=True)
class Stalled:
    """The style term is where it was at the start, though a good part of the training is over."""

    step: int
    reason: str


TrainingEvent = Trained | Unreadable | Stalled | Saved

Event = Started | Replanned | ScaleStarted | Step | Saved | SteppedBack | Finished
