"""Padding and kernel folding, in NumPy, shared by all implementations of an `Architecture`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from impasto.nets.architecture import Architecture, folded_size


def padded(size: int, architecture: Architecture) -> int:
    """Return how many rows (or columns) a picture of ``size`` has after padding.

    At least two positions of the coarsest layer, whose convolutions need them for reflection.
    """
    stride = architecture.stride
    return max(-(-size // stride), 2) * stride


def reflected(size: int, architecture: Architecture) -> NDArray[np.int64]:
    """Return, for each row (or column) of the padded picture, which of ``size`` rows it repeats.

    The picture is mirrored about its last row as often as needed, so no size is too small.
    """
    period = max(2 * (size - 1), 1)
    index = np.arange(padded(size, architecture)) % period
    return np.minimum(index, period - index)


def fold(weight: NDArray[np.float32]) -> NDArray[np.float32]:
    """Fold enlarging by 2 into a convolution's weight (outputs, inputs, k, k), k odd.

    Convolving the enlarged tensor equals convolving the small one with the result
    (4 · outputs, inputs, f, f) and then a pixel shuffle of every four channels to 2×2 positions:
    at each of the four phases, every kernel element is added to the small position that it covers.
    `nets.transformer.fold` does the same for tensors with a gradient.
    """
    outputs, inputs, k, _ = weight.shape
    meets, f = phases(k), folded_size(k)
    folded: NDArray[Any] = np.einsum("oikl,pyk,qxl->opqiyx", weight, meets, meets)
    return folded.reshape(4 * outputs, inputs, f, f)


def phases(k: int) -> NDArray[np.float32]:
    """Return (2, f, k): 1 where, at a phase, a kernel element covers a small position."""
    f, elements = folded_size(k), np.arange(k)
    found = np.zeros((2, f, k), np.float32)
    for phase in (0, 1):
        found[phase, (phase + elements - k // 2) // 2 + f // 2, elements] = 1
    return found
