"""Moments of normalisations that follow one picture after another: what keeps a film steady.

A network divides out the mean and variance of the whole picture, so whatever comes into view
changes all the rest a little, in every frame anew. Here they are exponential moving averages over
the frames, as those of batch normalisation are over batches (Ioffe and Szegedy 2015).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from impasto.apply.backends import Moments
from impasto.nets.architecture import Normalise

_PARTS = ("mean", "variance")


class Lane:
    """The moments of one network at one size. ``share`` is how far a picture moves them."""

    def __init__(self, share: float) -> None:
        self._share = share
        self.moments: dict[str, Moments] = {}

    def before(self, norms: Iterable[Normalise]) -> tuple[Mapping[str, Moments], float]:
        """Return moments to begin a picture with, and how far it is to move them."""
        if self.moments:
            return self.moments, self._share
        empty = {norm.name: np.zeros(norm.channels, np.float32) for norm in norms}
        return {name: Moments(zeros, zeros) for name, zeros in empty.items()}, 1.0

    def moved(self, name: str, own: Moments) -> Moments:
        """Move those of a normalisation towards a picture's own, and return them."""
        before = self.moments.get(name, own)
        steps = (old + np.float32(self._share) * (new - old)
                 for old, new in zip(before, own, strict=True))  # fmt: skip
        self.moments[name] = Moments(*steps)
        return self.moments[name]


class RunningMoments:
    """The moments of a film, for each size and mixture that its frames are painted in.

    ``share`` is how far each frame moves them towards its own: from above 0, to 1 for not at all
    steady.
    """

    def __init__(self, share: float) -> None:
        self._share = share
        self._lanes: dict[str, Lane] = {}

    def at(self, key: str) -> Lane:
        """Return those of a key."""
        return self._lanes.setdefault(key, Lane(self._share))

    def begin_anew(self) -> None:
        """Forget all: the next frame is the first of a shot."""
        self._lanes.clear()

    def state(self) -> dict[str, NDArray[np.float32]]:
        """Return arrays by name, which `restore` takes back."""
        return {
            f"{key}|{name}|{part}": getattr(moments, part)
            for key, lane in self._lanes.items()
            for name, moments in lane.moments.items()
            for part in _PARTS
        }

    def restore(self, state: Mapping[str, NDArray[np.float32]]) -> None:
        """Take a state back."""
        self.begin_anew()
        for full in state:
            key, name, _ = full.rsplit("|", 2)
            mean, variance = (state[f"{key}|{name}|{part}"] for part in _PARTS)
            self.at(key).moments[name] = Moments(mean, variance)
