"""Keeps a film from flickering: the last result moves along with the scene.

As in Ruder, Dosovitskiy and Brox 2016, the last result is warped by the optical flow. Where forward
and backward flow disagree, something came into view, and nothing is carried. Strokes of two frames
rarely coincide, so blending them would blur both: nearly all of the last result is carried, until
repeated warping has blurred it so much that the frame's own picture replaces it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from impasto.video import flow

_MOST_CARRIED = 0.999
"""The largest share of a pixel that comes from the last result, at stability 1."""

_LEAST_SHARE = 0.1
"""Each frame's share in the moments of the normalisations, at stability 1."""

_GAIN, _NOISE = 1.3, 0.002
"""A pixel is at rest if its flow explains the frame hardly better than rest does: the error of rest
is at most the first times the error of the flow, plus the square of the second. Grain seems to move
too, and warping blurs."""

_LOOK = 0.15
"""A difference in luma at which the last frame probably showed something else."""

_BLOCK = 16
"""The side of the blocks in which sharpness is compared, in pixels."""

_FADED, _FRESH = 0.5, 0.6
"""The last result is replaced where its detail has the first share of the contrast of the frame's
own picture, and kept where it has the second."""

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

    ``flow`` (1, 2, h, w) and ``holds`` (1, 1, h, w), from 0 to 1, are smaller than the frame.
    ``cut`` means that a shot begins with this frame.
    """

    flow: Tensor
    holds: Tensor
    cut: bool


class Follower:
    """Finds the motion between the frames of a film, which it is given in order."""

    def __init__(self, before: NDArray[np.uint8] | None = None) -> None:
        self._luma: Tensor | None = None
        self._colours: Tensor | None = None
        if before is not None:
            self.follow(before)

    @torch.inference_mode()
    def follow(self, rgb: NDArray[np.uint8]) -> Motion | None:
        """Return the motion of a frame (h, w, 3), None for the first."""
        frame = tensor(rgb)
        luma, colours = flow.small(frame), _histogram(frame)
        last, before = self._luma, self._colours
        self._luma, self._colours = luma, colours
        if last is None or before is None:
            return None
        there, back = flow.between(luma, last)
        still = _still(luma, last, there)
        there = there.masked_fill(still, 0)
        holds = _holds(luma, last, there, back, still)
        apart = float((colours - before).abs().sum()) / 2
        cut = apart > _ANOTHER or (apart > _OTHER and float(holds.mean()) < _LOST)
        return Motion(there, holds, cut)


class Carrier:
    """Moves the last result along, and blends it with each frame's own picture."""

    def __init__(self, stability: float) -> None:
        self._most = _MOST_CARRIED * (1 - (1 - stability) ** 2)
        self.last: Tensor | None = None

    def forget(self) -> None:
        """Begin a shot."""
        self.last = None

    @torch.inference_mode()
    def carried(self, motion: Motion) -> tuple[Tensor, Tensor] | None:
        """Return the last result (1, 3, h, w), moved to the current frame, and where it holds."""
        if self.last is None:
            return None
        height, width = self.last.shape[2:]
        moved = flow.resized(motion.flow, height, width)
        holds = F.interpolate(motion.holds, size=[height, width], mode="bilinear")
        return flow.warped(self.last, moved, "bicubic").clamp_(0, 1), holds

    @torch.inference_mode()
    def start(
        self, rgb: NDArray[np.uint8], carried: tuple[Tensor, Tensor] | None
    ) -> NDArray[np.float32] | None:
        """Return the moved result where it holds, and the frame (h, w, 3) elsewhere."""
        return None if carried is None else array(tensor(rgb).lerp(*carried))

    @torch.inference_mode()
    def blended(
        self, picture: NDArray[np.uint8], carried: tuple[Tensor, Tensor] | None
    ) -> NDArray[np.uint8]:
        """Blend a frame's own picture (h, w, 3) with the moved result, keep and return it."""
        own = tensor(picture)
        if carried is None or not self._most:
            self.last = own
            return picture
        before, holds = _recoloured(carried[0], own), carried[1]
        self.last = own.lerp(before, holds * _sharp(before, own) * self._most)
        return np.ascontiguousarray((self.last[0] * 255).round_().byte().permute(1, 2, 0).numpy())

    def state(self) -> dict[str, NDArray[np.float32]]:
        """Return arrays by name, from which `restore` can restore this state."""
        return {} if self.last is None else {"last": array(self.last)}

    def restore(self, state: Mapping[str, NDArray[np.float32]]) -> None:
        """Restore a state."""
        self.last = tensor(state["last"]) if "last" in state else None


