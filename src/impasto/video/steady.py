"""Keeps a film from flickering: the last result moves along with the scene.

As in Ruder, Dosovitskiy and Brox 2016, the last result is warped by the optical flow. Where forward
and backward flow disagree, something came into view, and nothing is carried. Strokes of two frames
rarely coincide, so blending them would blur both: nearly all of the last result is carried. Warping
blurs, so its detail is kept at the contrast that each frame's own picture has. Where that has taken
too much, the own picture replaces it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from impasto.images.picture import floats
from impasto.video.flow import (
    FlowEstimator,
    averaged,
    brightness,
    in_bytes,
    places,
    resized,
    resized_flow,
    shrunk,
    small,
    warped,
)

Floats = NDArray[np.float32]

_MOST_CARRIED = 0.999
"""The largest share of a pixel that comes from the last result, at stability 1."""

_LEAST_SHARE = 0.1
"""Each frame's share in the moments of the normalisations, at stability 1."""

_GAIN, _NOISE = 1.3, 0.002
"""A pixel is at rest if its flow explains the frame hardly better than rest does: the error of rest
is at most the first times the error of the flow, plus the square of the second. Grain seems to move
too, and warping blurs."""

_REST_WINDOWS = (4, 8)
"""The radii in pixels of the windows in which rest and flow are compared. The large window averages
grain, the small one fits between things that move."""

_SEEN_WINDOW = 4
"""The radius in pixels of the window in which two frames are compared."""

_LOOK = 0.15
"""A difference in luma at which the last frame probably showed something else."""

_BLOCK = 16
"""The side of the blocks in which sharpness is compared, in pixels."""

_FADED, _FRESH = 0.5, 0.6
"""The last result is replaced where its detail would have the first share of the contrast of the
frame's own picture without sharpening, and kept where it would have the second."""

_SHARPENED = 1.1
"""The largest gain of the detail of the last result in a frame. Each move costs some contrast."""

_COARSE, _COARSE_SHARE = 32, 0.1
"""Blocks of this side in pixels move by this share towards the mean colour of each frame's own
picture. So wrong colours fade within a second, and the strokes stay."""

_FAINT = 1e-5
"""Squares of detail this small make no difference."""

_BINS = 6
"""The number of bins per colour in a histogram."""

_THUMB = 64
"""The long side of the frames that histograms are made of, in pixels."""

_ANOTHER, _OTHER = 0.5, 0.25
"""A frame begins a shot if its histogram differs from the last one by the first share of all
pixels; or by the second share, if the flow fails nearly everywhere."""

_LOST = 0.35
"""The flow fails nearly everywhere if it holds for less than this share of a frame."""


def moments_share(stability: float) -> float:
    """Return the share by which each frame moves the moments of the normalisations to its own."""
    return 1 - (1 - _LEAST_SHARE) * stability


@dataclass(frozen=True, eq=False)
class Motion:
    """The motion from a frame back to the one before.

    ``flow`` (h, w, 2) and ``holds`` (h, w), from 0 to 1, differ from the frame in size. ``cut``
    means that a shot begins with this frame.
    """

    flow: Floats
    holds: Floats
    cut: bool


class Follower:
    """Finds the motion between the frames of a film, which it is given in order.

    Raises `MissingExtraError`.
    """

    def __init__(self, before: NDArray[np.uint8] | None = None) -> None:
        self._estimator = FlowEstimator()
        self._luma: Floats | None = None
        self._colours: Floats | None = None
        if before is not None:
            self.follow(before)

    def follow(self, rgb: NDArray[np.uint8]) -> Motion | None:
        """Return the motion of a frame (h, w, 3), None for the first."""
        luma, colours = small(rgb), _histogram(rgb)
        last, before = self._luma, self._colours
        self._luma, self._colours = luma, colours
        if last is None or before is None:
            return None
        there, back = self._estimator.between(luma, last)
        still = _still(luma, last, there)
        there[still] = 0
        holds = _holds(luma, last, there, back, still)
        apart = float(np.abs(colours - before).sum()) / 2
        cut = apart > _ANOTHER or (apart > _OTHER and float(holds.mean()) < _LOST)
        return Motion(there, holds, cut)


@dataclass(frozen=True, eq=False)
class Carried:
    """The last result, moved to a frame: ``picture`` (h, w, 3), and where it ``holds`` (h, w).

    The picture may go somewhat beyond the range of values, as its filter does. ``gained`` (h', w')
    is by how much its detail has been sharpened since it was painted.
    """

    picture: Floats
    holds: Floats
    gained: Floats


