"""The table of a sweep: a row per cell with its options and its numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from impasto.metrics.measures import NAMES
from impasto.metrics.table import csv_bytes
from impasto.options import PaintOptions
from impasto.sweep.cell_cache import LOSSES, Result
from impasto.sweep.grid import Cell, Grid


def table(grid: Grid, results: Mapping[str, Result], file: Callable[[Cell], Path]) -> bytes:
    """Return the finished cells as a CSV file; ``file`` returns the path of a cell's picture.

    Columns: row, column, all options (those that vary first), steps painted, seconds, the
    painter's losses, the measures, the file. Unfinished cells are left out.
    """
    varied = [axis.name for axis in grid.axes]
    others = [f.name for f in fields(PaintOptions) if f.name not in varied]
    columns = [
        "row",
        "column",
        *varied,
        *others,
        "steps_painted",
        "seconds",
        *LOSSES,
        *NAMES,
        "file",
    ]
    done = [cell for cell in grid.cells if cell.name in results]
    rows = [{**_row(cell, results[cell.name]), "file": str(file(cell))} for cell in done]
    return csv_bytes(columns, rows)


def _row(cell: Cell, result: Result) -> dict[str, Any]:
    options = {name: plain(value) for name, value in cell.options.to_dict().items()}
    return {
        "row": cell.row,
        "column": cell.column,
        **options,
        **cell.labels,
        "steps_painted": result.steps,
        "seconds": result.seconds,
        **result.losses,
        **result.measures,
    }


def plain(value: Any) -> Any:
    """Format an option as the command line takes it: ``relu1_1:0.5,relu2_1:1.0``."""
    if not isinstance(value, list):
        return "" if value is None else value
    pairs = [item for item in value if isinstance(item, list)]
    if not pairs:
        return ",".join(map(str, value))
    if isinstance(pairs[0][1], list):  # shares by layer
        return " ".join(f"{layer}={plain(shares)}" for layer, shares in pairs)
    return ",".join(f"{layer}:{weight}" for layer, weight in pairs)
