"""Many paintings: a folder of photos, or the rows of a list, one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from impasto.archive.lists import read_list
from impasto.archive.makers import Order, Paintings, Worker
from impasto.archive.places import files_at, is_url
from impasto.archive.plan import FolderPlan, Known
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
    """Return whether more than one painting is asked for."""
    if rows is not None or content is None:
        return rows is not None
    return is_url(content) or files_at(content).is_folder(content)


@dataclass(frozen=True)
class Many:
    """Paintings that have options, a place and a way to be made in common."""

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
        """Raise `OptionsError` for what is kept of one painting alone."""
        if (record, checkpoint) != (RecordOptions(), CheckpointOptions()):
            raise OptionsError(
                "--timelapse, --frames, --log, --plot and --checkpoint are for one painting; many "
                "have a --report, and go on when the command is repeated"
            )

    def carry_out(self, rows: Path | None, content: str | None, styles: Sequence[str]) -> None:
        """Paint the rows of a list, or a folder, tell what became of them, and exit."""
        if rows is not None:
            if content is not None:
                raise OptionsError("--list names photos and styles itself: give no others")
            plan = read_list(rows, self.options, self.out, self.save, overwrite=self.overwrite)
            batch = self._batch(self.out or str(rows.parent))
            batch.tell(batch.carry_out(plan, Known(len(plan.items))))
            return
        assert content is not None
        folder = self._folder(content, styles)
        survey = surveyed(folder)
        batch = self._batch(folder.out)
        batch.tell(batch.carry_out(folder, survey))

    def _folder(self, content: str, styles: Sequence[str]) -> FolderPlan:
        if not styles:
            raise OptionsError("Missing argument STYLE; see impasto paint --help")
        if self.out is None:
            raise OptionsError(f"{shown(content)}: say with -o which folder the results go to")
        if Path(self.out).suffix.lower() in EXTENSIONS and not Path(self.out).is_dir():
            raise OutputError(f"{shown(self.out)}: is not a folder; several photos go into one")
        for style in styles:
            if not is_url(style) and not Path(style).exists():
                raise ImageError(f"{shown(style)}: no such file")
        order = Order(tuple(styles), self.options)
        return FolderPlan(
            (content,),
            self.out,
            None,
            self.save,
            self.overwrite,
            how=order,
            differs=order.differs,
        )

    def _batch(self, out: str) -> Batch:
        return Batch(
            Worker(Paintings(self.save, self.read)),
            "painted",
            out,
            Pipes(),
            self.quiet,
            self.as_json,
            self.report,
            self.ray,
        )
