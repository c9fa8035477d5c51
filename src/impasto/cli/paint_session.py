"""One painting in a terminal: checks, progress, Ctrl-C, and results."""

from __future__ import annotations

import itertools
import json
import shlex
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import typer

from impasto.atomic import beside, check_output
from impasto.cli.interrupt import INTERRUPTED, gentle_interrupt
from impasto.cli.painting_progress import PaintingProgress
from impasto.cli.pipes import STANDARD
from impasto.errors import DivergedError, OutOfMemoryError, OutputError
from impasto.events import Saved
from impasto.images import EXTENSIONS, check_format, resize
from impasto.images.picture import floats
from impasto.options import CheckpointOptions, RecordOptions, SaveOptions
from impasto.painter import Painter, Painting, started_from_picture
from impasto.record import Recorder
from impasto.runtime.checkpoint import check_free
from impasto.runtime.device import keep_freed_memory

_EXIT = 0.2
"""Seconds of a budget that are reserved for the exit of the process."""

_MAX_STEM = 100
"""The most bytes of an input's name in the name of a painting."""


def free_name(content: Path, style: Path) -> Path:
    """Return a default name for a painting, in this folder and not of an existing file.

    Standard input is called "picture".
    """
    names = (
        "picture" if str(path) == STANDARD else path.absolute().stem for path in (content, style)
    )
    stem, number = "-".join(name.encode()[:_MAX_STEM].decode(errors="ignore") for name in names), 1
    while (path := Path(f"{stem}-{number}.png" if number > 1 else f"{stem}.png")).exists():
        number += 1
    return path


