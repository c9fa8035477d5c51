"""Turning a picture by any angle, without empty corners."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray


def turned(rgb: NDArray[np.float32], degrees: float) -> NDArray[np.float32]:
    """Return a picture (H, W, C) turned counter-clockwise and cut to where it has pixels.

    What is left is the largest upright rectangle inside the turned picture. Quarter turns are
    exact; others are interpolated (bicubic), values clipped to [0, 1].
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
    """Return height and width of the largest upright rectangle inside an h × w one that is turned.

    ``angle`` is in radians, between 0 and a quarter turn. At least one pixel each.
    """
    long, short = max(h, w), min(h, w)
    sin, cos = math.sin(angle), math.cos(angle)
    if short <= 2 * sin * cos * long:
        # Two corners touch the long sides: half of the short side either way.
        x = short / 2
        width, height = (x / sin, x / cos) if w >= h else (x / cos, x / sin)
    else:
        spread = cos * cos - sin * sin
        width, height = (w * cos - h * sin) / spread, (h * cos - w * sin) / spread
    return max(1, math.floor(height)), max(1, math.floor(width))