class Carrier:
    """Moves the last result along, and blends it with each frame's own picture."""

    def __init__(self, stability: float) -> None:
        self._most = _MOST_CARRIED * (1 - (1 - stability) ** 2)
        self._last: Floats | None = None
        self._gained = np.ones((1, 1), np.float32)

    def forget(self) -> None:
        """Begin a shot."""
        self._last = None

    def carried(self, motion: Motion) -> Carried | None:
        """Return the last result, moved to the current frame; None if there is none."""
        if self._last is None:
            return None
        height, width, _ = self._last.shape
        moved = warped(self._last, resized_flow(motion.flow, height, width), sharp=True)
        gained = warped(self._gained, resized_flow(motion.flow, *self._gained.shape))
        holds = resized(motion.holds, height, width)
        return Carried(moved, holds, gained)

    def start(self, rgb: NDArray[np.uint8], carried: Carried | None) -> Floats | None:
        """Return the moved result where it holds, and the frame (h, w, 3) elsewhere."""
        if carried is None:
            return None
        return np.clip(_blend(floats(rgb), carried.picture, carried.holds), 0, 1)

    def blended(self, picture: NDArray[np.uint8], carried: Carried | None) -> NDArray[np.uint8]:
        """Blend a frame's own picture (h, w, 3) with the moved result, keep and return it."""
        own = floats(picture)
        if carried is None or not self._most:
            self._last, self._gained = own, np.ones((1, 1), np.float32)
            return picture
        before, fresh, gained = _sharpened(_recoloured(carried.picture, own), own, carried.gained)
        share = carried.holds * fresh * self._most
        self._last = _blend(own, before, share)
        self._gained = 1 + (gained - 1) * resized(share, *gained.shape)
        return in_bytes(self._last)

    def state(self) -> dict[str, Floats]:
        """Return arrays by name, from which `restore` can restore this state."""
        return {} if self._last is None else {"last": self._last, "gained": self._gained}

    def restore(self, state: Mapping[str, Floats]) -> None:
        """Restore a state."""
        self._last = state.get("last")
        self._gained = state.get("gained", self._gained)


def _blend(one: Floats, other: Floats, share: Floats) -> Floats:
    """Return (h, w, 3) with a share (h, w) of ``other``."""
    made: Floats = one + share[..., None] * (other - one)
    return made


def _histogram(rgb: NDArray[np.uint8]) -> Floats:
    """Return the share of the pixels of (h, w, 3) in each bin of colours."""
    factor = max(1.0, max(rgb.shape[:2]) / _THUMB)
    bins = (shrunk(rgb, factor).astype(np.int64) * _BINS) // 256
    red, green, blue = bins.reshape(-1, 3).T
    counts = np.bincount((red * _BINS + green) * _BINS + blue, minlength=_BINS**3)
    shares: Floats = (counts / counts.sum()).astype(np.float32)
    return shares


def _recoloured(carried: Floats, own: Floats) -> Floats:
    """Return (h, w, 3) with the mean colours of its blocks nearer to those of ``own``."""
    apart = shrunk(own, _COARSE) - shrunk(carried, _COARSE)
    return carried + resized(_COARSE_SHARE * apart, *own.shape[:2])


def _sharpened(carried: Floats, own: Floats, gained: Floats) -> tuple[Floats, Floats, Floats]:
    """Return (h, w, 3) with the contrast of detail that moving costs.

    Also return where it is fresh, (h, w) from 0 to 1: it has about the contrast of ``own``, and had
    not to be sharpened too much for it, counting ``gained``, which is returned last.
    """
    height, width, _ = own.shape
    detail = _detail(carried)
    before, wanted = _energy(brightness(detail)), _energy(_detail(brightness(own)))
    contrast: Floats = np.sqrt((before + _FAINT) / (wanted + _FAINT))
    gain: Floats = np.clip(1 / contrast, 1, _SHARPENED)
    gained = gain * resized(gained, *gain.shape)
    left = np.minimum(contrast * gain, 1) / gained
    fresh: Floats = np.clip((left - _FADED) / (_FRESH - _FADED), 0, 1)
    made = carried + resized(gain - 1, height, width)[..., None] * detail
    return np.clip(made, 0, 1, out=made), resized(fresh, height, width), gained


def _detail(picture: Floats) -> Floats:
    """Return the detail of (h, w) or (h, w, 3) that is smaller than two pixels."""
    height, width = picture.shape[:2]
    return picture - resized(shrunk(picture, 2), height, width)


def _energy(detail: Floats) -> Floats:
    """Return the mean square of (h, w) around each block."""
    return averaged(shrunk(np.square(detail), _BLOCK // 4), 2)


def _still(luma: Floats, last: Floats, there: Floats) -> NDArray[np.bool_]:
    """Return where the flow explains hardly more than rest does."""
    stayed, moved = np.square(luma - last), np.square(luma - warped(last, there))
    gains = [averaged(stayed - _GAIN * moved, radius) for radius in _REST_WINDOWS]
    return np.minimum(*gains) < _NOISE**2


def _squared(flow: Floats) -> Floats:
    """Return the squared length of each vector of (h, w, 2)."""
    return np.square(flow[..., 0]) + np.square(flow[..., 1])


def _holds(
    luma: Floats, last: Floats, there: Floats, back: Floats, still: NDArray[np.bool_]
) -> Floats:
    """Return where the flow leads to the same thing in the last frame, from 0 to 1."""
    returned = warped(back, there)
    lengths = _squared(there) + _squared(returned)
    agree = _squared(there + returned) < 0.01 * lengths + 0.5  # Sundaram et al. 2010, eq. 5
    height, width = luma.shape
    x, y = places(there)
    inside = (x > -0.5) & (x < width - 0.5) & (y > -0.5) & (y < height - 0.5)
    seen = ((agree | still) & inside).astype(np.float32)
    differs = averaged(np.abs(luma - warped(last, there)), _SEEN_WINDOW)
    alike: Floats = np.exp(-np.square(differs / _LOOK))
    return averaged(seen, _SEEN_WINDOW) * alike
