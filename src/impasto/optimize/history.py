"""The vectors that L-BFGS remembers, each as long as the picture has values."""

from __future__ import annotations

import math

import torch
from torch import Tensor

_COLUMNS = 2**18
"""So many values of each row are brought to float32 at a time: they stay in the cache."""


class Rows:
    """Vectors kept as the rows of a matrix, in float32 or, at half the memory, in bfloat16.

    Memory is taken as rows are first written, so a long memory costs a short run nothing. Sums
    over rows kept in bfloat16 are of float32 products.
    """

    def __init__(self, capacity: int, like: Tensor, dtype: torch.dtype) -> None:
        self._matrix = torch.empty(capacity, like.numel(), dtype=dtype, device=like.device)
        self._used = 0

    def __getitem__(self, row: int) -> Tensor:
        """Return a row, to read or to write."""
        self._used = max(self._used, row + 1)
        return self._matrix[row]

    @property
    def used(self) -> Tensor:
        """The rows written so far."""
        return self._matrix[: self._used]

    @property
    def kept(self) -> Tensor:
        """The rows written so far, as a file can hold them: bfloat16 as its bits, int16."""
        compact = self._matrix.dtype == torch.bfloat16
        return self.used.view(torch.int16) if compact else self.used

    @kept.setter
    def kept(self, rows: Tensor) -> None:
        compact = self._matrix.dtype == torch.bfloat16
        self._used = len(rows)
        self._matrix[: self._used] = rows.view(torch.bfloat16) if compact else rows.to(self._matrix)

    def dot(self, vector: Tensor) -> Tensor:
        """Return the products of every row with a vector, float64 on the CPU."""
        if self._matrix.dtype == vector.dtype:
            return (self.used @ vector).cpu().double()
        total = torch.zeros(self._used, dtype=torch.float64)
        for rows, part in zip(self._blocks(), torch.split(vector, _COLUMNS), strict=True):
            total += (rows.float() @ part).cpu()
        return total

    def add_to(self, vector: Tensor, weights: Tensor) -> Tensor:
        """Add the rows, each times its weight, to a vector in place, and return it."""
        weights = weights.to(vector)
        if self._matrix.dtype == vector.dtype:
            return vector.addmv_(self.used.T, weights)
        for rows, part in zip(self._blocks(), torch.split(vector, _COLUMNS), strict=True):
            part.addmv_(rows.float().T, weights)
        return vector

    def _blocks(self) -> tuple[Tensor, ...]:
        return torch.split(self.used, _COLUMNS, dim=1)


def inner(a: Tensor, b: Tensor) -> float:
    """Return the product of two vectors of any shape; bfloat16 is summed in float32, by parts."""
    if a.dtype == b.dtype != torch.bfloat16:
        return float(a.flatten() @ b.flatten())
    halves = (torch.split(vector.flatten(), _COLUMNS) for vector in (a, b))
    return sum(float(x.float() @ y.float()) for x, y in zip(*halves, strict=True))


def along(g: Tensor, start: Tensor, end: Tensor) -> float:
    """Return the product of g with the way from one vector to another, by parts for memory."""
    parts = (torch.split(vector, _COLUMNS) for vector in (g, start, end))
    return sum(float(a @ (y - x)) for a, x, y in zip(*parts, strict=True))


def difference(a: Tensor, b: Tensor, out: Tensor) -> Tensor:
    """Write a - b to a vector of any type, by parts for memory, and return it."""
    for x, y, part in zip(*(torch.split(v, _COLUMNS) for v in (a, b, out)), strict=True):
        torch.sub(x, y, out=part)
    return out


def all_finite(values: Tensor) -> bool:
    """Tell whether all are finite numbers: NaN and infinity spoil every sum they are in."""
    return math.isfinite(float(values.sum()))