@dataclass(frozen=True, kw_only=True)
class PaintSession:
    """Where the results of a painting go and how its progress is shown."""

    out: Path
    save: SaveOptions
    record: RecordOptions
    checkpoint: CheckpointOptions
    quiet: bool
    as_json: bool
    piped: bool = False
    """Whether ``out`` is copied to standard output at the end."""
    free: Callable[[], Path] | None = None
    """Returns another name if ``out`` is a default name and exists by the end of the painting."""

    def check(self, inputs: Sequence[str | Path]) -> None:
        """Raise `OutputError` if a result could not be written, before anything is read."""
        check_output(self.out, extensions=EXTENSIONS, inputs=inputs)
        if self.checkpoint.checkpoint:
            state = self.checkpoint.checkpoint
            check_output(state, extensions=(state.suffix.lower(),), inputs=[*inputs, self.out])
        if self.checkpoint.restart:
            check_free(self._state, restart=True)
        check_output(self._unfinished, extensions=EXTENSIONS, inputs=inputs)
        self._check_names()

    def _check_names(self) -> None:
        outputs = {
            "--out": self.out,
            "--checkpoint": self._state,
            "--timelapse": self.record.timelapse,
            "--log": self.record.log,
            "--plot": self.record.plot,
        }
        flags: dict[Path, str] = {}
        for flag, path in outputs.items():
            if path and flags.setdefault(path.resolve(), flag) != flag:
                raise OutputError(f"{flags[path.resolve()]} and {flag} both write to {path}")

    @property
    def painter_checkpoint(self) -> CheckpointOptions:
        """The checkpoint options for the painter; it writes no checkpoint unless asked to."""
        if self.checkpoint.resume:
            return replace(self.checkpoint, checkpoint=self._state)
        return self.checkpoint

    @property
    def head_start(self) -> bool | None:
        """Whether the painting to be continued started from a picture; None for a new one."""
        return started_from_picture(self._state) if self.checkpoint.resume else None

    def carry_out(self, painter: Painter, inputs: Sequence[str | Path]) -> Painting:
        """Paint, show the progress, and write the results.

        Ctrl-C saves the picture so far and exits with code 130. Raises the errors of `Painter`, and
        `OutputError`.
        """
        check_format(self.out, painter.width, painter.height, self.save)
        if not painter.in_tiles:
            keep_freed_memory()
        # A rough upper bound: 16-bit values without compression.
        need = painter.width * painter.height * 8
        check_output(self.out, extensions=EXTENSIONS, inputs=inputs, need_bytes=need)
        recorder = Recorder(
            self.record,
            painter.width,
            painter.height,
            inputs=[*inputs, self.out, self._state],
            photo=resize(floats(painter.sources.photo.rgb), painter.width, painter.height),
            alpha=painter.sources.alpha(),
        )
        painter.companion = recorder
        try:
            if self._follow(painter, recorder):
                self._keep_unfinished(painter)
                raise typer.Exit(INTERRUPTED)
            painting = painter.painting
            out = self.free() if self.free and self.out.exists() else self.out
            painting.save(out, **self.save.to_dict())
        except (OutputError, DivergedError, OutOfMemoryError) as error:
            raise type(error)(f"{error}{self._rescue(painter.painting)}") from error
        try:
            files = [Saved(out, "painting"), *recorder.finish(painting.rgb)]
        except OutputError as error:
            raise OutputError(f"{error}; the painting itself is {out}") from error
        if self.record.frames:
            files.append(Saved(self.record.frames, "frames"))
        if self.painter_checkpoint.checkpoint:
            self._state.unlink(missing_ok=True)
        self.report(files, painting.losses[-1]._asdict() if self.as_json else None)
        return painting

    @property
    def _state(self) -> Path:
        """The checkpoint file: --checkpoint, or a name beside the output that is still free."""
        if self.checkpoint.checkpoint:
            return self.checkpoint.checkpoint
        usual = beside(self.out, ".checkpoint")
        if self.checkpoint.resume or self.checkpoint.restart:
            return usual
        more = (beside(self.out, f".{number}.checkpoint") for number in itertools.count(2))
        return next(path for path in itertools.chain([usual], more) if not path.exists())

    @property
    def _unfinished(self) -> Path:
        return beside(self.out.with_suffix(""), f".unfinished{self.out.suffix}")

    def _follow(self, painter: Painter, recorder: Recorder) -> bool:
        """Paint to the end or until Ctrl-C; return whether it was stopped."""
        size, planned = (painter.width, painter.height), painter.budget is not None
        bar = PaintingProgress(size, planned=planned, quiet=self.quiet)
        _reserve_time(painter, recorder)
        with gentle_interrupt() as interrupted, bar as progress:
            for event in painter:
                _reserve_time(painter, recorder)
                progress.take(event)
                for saved in recorder.take(event):
                    progress.take(saved)
                if interrupted():
                    return True
        return False

    def _keep_unfinished(self, painter: Painter) -> None:
        painting = painter.painting
        state = self._state
        painter.save_checkpoint(state)
        usual = state == beside(self.out, ".checkpoint") and not self.piped
        same_command = usual or self.checkpoint.checkpoint is not None
        named = "" if same_command else f" --checkpoint {shlex.quote(str(state))}"
        painting.save(self._unfinished, **self.save.to_dict())
        done = painting.losses[-1].step if painting.losses else 0
        typer.echo(
            f"impasto: stopped at step {done} of {painter.steps}; the picture so far is "
            f"{self._unfinished}. To continue, repeat the command with --resume{named} (the state "
            f"is in {state})",
            err=True,
        )

    def _rescue(self, painting: Painting) -> str:
        """Save the picture so far wherever possible; return the end of the error message."""
        if not painting.losses:
            return ""
        for folder in (self.out.parent, Path(tempfile.gettempdir())):
            rescue = folder / self._unfinished.name
            with suppress(OutputError):
                painting.save(rescue, **self.save.to_dict())
                return f"; the picture so far was saved as {rescue}"
        return ""

    def report(self, files: Sequence[Saved], outcome: Mapping[str, Any] | None = None) -> None:
        """Print the files written, or JSON with these and ``outcome``."""
        if self.as_json:
            written = {saved.what: str(saved.path) for saved in files}
            typer.echo(json.dumps({**(outcome or {}), "files": written}))
        elif not self.quiet:
            width = max(len(saved.what) for saved in files)
            for saved in files:
                typer.echo(f"{saved.what:<{width}}  {saved.path}")


def _reserve_time(painter: Painter, recorder: Recorder) -> None:
    """Reserve a part of the budget for writing the results."""
    if painter.budget:
        painter.budget.reserve = recorder.reserve(painter.steps) + _EXIT
