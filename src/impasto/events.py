"""What an engine reports while it works. Whoever asked draws the bar, the plot or the page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Started:
    """The work begins (or goes on, when ``step`` is above 0)."""

    step: int
    steps: int
    scales: tuple[tuple[int, int, int], ...]  # (width, height, steps) of each scale
    device: str
    precision: str


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

    The losses are those of the picture ``picture()`` returns: the one the step evaluated.
    ``content``, ``style`` and ``tv`` are weighted and add up to ``loss``; ``terms`` has the
    same, one entry for each layer. ``seconds`` is the time since the start of the whole work,
    without the pauses between kill and resume; ``remaining`` an estimate of what is left.
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


@dataclass(frozen=True)
class Saved:
    """A file is complete on disk."""

    path: Path
    what: str  # "picture", "checkpoint", ...


@dataclass(frozen=True)
class Restarted:
    """A step diverged: the optimiser went back and forgot its history."""

    step: int
    reason: str


@dataclass(frozen=True)
class Finished:
    """The work is done. ``loss`` is that of the finished picture's last evaluation."""

    steps: int
    seconds: float
    loss: float


Event = Started | ScaleStarted | Step | Saved | Restarted | Finished
