"""Painting a folder of photos, or the rows of a list, one after another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from impasto.archive.filesystems import files_at, is_url
from impasto.archive.lists import read_list
from impasto.archive.plan import FolderPlan, Known
from impasto.archive.worker import PaintOrder, PaintTask, Worker
from impasto.cli.batch import Batch, surveyed
from impasto.cli.pipes import Pipes
from impasto.errors import ImageError, OptionsError, OutputError
from impasto.images import EXTENSIONS
from impasto.options import (
    CheckpointOptions,
    PaintOptions,
    ReadOptions,
    RecordOptions,
    SaveOptions,
)
from impasto.text import shown


def is_many(content: str | None, rows: Path | None) -> bool:
    """Return whether the arguments ask for more than one painting."""
    if rows is not None or content is None:
        return rows is not None
    return is_url(content) or files_at(content).is_folder(content)


@dataclass(frozen=True)
class Many:
    """Several paintings with common options."""

    options: PaintOptions
    save: SaveOptions
    read: ReadOptions
    out: str | None
    overwrite: bool
    report: Path | None
    ray: str | None
    quiet: bool
    as_json: bool

    def check(self, record: RecordOptions, checkpoint: CheckpointOptions) -> None:
        """Raise `OptionsError` for options that are for a single painting."""
        if (record, checkpoint) != (RecordOptions(), CheckpointOptions()):
            raise OptionsError(
                "--timelapse, --frames, --log, --plot and --checkpoint are for a single painting; "
                "for several, use --report, and repeat the command to continue"
            )

    def carry_out(self, rows: Path | None, content: str | None, styles: Sequence[str]) -> None:
        """Paint the rows of a list, or a folder, print the summary, and exit."""
        if rows is not None:
            if content is not None:
                raise OptionsError(
                    "--list contains the photos and styles: give no CONTENT or STYLE"
                )
            plan = read_list(rows, self.options, self.out, self.save, overwrite=self.overwrite)
            batch = self._batch(self.out or str(rows.parent))
            batch.report_outcome(batch.carry_out(plan, Known(len(plan.items))))
            return
        assert content is not None
        folder = self._folder(content, styles)
        survey = surveyed(folder)
        batch = self._batch(folder.out)
        batch.report_outcome(batch.carry_out(folder, survey))

    def _folder(self, content: str, styles: Sequence[str]) -> FolderPlan:
        if not styles:
            raise OptionsError("Missing argument STYLE; see impasto paint --help")
        if self.out is None:
            raise OptionsError(f"{shown(content)}: give a folder for the results with -o")
        if Path(self.out).suffix.lower() in EXTENSIONS and not Path(self.out).is_dir():
            raise OutputError(f"{shown(self.out)}: is not a folder; several photos need one")
        for style in styles:
            if not is_url(style) and not Path(style).exists():
                raise ImageError(f"{shown(style)}: no such file")
        order = PaintOrder(tuple(styles), self.options)
        return FolderPlan(
            (content,),
            self.out,
            None,
            self.save,
            self.overwrite,
            order=order,
            differs=order.differs,
        )

    def _batch(self, out: str) -> Batch:
        return Batch(
            Worker(PaintTask(self.save, self.read)),
            "painted",
            out,
            Pipes(),
            self.quiet,
            self.as_json,
            self.report,
            self.ray,
        )
