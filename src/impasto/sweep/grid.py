"""Which settings a sweep paints, and where on the sheet they stand."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from impasto.errors import OptionsError
from impasto.options import PaintOptions
from impasto.options.checked import flag
from impasto.options.sweep import MAX_CELLS, PREVIEW_SIZE, Axis


@dataclass(frozen=True)
class Cell:
    """One painting of a sweep. ``row`` and ``column`` count from 1.

    ``said`` maps the options that vary to their values here, as a user wrote them.
    """

    row: int
    column: int
    said: Mapping[str, str]
    options: PaintOptions

    @property
    def name(self) -> str:
        """What --pick calls it: "2,3"."""
        return f"{self.row},{self.column}"

    @property
    def work(self) -> float:
        """What it costs, in the unit of its neighbours: steps, or seconds of a budget."""
        return self.options.budget or self.options.total_steps


@dataclass(frozen=True)
class Grid:
    """The cells of a sweep, row by row. The last axis runs across, the others down."""

    axes: tuple[Axis, ...]
    rows: tuple[tuple[Cell, ...], ...]

    @property
    def cells(self) -> list[Cell]:
        """All cells, in the order of reading."""
        return [cell for row in self.rows for cell in row]

    @property
    def across(self) -> Axis:
        """The axis along a row."""
        return self.axes[-1]

    @property
    def down(self) -> tuple[Axis, ...]:
        """The axes from row to row, the slowest first."""
        return self.axes[:-1]


def lay_out(said: Mapping[str, Any], axes: Sequence[Axis]) -> Grid:
    """Return the grid of all combinations. ``said`` holds for every cell, see `given`.

    Raises `OptionsError` without an axis, for an option that is said twice, for too many cells,
    and for what `PaintOptions` says of any of them.
    """
    if not axes:
        raise OptionsError("nothing varies: give --vary NAME=VALUE,VALUE,... at least once")
    names = [axis.name for axis in axes]
    for axis in axes:
        if names.count(axis.name) > 1:
            raise OptionsError(f"--vary {axis.option} is given twice: put all values into one")
        if axis.name in said:
            raise OptionsError(f"{flag(axis.name)} is given, and varied, too: say it once")
    count = math.prod(len(axis.values) for axis in axes)
    if count > MAX_CELLS:
        factors = " × ".join(str(len(axis.values)) for axis in axes)
        raise OptionsError(f"--vary asks for {factors} = {count} pictures, at most {MAX_CELLS}")
    *down, across = axes
    choices = itertools.product(*(range(len(axis.values)) for axis in down))
    rows = []
    for row, choice in enumerate(choices, start=1):
        along = [(*choice, index) for index in range(len(across.values))]
        cells = [_cell(said, axes, row, c, chosen) for c, chosen in enumerate(along, start=1)]
        rows.append(tuple(cells))
    return Grid(tuple(axes), tuple(rows))


def _cell(
    said: Mapping[str, Any], axes: Sequence[Axis], row: int, column: int, chosen: Sequence[int]
) -> Cell:
    here = {axis.name: axis.said[i] for axis, i in zip(axes, chosen, strict=True)}
    values = {axis.name: axis.values[i] for axis, i in zip(axes, chosen, strict=True)}
    try:
        options = PaintOptions.from_dict({"size": PREVIEW_SIZE, **said, **values})
    except OptionsError as error:
        where = ", ".join(f"{flag(name)[2:]} {value}" for name, value in here.items())
        raise OptionsError(f"with {where}: {error}") from error
    return Cell(row, column, here, options)
