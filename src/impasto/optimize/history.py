"""The history of L-BFGS: vectors with one element for each value of the picture."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from impasto.lazy import Tensor, torch

_COLUMNS = 2**18
"""Values of each row that are converted to float32 at a time, so that they stay in the cache."""

_TINY = 1e-30
"""A positive float32, so that a row of zeros can be divided by its largest value."""


class VectorRows:
    """Vectors stored as the rows of a matrix, in float32 or, with half the memory, in bfloat16.

    Memory is used only when a row is first written, so a long history costs a short run nothing.
    Sums over bfloat16 rows use float32 products. Sums stay on the device, to avoid waiting; on
    devices without float64 they are moved to the CPU.
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
    def stored(self) -> Tensor:
        """The rows written so far, in a form for files: bfloat16 as its bits, int16."""
        compact = self._matrix.dtype == torch.bfloat16
        return self.used.view(torch.int16) if compact else self.used

    @stored.setter
    def stored(self, rows: Tensor) -> None:
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
        """Add the weighted sum of the rows to a vector in place, and return it."""
        weights = weights.to(vector)
        if self._matrix.dtype == vector.dtype:
            return vector.addmv_(self.used.T, weights)
        for rows, part in zip(self._blocks(), torch.split(vector, _COLUMNS), strict=True):
            part.addmv_(rows.float().T, weights)
        return vector

    def _blocks(self) -> tuple[Tensor, ...]:
        return torch.split(self.used, _COLUMNS, dim=1)


def halved(rows: Iterable[Tensor], count: int, length: int) -> tuple[Tensor, Tensor]:
    """Return vectors as float16 (count, length), and a factor for each, (count, 1) float32.

    The largest value of a row becomes 2^15, so all down to a billionth of it keep 11 bits.
    """
    halves = torch.empty(count, length, dtype=torch.float16)
    factors = torch.empty(count, 1)
    for number, row in enumerate(rows):
        factors[number] = row.abs().max().clamp_min(_TINY) / 2**15
        halves[number] = row / factors[number].to(row.device)
    return halves, factors


def exact(numbers: Tensor) -> Tensor:
    """Return numbers in float64, on their device if it supports that, else on the CPU."""
    found: Tensor = (numbers.cpu() if numbers.device.type == "mps" else numbers).double()
    return found


def inner(a: Tensor, b: Tensor) -> Tensor:
    """Return the inner product of two vectors of any shape, a scalar in float64.

    bfloat16 is summed in float32, block by block.
    """
    if a.dtype == b.dtype != torch.bfloat16:
        return exact(a.flatten() @ b.flatten())
    halves = (torch.split(vector.flatten(), _COLUMNS) for vector in (a, b))
    return _total([x.float() @ y.float() for x, y in zip(*halves, strict=True)])


def along(g: Tensor, start: Tensor, end: Tensor) -> Tensor:
    """Return the inner product of g and end - start, a scalar in float64.

    Block by block, to save memory.
    """
    parts = (torch.split(vector, _COLUMNS) for vector in (g, start, end))
    return _total([a @ (y - x) for a, x, y in zip(*parts, strict=True)])


def _total(sums: Sequence[Tensor]) -> Tensor:
    """Return the sum in float64, in a fixed order."""
    first, *others = exact(torch.stack(list(sums)))
    total: Tensor = first.clone()
    for other in others:
        total += other
    return total


class DeferredScalars:
    """Scalars that are copied from a device in the background.

    Reading them after a later result of the device needs no waiting.
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
    """Write a - b to a vector of any type, block by block to save memory, and return it."""
    for x, y, part in zip(*(torch.split(v, _COLUMNS) for v in (a, b, out)), strict=True):
        torch.sub(x, y, out=part)
    return out
