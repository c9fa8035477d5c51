"""Running a sweep at a terminal: checks, progress, Ctrl-C, results."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import typer
from rich.progress import TaskID, TextColumn

from impasto.atomic import atomic_write, check_output
from impasto.cli.bars import ProgressDisplay
from impasto.cli.interrupt import INTERRUPTED, gentle_interrupt
from impasto.cli.words import duration
from impasto.errors import OutputError
from impasto.images import EXTENSIONS, check_format, fit, save_picture
from impasto.options import ReadOptions, SaveOptions
from impasto.runtime.device import keep_freed_memory
from impasto.sweep.engine import CellDone, CellFailed, CellStep, Sweep, SweepEvent
from impasto.sweep.grid_sheet import GridSheet
from impasto.sweep.sheet_recipe import sheet_recipe
from impasto.sweep.table import plain, table
from impasto.text import shown

_LARGE = 1024
"""The --size that the sheet suggests for --pick."""

_MAX_JPEG_RECIPE = 64_000
"""Length of a recipe that is sure to fit into a JPEG."""


@dataclass(frozen=True, kw_only=True)
class SweepRunner:
    """Runs a sweep, shows its progress, and writes its results."""

    out: Path
    csv: Path | None
    save: SaveOptions
    read: ReadOptions
    quiet: bool
    as_json: bool
    failed: dict[str, str] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """The folder of finished cells."""
        return self.out.with_name(f"{self.out.name}.cells")

    @property
    def unfinished(self) -> Path:
        """The sheet that a stopped sweep writes."""
        return self.out.with_name(f"{self.out.stem}.unfinished{self.out.suffix}")

    def check(self, inputs: Sequence[Path]) -> None:
        """Raise `OutputError` if a result cannot be written, before anything is read."""
        for path in (self.out, self.unfinished):
            check_output(path, extensions=EXTENSIONS, inputs=inputs)
        if self.csv:
            check_output(self.csv, extensions=(".csv",), inputs=inputs)

    def run(self, sweep: Sweep, common: Mapping[str, Any]) -> None:
        """Paint all cells, show the progress, and write the sheet and the table.

        ``common`` are the options of all cells. Ctrl-C keeps the finished cells; exit code 130. A
        cell that cannot be painted is reported; exit code 1.
        """
        sheet = self._lay_out(sweep, common)
        self._check_sheet(sweep, sheet)
        if sweep.grid.cells[0].options.size <= _LARGE:
            keep_freed_memory()
        stopped = self._follow(sweep)
        for name, reason in self.failed.items():
            typer.echo(f"impasto: picture {name}: {reason}", err=True)
        if stopped:
            sweep.save_unfinished()
            self._write_sheet(sweep, sheet, self.unfinished)
            done, count = len(sweep.results), len(sweep.grid.cells)
            typer.echo(
                f"impasto: stopped with {done} of {count} pictures finished; the sheet so far is "
                f"{self.unfinished}. To continue, repeat the command",
                err=True,
            )
            raise typer.Exit(INTERRUPTED)
        try:
            self._write_sheet(sweep, sheet, self.out)
            if self.csv:
                with atomic_write(self.csv) as file:
                    file.write(table(sweep.grid, sweep.results, sweep.file))
        except OutputError as error:
            raise OutputError(f"{error}; the finished pictures are in {self.folder}") from error
        self._report(sweep)
        if self.failed:
            raise typer.Exit(1)

    def _check_sheet(self, sweep: Sweep, sheet: GridSheet) -> None:
        """Raise `OutputError` if the sheet could not be written or read again."""
        check_format(self.out, sheet.width, sheet.height, self.save)
        most = self.read.max_pixels
        if sheet.width * sheet.height > most:
            raise OutputError(
                f"{shown(self.out)}: the sheet would be {sheet.width}x{sheet.height} pixels, more "
                f"than --max-pixels {most:,}: choose a smaller --size or fewer values"
            )
        recipe = len(json.dumps(sheet_recipe(sweep)))
        if self.out.suffix.lower() in (".jpg", ".jpeg") and recipe > _MAX_JPEG_RECIPE:
            raise OutputError(
                f"{shown(self.out)}: a JPEG has no room for the options of this many pictures; use "
                ".png or .tif"
            )

    def _lay_out(self, sweep: Sweep, common: Mapping[str, Any]) -> GridSheet:
        height, width, _ = sweep.photo.rgb.shape
        size = fit(width, height, sweep.grid.cells[0].options.size)
        names = " + ".join(shown(Path(painting.name).name) for painting in sweep.paintings)
        settings = [
            f"{name.replace('_', '-')} {plain(list(v) if isinstance(v, tuple) else v)}"
            for name, v in common.items()
            if name != "size"
        ]
        facts = ", ".join([f"{size[0]}×{size[1]} pixels", *settings])
        foot = (
            "ROW,COLUMN, distance to the photo (content) and to the painting (style): relative "
            "VGG-19 losses, lower is closer. To paint one large: impasto sweep "
            f"{shown(self.out)} --pick ROW,COLUMN --size {_LARGE} -o out.png"
        )
        title = [f"{shown(Path(sweep.photo.name).name)} in the style of {names}", facts]
        return GridSheet(sweep.grid, size, sweep.pictures, title=title, foot=foot)

    def _follow(self, sweep: Sweep) -> bool:
        """Paint until the end or Ctrl-C; return whether it was stopped."""
        with gentle_interrupt() as interrupted, _Progress(sweep, quiet=self.quiet) as progress:
            for event in sweep:
                progress.take(event)
                if isinstance(event, CellFailed):
                    self.failed[event.cell.name] = event.reason
                if interrupted():
                    return bool(sweep.left)
        return False

    def _write_sheet(self, sweep: Sweep, sheet: GridSheet, path: Path) -> None:
        pixels = sheet.draw(sweep.results, self.failed)
        save_picture(pixels, path, options=self.save, recipe=sheet_recipe(sweep))

    def _report(self, sweep: Sweep) -> None:
        if self.as_json:
            cells = [
                {
                    "row": cell.row,
                    "column": cell.column,
                    **cell.labels,
                    "file": str(sweep.file(cell)),
                    **sweep.results[cell.name].numbers(),
                }
                for cell in sweep.grid.cells
                if cell.name in sweep.results
            ]
            files = {"sheet": str(self.out), **({"table": str(self.csv)} if self.csv else {})}
            typer.echo(json.dumps({"files": files, "cells": cells, "failed": self.failed}))
        elif not self.quiet:
            typer.echo(f"sheet  {self.out}")
            if self.csv:
                typer.echo(f"table  {self.csv}")
            typer.echo(f"cells  {self.folder}")


class _Progress(ProgressDisplay):
    """Shows overall progress and the time left: a bar, or lines if stderr is not a terminal."""

    def __init__(self, sweep: Sweep, *, quiet: bool) -> None:
        super().__init__(TextColumn("{task.fields[count]}"), quiet=quiet)
        self._cells = len(sweep.grid.cells)
        self._done = len(sweep.results)
        self._left = {cell.name: cell.work for cell in sweep.left}
        self._total = sum(self._left.values())
        self._next_line = 0.1
        self._first: tuple[float, float] | None = (
            None  # time of the first step, and the work done by then
        )

    def _begin(self) -> TaskID:
        finished = f", {self._done} of them already finished" if self._done else ""
        self._line(f"{self._cells} pictures{finished}")
        return self._bar.add_task("preparing", total=self._total, count="", left="")

    def take(self, event: SweepEvent) -> None:
        """Show an event."""
        part = 0.0
        if isinstance(event, CellStep):
            part = event.share * self._left[event.cell.name]
        if isinstance(event, CellDone) and event.cached:
            return
        if not isinstance(event, CellStep):
            self._left.pop(event.cell.name)
            self._done += 1
        self._show(event, self._total - sum(self._left.values()) + part)

    def _show(self, event: SweepEvent, work: float) -> None:
        # Measured from the first step, because set-up happens only once.
        began, before = self._first = self._first or (time.monotonic(), work)
        spent, worked = time.monotonic() - began, work - before
        left = f"{duration(spent / worked * (self._total - work))} left" if worked else ""
        count = f"{self._done}/{self._cells}"
        self._bar.update(
            self._task,
            description=f"picture {event.cell.name}",
            completed=work,
            count=count,
            left=left,
        )
        steps = isinstance(event, CellStep)
        if self._lines and steps and work >= self._next_line * self._total:
            done = f"{self._done} of {self._cells} pictures"
            self._line(", ".join([done, *filter(None, [left])]))
            self._next_line = work / self._total + 0.1
