"""The vectors that L-BFGS remembers, each as long as the picture has values."""

from __future__ import annotations

from collections.abc import Sequence

from impasto.lazy import Tensor, torch

_COLUMNS = 2**18
"""So many values of each row are brought to float32 at a time: they stay in the cache."""


class VectorRows:
    """Vectors kept as the rows of a matrix, in float32 or, at half the memory, in bfloat16.

    Memory is taken as rows are first written, so a long memory costs a short run nothing. Sums
    over rows kept in bfloat16 are of float32 products. What is summed stays on the device, so that
    nobody waits for it; of devices without float64 it comes to the CPU.
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
        """Return the products of every row with a vector, float64."""
        if self._matrix.dtype == vector.dtype:
            return exact(self.used @ vector)
        pairs = zip(self._blocks(), torch.split(vector, _COLUMNS), strict=True)
        return _total([rows.float() @ part for rows, part in pairs])

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


def exact(numbers: Tensor) -> Tensor:
    """Return numbers in float64, on their device if it has that, else on the CPU."""
    found: Tensor = (numbers.cpu() if numbers.device.type == "mps" else numbers).double()
    return found


def inner(a: Tensor, b: Tensor) -> Tensor:
    """Return the product of two vectors of any shape, a scalar in float64.

    bfloat16 is summed in float32, by parts.
    """
    if a.dtype == b.dtype != torch.bfloat16:
        return exact(a.flatten() @ b.flatten())
    halves = (torch.split(vector.flatten(), _COLUMNS) for vector in (a, b))
    return _total([x.float() @ y.float() for x, y in zip(*halves, strict=True)])


def along(g: Tensor, start: Tensor, end: Tensor) -> Tensor:
    """Return the product of g with the way from one vector to another, by parts for memory.

    A scalar in float64.
    """
    parts = (torch.split(vector, _COLUMNS) for vector in (g, start, end))
    return _total([a @ (y - x) for a, x, y in zip(*parts, strict=True)])


def _total(sums: Sequence[Tensor]) -> Tensor:
    """Add up in float64, one after the other."""
    first, *others = exact(torch.stack(list(sums)))
    total: Tensor = first.clone()
    for other in others:
        total += other
    return total


class DeferredScalars:
    """Scalars on their way from a device, which are there by the time that they are asked for.

    Asked for after something else of the device that came later, they make nobody wait.
    """

    def __init__(self, *scalars: Tensor) -> None:
        numbers = torch.stack([exact(scalar) for scalar in scalars])
        self._there: torch.cuda.Event | None = None
        self._numbers = numbers
        if numbers.is_cuda:
            self._numbers = torch.empty(numbers.shape, dtype=numbers.dtype, pin_memory=True)
            self._numbers.copy_(numbers, non_blocking=True)
            self._there = torch.cuda.Event()  # type: ignore[no-untyped-call]
            self._there.record(torch.cuda.current_stream(numbers.device))

    def __call__(self) -> list[float]:
        """Return the numbers."""
        if self._there is not None:
            self._there.synchronize()
        found: list[float] = self._numbers.tolist()
        return found


def difference(a: Tensor, b: Tensor, out: Tensor) -> Tensor:
    """Write a - b to a vector of any type, by parts for memory, and return it."""
    for x, y, part in zip(*(torch.split(v, _COLUMNS) for v in (a, b, out)), strict=True):
        torch.sub(x, y, out=part)
    return out
