"""Arithmetic on positions that all who compute an `Architecture` share, in NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from impasto.nets.architecture import Architecture, folded_size


def padded(size: int, architecture: Architecture) -> int:
    """Return how many rows (or columns) a picture of ``size`` has once it is padded.

    Two positions of the coarsest layer at least: its convolutions need them to reflect.
    """
    stride = architecture.stride
    return max(-(-size // stride), 2) * stride


def reflected(size: int, architecture: Architecture) -> NDArray[np.int64]:
    """Return which of ``size`` rows (or columns) each row of the padded picture repeats.

    The picture is mirrored about its last row, as often as it takes: no size is too small.
    """
    period = max(2 * (size - 1), 1)
    index = np.arange(padded(size, architecture)) % period
    return np.minimum(index, period - index)


def fold(weight: NDArray[np.float32]) -> NDArray[np.float32]:
    """Fold enlarging by 2 into a convolution's weight (outputs, inputs, k, k), k odd.

    Convolving the enlarged tensor equals convolving the small one with the result
    (4 · outputs, inputs, f, f) and shuffling every four channels to 2×2 positions: every kernel
    element is added to the small position that it meets, at each of the four phases.
    `nets.transformer.fold` is the same for tensors that carry a gradient.
    """
    outputs, inputs, k, _ = weight.shape
    meets, f = phases(k), folded_size(k)
    folded: NDArray[Any] = np.einsum("oikl,pyk,qxl->opqiyx", weight, meets, meets)
    return folded.reshape(4 * outputs, inputs, f, f)


def phases(k: int) -> NDArray[np.float32]:
    """(2, f, k): 1 where, at a phase, an element of the kernel meets a small position."""
    f, elements = folded_size(k), np.arange(k)
    found = np.zeros((2, f, k), np.float32)
    for phase in (0, 1):
        found[phase, (phase + elements - k // 2) // 2 + f // 2, elements] = 1
    return found
