"""What a video stylizer reports while it works."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from impasto.events import Saved


@dataclass(frozen=True)
class FilmStarted:
    """The work begins, or goes on after ``done`` frames.

    ``width`` and ``height`` are those of the result. ``frames`` is how many there are to be, as
    the file says it, None where it does not.
    """

    width: int
    height: int
    frames: int | None
    done: int


@dataclass(frozen=True)
class FramePainted:
    """One frame more is painted; ``frame`` counts from 1, over all runs.

    ``frames`` is how many there are to be, as far as the file tells the truth: never fewer than
    ``frame``, None where it does not say. ``time`` is the frame's own, in seconds of the result;
    ``cut`` tells whether a shot begins with it. ``seconds`` is the time since this run began,
    ``remaining`` an estimate of what is left. ``picture`` is uint8 (height, width, 3).
    """

    frame: int
    frames: int | None
    time: float
    cut: bool
    seconds: float
    remaining: float | None
    picture: NDArray[np.uint8] = field(repr=False, compare=False)


VideoEvent = FilmStarted | FramePainted | Saved
