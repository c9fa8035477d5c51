"""What a video stylizer reports while it works."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from impasto.events import Saved


@dataclass(frozen=True)
class FilmStarted:
    """The work begins, or resumes after ``done`` frames.

    ``width`` and ``height`` are those of the result. ``frames`` is the number of frames that the
    file declares, None if it declares none.
    """

    width: int
    height: int
    frames: int | None
    done: int


@dataclass(frozen=True)
class FramePainted:
    """A frame has been painted; ``frame`` counts from 1, over all runs.

    ``frames`` is the number of frames that the file declares, but at least ``frame``; None if it
    declares none. ``time`` is the time of the frame, in seconds of the result; ``cut`` means that a
    shot begins with it. ``seconds`` is the time since this run began, ``remaining`` an estimate of
    the time left. ``picture`` is uint8 (height, width, 3).
    """

    frame: int
    frames: int | None
    time: float
    cut: bool
    seconds: float
    remaining: float | None
    picture: NDArray[np.uint8] = field(repr=False, compare=False)


VideoEvent = FilmStarted | FramePainted | Saved
