"""What painters think in: colours in 0..1 (sRGB), smooth noise, and points spread evenly."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]


def rgb(*colours: str) -> Floats:
    """Return the colours ``"#rrggbb"`` as an array (n, 3) in 0..1."""
    return np.array([[int(c[i : i + 2], 16) / 255 for i in (1, 3, 5)] for c in colours], np.float32)


def ramp(colours: Floats, t: ArrayLike) -> Floats:
    """Look up ``t`` (any shape, 0..1) on the piecewise linear colour ramp (n, 3)."""
    stops, t = np.linspace(0, 1, len(colours)), np.asarray(t, np.float32)
    return np.stack([np.interp(t, stops, colours[:, c]) for c in range(3)], -1).astype(np.float32)


def mix(a: Floats, b: Floats, t: ArrayLike) -> Floats:
    """Return ``a`` where ``t`` is 0 and ``b`` where it is 1; ``t`` lacks the colour axis."""
    weight = np.clip(np.asarray(t, np.float32), 0, 1)[..., None]
    return (a + (b - a) * weight).astype(np.float32)


def smoothstep(low: float, high: float, x: ArrayLike) -> Floats:
    """Rise smoothly from 0 at ``low`` to 1 at ``high``."""
    t = np.clip((np.asarray(x, np.float32) - low) / (high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def jitter(rng: np.random.Generator, colour: Floats, vary: float, shift: float = 0) -> Floats:
    """Return each colour (n, 3) lightened by ``shift`` and varied in lightness and hue."""
    n = len(colour)
    value = shift + vary * rng.standard_normal((n, 1))
    hue = 0.37 * vary * rng.standard_normal((n, 3))
    return np.clip(colour * (1 + 1.3 * value) + 0.25 * value + hue, 0.015, 1).astype(np.float32)


def blur(a: NDArray[Any], sigma: float | tuple[float, ...]) -> Floats:
    """Gaussian blur, mirrored at the edges."""
    return np.asarray(ndimage.gaussian_filter(a, sigma, truncate=3.0), np.float32)


def scatter(rng: np.random.Generator, n: int) -> Floats:
    """Return ``n`` points (n, 2) in the unit square: even, without a grid, in random order."""
    g = 1.32471795724474602596  # the plastic number: Roberts' R2 sequence
    points = (np.arange(1, n + 1)[:, None] * np.array([1 / g, 1 / g**2]) + rng.random(2)) % 1
    points += rng.normal(0, 0.35 / math.sqrt(n), (n, 2))
    return np.asarray(rng.permutation(points), np.float32)


class Field:
    """Smooth noise over the plane, the same at every resolution; mean 0, spread about 1.3."""

    def __init__(
        self,
        rng: np.random.Generator,
        cell: float,
        *,
        stretch: tuple[float, float] = (1, 1),
        octaves: int = 1,
    ) -> None:
        self._cells = [(cell * stretch[0] / 2**i, cell * stretch[1] / 2**i) for i in range(octaves)]
        self._lattices = [rng.standard_normal((64, 64)).astype(np.float32) for _ in range(octaves)]
        self._lattices = [
            np.asarray(ndimage.spline_filter(a, order=3, mode="grid-wrap", output=np.float32))
            for a in self._lattices
        ]

    def __call__(self, x: ArrayLike, y: ArrayLike) -> Floats:
        """Return the noise at points in reference units."""
        x, y = np.broadcast_arrays(np.asarray(x, np.float32), np.asarray(y, np.float32))
        total = np.zeros(x.shape, np.float32)
        on_grid = x.ndim == 2 and bool((x == x[:1]).all() and (y == y[:, :1]).all())
        for i, ((cx, cy), lattice) in enumerate(zip(self._cells, self._lattices, strict=True)):
            if on_grid:  # the spline of rows and columns, one after the other
                values = _spline(y[:, 0] / cy) @ lattice @ _spline(x[0] / cx).T
            else:
                values = ndimage.map_coordinates(
                    lattice, [y / cy, x / cx], order=3, mode="grid-wrap", prefilter=False
                )
            total += 0.5**i * np.asarray(values, np.float32)
        return total / np.float32(0.68 * math.sqrt(sum(0.25**i for i in range(len(self._cells)))))


def _spline(at: Floats) -> Floats:
    """Weights (n, 64) of the cubic B-spline on a ring of 64 knots at positions ``at``."""
    cell = np.floor(at)
    t = (at - cell)[:, None]
    weights = np.concatenate(
        [(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3], 1
    )
    knots = (cell[:, None].astype(np.int32) + np.arange(-1, 3)) % 64
    matrix = np.zeros((len(at), 64), np.float32)
    np.put_along_axis(matrix, knots, (weights / 6).astype(np.float32), 1)
    return matrix
