"""The settings that a sweep paints, and their places on the sheet."""

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

    ``labels`` maps the options that vary to the cell's values, as the user wrote them.
    """

    row: int
    column: int
    labels: Mapping[str, str]
    options: PaintOptions

    @property
    def name(self) -> str:
        """The cell as --pick takes it: "2,3"."""
        return f"{self.row},{self.column}"

    @property
    def work(self) -> float:
        """The cost relative to other cells: steps, or the seconds of a budget."""
        return self.options.budget or self.options.total_steps


@dataclass(frozen=True)
class Grid:
    """The cells of a sweep, row by row. The last axis varies along a row, the others down."""

    axes: tuple[Axis, ...]
    rows: tuple[tuple[Cell, ...], ...]

    @property
    def cells(self) -> list[Cell]:
        """All cells, row by row."""
        return [cell for row in self.rows for cell in row]

    @property
    def across(self) -> Axis:
        """The axis along a row."""
        return self.axes[-1]

    @property
    def down(self) -> tuple[Axis, ...]:
        """The axes from row to row, slowest first."""
        return self.axes[:-1]


def lay_out(common: Mapping[str, Any], axes: Sequence[Axis]) -> Grid:
    """Return the grid of all combinations. ``common`` are the options of every cell; see `given`.

    Raises `OptionsError` if there is no axis, an option is given twice, there are too many cells,
    or `PaintOptions` refuses the options of a cell.
    """
    if not axes:
        raise OptionsError("nothing varies: use --vary NAME=VALUE,VALUE,... at least once")
    names = [axis.name for axis in axes]
    for axis in axes:
        if names.count(axis.name) > 1:
            raise OptionsError(
                f"--vary {axis.option} is given twice: put all values into one --vary"
            )
        if axis.name in common:
            raise OptionsError(f"{flag(axis.name)} is both given and varied: remove one of them")
    count = math.prod(len(axis.values) for axis in axes)
    if count > MAX_CELLS:
        factors = " × ".join(str(len(axis.values)) for axis in axes)
        raise OptionsError(
            f"--vary asks for {factors} = {count} pictures; the limit is {MAX_CELLS}"
        )
    *down, across = axes
    choices = itertools.product(*(range(len(axis.values)) for axis in down))
    rows = []
    for row, choice in enumerate(choices, start=1):
        along = [(*choice, index) for index in range(len(across.values))]
        cells = [_cell(common, axes, row, c, chosen) for c, chosen in enumerate(along, start=1)]
        rows.append(tuple(cells))
    return Grid(tuple(axes), tuple(rows))


def _cell(
    common: Mapping[str, Any], axes: Sequence[Axis], row: int, column: int, chosen: Sequence[int]
) -> Cell:
    labels = {axis.name: axis.texts[i] for axis, i in zip(axes, chosen, strict=True)}
    values = {axis.name: axis.values[i] for axis, i in zip(axes, chosen, strict=True)}
    try:
        options = PaintOptions.from_dict({"size": PREVIEW_SIZE, **common, **values})
    except OptionsError as error:
        where = ", ".join(f"{flag(name)[2:]} {value}" for name, value in labels.items())
        raise OptionsError(f"with {where}: {error}") from error
    return Cell(row, column, labels, options)
