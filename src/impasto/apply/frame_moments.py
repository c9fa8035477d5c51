"""Moments of normalisations that change slowly from frame to frame, which keeps a film steady.

A network uses the mean and variance of the whole picture, so anything that comes into view changes
the rest of the picture slightly, differently in each frame. Here they are exponential moving
averages over frames, as those of batch normalisation are over batches (Ioffe and Szegedy 2015).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from impasto.apply.backend import Moments
from impasto.nets.architecture import Normalise

_PARTS = ("mean", "variance")


class PassMoments:
    """The moments of one pass over all frames. Each frame moves them by ``share``."""

    def __init__(self, share: float) -> None:
        self._share = share
        self.moments: dict[str, Moments] = {}

    def before(self, norms: Iterable[Normalise]) -> tuple[Mapping[str, Moments], float]:
        """Return the moments before a frame, and the share by which the frame moves them."""
        if self.moments:
            return self.moments, self._share
        empty = {norm.name: np.zeros(norm.channels, np.float32) for norm in norms}
        return {name: Moments(zeros, zeros) for name, zeros in empty.items()}, 1.0

    def moved(self, name: str, own: Moments) -> Moments:
        """Move the moments of a normalisation towards a frame's own, and return them."""
        before = self.moments.get(name, own)
        steps = (old + np.float32(self._share) * (new - old)
                 for old, new in zip(before, own, strict=True))  # fmt: skip
        self.moments[name] = Moments(*steps)
        return self.moments[name]


class FrameMoments:
    """The moments of a film, for each pass and mixture of styles.

    Each frame moves them by ``share``, above 0 and up to 1, towards its own; 1 uses those of the
    frame alone.
    """

    def __init__(self, share: float) -> None:
        self._share = share
        self._passes: dict[str, PassMoments] = {}

    def of_pass(self, key: str) -> PassMoments:
        """Return the moments of a pass."""
        return self._passes.setdefault(key, PassMoments(self._share))

    def reset(self) -> None:
        """Forget all moments: the next frame is the first of a shot."""
        self._passes.clear()

    def state(self) -> dict[str, NDArray[np.float32]]:
        """Return arrays by name, from which `restore` can restore this state."""
        return {
            f"{key}|{name}|{part}": getattr(moments, part)
            for key, of_pass in self._passes.items()
            for name, moments in of_pass.moments.items()
            for part in _PARTS
        }

    def restore(self, state: Mapping[str, NDArray[np.float32]]) -> None:
        """Restore a state."""
        self.reset()
        for full in state:
            key, name, _ = full.rsplit("|", 2)
            mean, variance = (state[f"{key}|{name}|{part}"] for part in _PARTS)
            self.of_pass(key).moments[name] = Moments(mean, variance)
