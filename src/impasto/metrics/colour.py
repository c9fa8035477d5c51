"""How far the colours of one picture are from those of another, wherever they are."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from skimage.color import rgb2lab
from torch import Tensor

from impasto.metrics import transport

DIRECTIONS = 60
"""Directions in CIELAB: twenty frames of three."""


def palette(rgb: NDArray[np.float32]) -> Tensor:
    """Return the colours of a picture (H, W, 3) in [0, 1] as `colour_distance` takes them.

    They are CIELAB values (D65) along fixed directions, in order: (`DIRECTIONS`, H · W).
    """
    lab = rgb2lab(rgb.astype(np.float64)).reshape(-1, 3)
    return transport.project(torch.from_numpy(lab).float(), transport.directions(3, DIRECTIONS))


def colour_distance(a: Tensor, b: Tensor) -> float:
    """Return how far every colour has to move, in CIELAB, for one palette to become the other.

    √(3 · SW₂²): the sliced Wasserstein distance, which Pitié et al. 2007, "Automated colour grading
    using colour distribution transfer", move colours along. The 3, for the dimensions, makes a
    shift of all colours by a distance count as that distance. So the unit is ΔE*ab (CIE 1976), of
    which a difference of about 2.3 is just noticed (Mahy et al. 1994).
    """
    return math.sqrt(3 * transport.sliced_wasserstein(a, b))
