"""Paints frames in a row without flicker, for films and animations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from impasto.video.frames import FrameStylizer
from impasto.video.steady import Carrier, Follower, Motion


class FrameSequence:
    """Paints frames one after the other, with a temporal stability from 0 to 1.

    ``frames`` paints each frame; it must be prepared.
    """

    def __init__(self, frames: FrameStylizer, stability: float) -> None:
        self._frames = frames
        self._carrier = Carrier(stability)
        self._looks = stability > 0 or frames.follows

    def follower(self, before: NDArray[np.uint8] | None = None) -> Follower | None:
        """Return a `Follower` for the frames, None if their motion is not needed.

        ``before`` is the frame before the first, if there is one.
        """
        return Follower(before) if self._looks else None

    def paint(self, rgb: NDArray[np.uint8], motion: Motion | None) -> NDArray[np.uint8]:
        """Paint a frame (h, w, 3), given its motion; None for the first frame.

        Earlier frames are forgotten at a cut.
        """
        if motion is None or motion.cut:
            self._carrier.forget()
            self._frames.begin_shot()
            return self._carrier.blended(self._frames.stylize(rgb, None), None)
        carried = self._carrier.carried(motion)
        start = self._carrier.start(rgb, carried) if self._frames.follows else None
        own = self._frames.stylize(rgb, start)
        return self._carrier.blended(own, carried)

    def state(self) -> dict[str, NDArray[Any]]:
        """Return the state that the next frames depend on, for `restore`."""
        found = {f"carrier|{name}": value for name, value in self._carrier.state().items()}
        return found | {f"frames|{name}": value for name, value in self._frames.state().items()}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Restore a state."""
        self._carrier.restore(_part(state, "carrier|"))
        self._frames.restore(_part(state, "frames|"))


def _part(state: Mapping[str, NDArray[Any]], begin: str) -> dict[str, NDArray[Any]]:
    """Return the arrays whose names have a prefix, without the prefix."""
    return {n.removeprefix(begin): value for n, value in state.items() if n.startswith(begin)}