def tensor(rgb: NDArray[np.uint8] | NDArray[np.float32]) -> Tensor:
    """Return (h, w, 3), uint8 or floats, as floats (1, 3, h, w) in [0, 1]."""
    found = torch.from_numpy(rgb).permute(2, 0, 1)[None].contiguous().float()
    return found.div_(255) if rgb.dtype == np.uint8 else found


def array(picture: Tensor) -> NDArray[np.float32]:
    """Return (1, 3, h, w) as (h, w, 3)."""
    return np.ascontiguousarray(picture[0].permute(1, 2, 0).numpy())


def _histogram(frame: Tensor) -> Tensor:
    """Return the share of the pixels of (1, 3, h, w) in each bin of colours."""
    height, width = frame.shape[2:]
    scale = min(1.0, _THUMB / max(height, width))
    size = [max(1, round(height * scale)), max(1, round(width * scale))]
    thumb = F.interpolate(frame, size=size, mode="bilinear", antialias=True)[0]
    red, green, blue = (thumb * _BINS).long().clamp_(0, _BINS - 1)
    counts = torch.bincount(((red * _BINS + green) * _BINS + blue).flatten(), minlength=_BINS**3)
    return counts / counts.sum()


def _recoloured(carried: Tensor, own: Tensor) -> Tensor:
    """Return (1, 3, h, w) with the mean colours of its blocks nearer to those of ``own``."""
    apart = F.avg_pool2d(own - carried, _COARSE, ceil_mode=True, count_include_pad=False)
    apart = F.interpolate(apart, size=list(own.shape[2:]), mode="bilinear")
    return (carried + _COARSE_SHARE * apart).clamp_(0, 1)


def _sharp(carried: Tensor, own: Tensor) -> Tensor:
    """Return where ``carried`` (1, 3, h, w) is about as sharp as ``own``, from 0 to 1."""
    ratio = ((_detail(carried) + _FAINT) / (_detail(own) + _FAINT)).sqrt()
    sharp = ((ratio - _FADED) / (_FRESH - _FADED)).clamp(0, 1)
    return F.interpolate(sharp, size=list(own.shape[2:]), mode="bilinear")


def _detail(picture: Tensor) -> Tensor:
    """Return the mean square of the detail of (1, 3, h, w) below two pixels, around each block."""
    grey = picture.mean(1, keepdim=True)
    low = F.avg_pool2d(grey, 2, ceil_mode=True)
    band = grey - F.interpolate(low, size=list(grey.shape[2:]), mode="bilinear")
    energy = F.avg_pool2d(band.square(), _BLOCK // 4, ceil_mode=True)
    return _around(energy, 2)


def _still(luma: Tensor, last: Tensor, there: Tensor) -> Tensor:
    """Return where the flow explains hardly more than rest does.

    The large window averages grain, the small one fits between things that move.
    """
    stayed, moved = (luma - last).square(), (luma - flow.warped(last, there)).square()
    gains = [_around(stayed, radius) - _GAIN * _around(moved, radius) for radius in (2, 4)]
    return torch.minimum(*gains) < _NOISE**2


def _around(x: Tensor, radius: int) -> Tensor:
    """Average (n, c, h, w) over the part of a window around each pixel that is in the picture."""
    return F.avg_pool2d(x, 2 * radius + 1, 1, radius, count_include_pad=False)


def _holds(luma: Tensor, last: Tensor, there: Tensor, back: Tensor, still: Tensor) -> Tensor:
    """Return where the flow leads to the same thing in the last frame, from 0 to 1."""
    returned = flow.warped(back, there)
    apart = (there + returned).square().sum(1, keepdim=True)
    length = there.square().sum(1, keepdim=True) + returned.square().sum(1, keepdim=True)
    agree = apart < 0.01 * length + 0.5  # Sundaram, Brox and Keutzer 2010, eq. 5
    seen = (agree | still).float()
    height, width = luma.shape[2:]
    x = torch.arange(width) + there[:, :1]
    y = torch.arange(height)[:, None] + there[:, 1:]
    inside = (x > -0.5) & (x < width - 0.5) & (y > -0.5) & (y < height - 0.5)
    differs = _around((luma - flow.warped(last, there)).abs(), 1)
    alike = torch.exp(-((differs / _LOOK) ** 2))
    return _around(seen * inside, 1) * alike
