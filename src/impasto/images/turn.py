"""Rotates a picture by any angle, without empty corners."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray


def turned(rgb: NDArray[np.float32], degrees: float) -> NDArray[np.float32]:
    """Rotate a picture (H, W, C) counter-clockwise and crop the empty corners.

    The result is the largest upright rectangle inside the rotated picture. Quarter turns are exact;
    other angles use bicubic interpolation, clipped to [0, 1].
    """
    quarters, rest = divmod(round(degrees, 6), 90)
    turned = np.ascontiguousarray(np.rot90(rgb, int(quarters) % 4))
    if rest == 0:
        return turned
    from skimage.transform import rotate

    h, w, _ = turned.shape
    height, width = inner(h, w, math.radians(rest))
    whole: NDArray[np.float32] = rotate(  # type: ignore[no-untyped-call]
        turned, rest, resize=True, order=3, mode="edge"
    )
    top, left = (whole.shape[0] - height) // 2, (whole.shape[1] - width) // 2
    cut = whole[top : top + height, left : left + width]
    return np.asarray(np.clip(cut, 0, 1), np.float32)


def inner(h: int, w: int, angle: float) -> tuple[int, int]:
    """Return height and width of the largest upright rectangle inside a rotated h × w one.

    ``angle`` is in radians, between 0 and a quarter turn. Both are at least one pixel.
    """
    long, short = max(h, w), min(h, w)
    sin, cos = math.sin(angle), math.cos(angle)
    if short <= 2 * sin * cos * long:
        # Two corners touch the long sides, half the short side apart on either side.
        x = short / 2
        width, height = (x / sin, x / cos) if w >= h else (x / cos, x / sin)
    else:
        spread = cos * cos - sin * sin
        width, height = (w * cos - h * sin) / spread, (h * cos - w * sin) / spread
    return max(1, math.floor(height)), max(1, math.floor(width))
