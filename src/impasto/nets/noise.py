"""White noise as a function of position: seed, level, row and column determine its value.

So a picture is the same as a whole or in tiles, with any back end, in a batch or alone; and a crop
from the upper left of a photo gets the same strokes as the whole. The generator uses only sums,
products and remainders below 2⁶², which every runtime computes alike; `apply.graph` implements it
in ONNX. A position is hashed by polynomials over the integers modulo the prime 2³¹ - 1, and two
hashes give a normal number (Box and Muller 1958).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from impasto.nets.architecture import Architecture

PRIME = 2**31 - 1
SEEDS = PRIME
"""The number of seeds, which start at 0."""

ROW, COLUMN, LEVEL = 1_327_217_885, 715_225_739, 979_193
ADDED, CONSTANT = 1_013_904_223, 374_761_393


def field(seed: int, stride: int, height: int, width: int) -> NDArray[np.float32]:
    """Return standard normal noise (1, 1, height, width) for the level with that stride."""
    start = mixed(mixed((np.int64(seed) + stride * LEVEL) % PRIME))
    rows = mixed((start + np.arange(height, dtype=np.int64)[:, None] * ROW) % PRIME)
    first = mixed(mixed((rows + np.arange(width, dtype=np.int64) * COLUMN) % PRIME))
    second = mixed(first)
    radius = np.sqrt(np.float32(-2) * np.log(_uniform(first)))
    found: NDArray[np.float32] = radius * np.cos(np.float32(2 * math.pi) * _uniform(second))
    return found[None, None]


def fields(
    architecture: Architecture, height: int, width: int, seed: int
) -> dict[str, NDArray[np.float32]]:
    """Return the noise that a network adds to a padded picture of that size, by layer name."""
    return {
        name: field(seed, stride, height // stride, width // stride)
        for name, stride in architecture.noise_strides.items()
    }


def mixed(h: Any) -> Any:
    """Hash integers from 0 to below `PRIME` with a cubic polynomial."""
    return (h * ((h * h + ADDED) % PRIME) + CONSTANT) % PRIME


def _uniform(h: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return (h + 1) / `PRIME`, above 0 and at most 1."""
    return (h + 1).astype(np.float32) / np.float32(PRIME)
