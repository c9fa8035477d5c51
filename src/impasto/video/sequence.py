"""Paints frames in a row without flicker, for films and animations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from impasto.video.frames import FrameStylizer
from impasto.video.steady import Carrier, Follower, Motion


@dataclass(frozen=True, eq=False)
class Painted:
    """A frame's own picture (h, w, 3), and the state of what painted it."""

    picture: NDArray[np.uint8]
    state: dict[str, NDArray[Any]]


class FrameSequence:
    """Paints frames one after the other, with a temporal stability from 0 to 1.

    ``frames`` paints each frame; it must be prepared.
    """

    def __init__(self, frames: FrameStylizer, stability: float) -> None:
        self._frames = frames
        self._carrier = Carrier(stability)
        self.follows, self.at_once = frames.follows, frames.at_once
        self._looks = stability > 0 or frames.follows
        self._frames_state: Mapping[str, NDArray[Any]] = {}

    def follower(self, before: NDArray[np.uint8] | None = None) -> Follower | None:
        """Return a `Follower` for the frames, None if their motion is not needed.

        ``before`` is the frame before the first, if there is one.
        """
        return Follower(before) if self._looks else None

    def paint(self, rgb: NDArray[np.uint8], motion: Motion | None) -> NDArray[np.uint8]:
        """Paint a frame (h, w, 3), given its motion; None for the first frame.

        Earlier frames are forgotten at a cut.
        """
        return self.steadied(self.painted(rgb, motion), motion)

    def painted(self, rgb: NDArray[np.uint8], motion: Motion | None) -> Painted:
        """Do the first half of `paint`.

        Unless ``follows``, it may be ahead of `steadied`, and ``at_once`` threads may do it.
        """
        if motion is None or motion.cut:
            self._frames.begin_shot()
        start = None
        if self.follows and motion is not None and not motion.cut:
            start = self._carrier.start(rgb, self._carrier.carried(motion))
        return Painted(self._frames.stylize(rgb, start), self._frames.state())

    def steadied(self, own: Painted, motion: Motion | None) -> NDArray[np.uint8]:
        """Do the second half of `paint`, with what the first half returned."""
        if motion is None or motion.cut:
            self._carrier.forget()
        carried = None if motion is None else self._carrier.carried(motion)
        self._frames_state = own.state
        return self._carrier.blended(own.picture, carried)

    def state(self) -> dict[str, NDArray[Any]]:
        """Return the state that the next frames depend on, for `restore`."""
        parts = {"carrier": self._carrier.state(), "frames": self._frames_state}
        return {
            f"{part}|{name}": value
            for part, found in parts.items()
            for name, value in found.items()
        }

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Restore a state."""
        self._carrier.restore(_part(state, "carrier|"))
        self._frames_state = _part(state, "frames|")
        self._frames.restore(self._frames_state)


def _part(state: Mapping[str, NDArray[Any]], begin: str) -> dict[str, NDArray[Any]]:
    """Return the arrays whose names have a prefix, without the prefix."""
    return {n.removeprefix(begin): value for n, value in state.items() if n.startswith(begin)}
