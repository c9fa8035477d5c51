"""The sRGB transfer function (IEC 61966-2-1)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def linear_to_srgb(linear: NDArray[np.float32]) -> NDArray[np.float32]:
    """Encode linear light in [0, 1] (any shape) as sRGB values in [0, 1]; what is outside clips."""
    light = np.clip(linear, 0, 1).astype(np.float32)
    return np.where(
        light <= 0.0031308, 12.92 * light, 1.055 * light ** np.float32(1 / 2.4) - 0.055
    ).astype(np.float32)
