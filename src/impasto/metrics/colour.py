"""The distance between the colours of two pictures, regardless of position."""

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
    """Return the colours of a picture (H, W, 3) in [0, 1] in the form that `colour_distance` takes.

    These are CIELAB values (D65) projected onto fixed directions and sorted: (`DIRECTIONS`, H · W).
    """
    lab = rgb2lab(rgb.astype(np.float64)).reshape(-1, 3)
    return transport.project(torch.from_numpy(lab).float(), transport.directions(3, DIRECTIONS))


def colour_distance(a: Tensor, b: Tensor) -> float:
    """Return how far colours have to move, in CIELAB, to turn one palette into the other.

    √(3 · SW₂²), from the sliced Wasserstein distance, which Pitié et al. 2007, "Automated colour
    grading using colour distribution transfer", use to move colours. The factor 3 is the number of
    dimensions: with it, shifting all colours by some distance counts as that distance. So the unit
    is ΔE*ab (CIE 1976); a difference of about 2.3 is just noticeable (Mahy et al. 1994).
    """
    return math.sqrt(3 * transport.sliced_wasserstein(a, b))
