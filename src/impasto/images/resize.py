"""Computes sizes, and resizes at high quality."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image

from impasto.images.picture import Floats, Samples, floats


def resize(rgb: Samples, width: int, height: int, *, soft: bool = False) -> Floats:
    """Resize (H, W, C), float32 in [0, 1] or uint8, to float32 (height, width, C) in [0, 1].

    Uses Lanczos, or bilinear if ``soft``, with a support that grows when shrinking, to prevent
    aliasing. An array of floats that has the size already is returned as it is, not copied.
    """
    if rgb.shape[:2] == (height, width):
        return floats(rgb)
    out = np.empty((height, width, rgb.shape[2]), dtype=np.float32)
    kind = Image.Resampling.BILINEAR if soft else Image.Resampling.LANCZOS
    for channel in range(rgb.shape[2]):
        plane = Image.fromarray(np.ascontiguousarray(floats(rgb[:, :, channel]), np.float32))
        out[:, :, channel] = np.asarray(plane.resize((width, height), kind))
    # Lanczos overshoots at edges.
    return np.clip(out, 0, 1, out=out)


def resize_plane(plane: Samples, width: int, height: int, *, soft: bool = False) -> Floats:
    """Resize one channel (H, W), such as alpha or a mask, as `resize` does: (height, width)."""
    return resize(plane[:, :, None], width, height, soft=soft)[:, :, 0]


def fit(width: int, height: int, long_side: int, step: int = 1) -> tuple[int, int]:
    """Return (width, height) scaled so that the long side has ``long_side`` pixels.

    Both are rounded to the nearest multiple of ``step``, at least one.
    """
    scale = long_side / max(width, height)
    return _scaled(width, scale, step), _scaled(height, scale, step)


def with_pixel_count(width: int, height: int, pixels: int) -> tuple[int, int]:
    """Return (width, height) with the same aspect ratio and about ``pixels`` pixels in total."""
    scale = math.sqrt(pixels / (width * height))
    return _scaled(width, scale), _scaled(height, scale)


def _scaled(side: int, scale: float, step: int = 1) -> int:
    return max(1, math.floor(side * scale / step + 0.5)) * step


def reduce(samples: Samples, factor: int) -> Samples:
    """Average blocks of factor × factor values of uint8 or float32 (H, W, C) or (H, W)."""
    if samples.ndim == 3 and samples.dtype != np.uint8:
        channels = [
            reduce(np.ascontiguousarray(plane), factor) for plane in np.moveaxis(samples, 2, 0)
        ]
        return np.stack(channels, axis=2)
    sides = [factor if side >= factor else side for side in samples.shape[1::-1]]
    return np.asarray(Image.fromarray(samples).reduce((sides[0], sides[1])))
