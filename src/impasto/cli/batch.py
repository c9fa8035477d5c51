"""Many pictures in a terminal: checks, progress, Ctrl-C, and a summary."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable, Sequence
from contextlib import closing, nullcontext, redirect_stdout
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from impasto.archive.engine import Archive, Event, Failed, Made, Pool
from impasto.archive.filesystems import is_url
from impasto.archive.plan import FolderPlan, Item, Known, Planned, Skipped, Survey, UnreadableFolder
from impasto.archive.process_pool import InProcessPool, ProcessPool, lay_out
from impasto.archive.report import Report
from impasto.archive.worker import Worker
from impasto.atomic import check_output
from impasto.cli.counter import Counter
from impasto.cli.interrupt import INTERRUPTED, gentle_interrupt
from impasto.errors import ImageError, OptionsError, OutputError, nearest
from impasto.images import EXTENSIONS, check_format
from impasto.options import ApplyOptions, SaveOptions
from impasto.options.apply import AUTO
from impasto.text import reason, shown, without_password

if TYPE_CHECKING:
    from impasto.cli.pipes import Pipes

FORMATS = (*EXTENSIONS, ".gif")
"""The extensions of stylised pictures and animations."""

_FEW = 8
"""Up to this many pictures, other processes would take longer to start than the work itself."""

_PATIENCE = 3.0
"""Seconds to list and check the plan before the work begins; the rest is done beside the work."""


def plan(
    photos: Sequence[str], out: str, form: str | None, save: SaveOptions, *, overwrite: bool
) -> Item | FolderPlan:
    """Return a single item if ``out`` is a file, else the plan of a folder.

    Raises `ImageError` for missing photos, `OutputError` for a result that cannot be written, and
    `OptionsError` for an unknown ``form``.
    """
    try:
        return _plan(photos, out, form, save, overwrite=overwrite)
    except (OSError, ValueError) as error:  # a name that is too long, an unreadable folder
        raise OutputError(f"{shown(out)}: cannot be written: {reason(error)}") from error


def _plan(
    photos: Sequence[str], out: str, form: str | None, save: SaveOptions, *, overwrite: bool
) -> Item | FolderPlan:
    for photo in photos:
        if not is_url(photo) and not Path(photo).exists():
            raise ImageError(f"{shown(photo)}: no such file")
    target = Path(out)
    several = len(photos) > 1 or is_url(out) or is_url(photos[0]) or Path(photos[0]).is_dir()
    if not several and not target.is_dir() and not out.endswith("/"):
        if form is not None:
            raise OptionsError("--format is for folders; the extension of a file sets its format")
        check_output(target, extensions=FORMATS, inputs=photos)
        check_format(target, 1, 1, save, extensions=FORMATS)
        return Item(photos[0], str(target), overwrite=True)
    if target.suffix.lower() in FORMATS and not target.is_dir():
        raise OutputError(f"{shown(out)}: is not a folder; several photos need one")
    extension = _extension(form)
    return FolderPlan(tuple(photos), out, extension, save, overwrite, formats=FORMATS)


def _extension(form: str | None) -> str | None:
    known = [extension[1:] for extension in FORMATS]
    if form is not None and form not in known:
        raise OptionsError(f"--format does not know {form!r}{nearest(form, known)}")
    return None if form is None else f".{form}"


def make_folder(folder: Path) -> None:
    """Create a folder and its parents. Raises `OutputError`."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        raise OutputError(f"{shown(folder)}: cannot be created: {reason(error)}") from error


def make_output_folder(folder: str) -> None:
    """Create a folder and check that it is writable. Raises `OutputError`."""
    if not is_url(folder):
        make_folder(Path(folder))
        check_output(Path(folder) / f"x{EXTENSIONS[0]}", extensions=EXTENSIONS)


@dataclass
class Outcome:
    """The counts of a batch, and with ``detailed`` a dictionary per result or error, for JSON."""

    verb: str
    detailed: bool
    done: int = 0
    skipped: int = 0
    failed: int = 0
    left: int | None = 0
    stopped: bool = False
    seconds: float = 0.0
    results: list[dict[str, str]] = field(default_factory=list)
    errors: list[dict[str, str]] = field(default_factory=list)

    def take(self, event: Event, error: str) -> None:
        """Count an event, whose message is ``error`` if it is an error."""
        match event:
            case Made(item):
                self.done += 1
                if self.detailed:
                    self.results.append(_names(item))
            case Skipped():
                self.skipped += 1
            case Failed() | UnreadableFolder():
                self.failed += 1
                if self.detailed:
                    names = _names(event.item) if isinstance(event, Failed) else {}
                    self.errors.append({**names, "error": error})


def _names(item: Item) -> dict[str, str]:
    return {"photo": without_password(item.photo), "out": without_password(item.out)}


@dataclass(frozen=True)
class Batch:
    """One or many pictures: how they are made, and what is shown.

    ``worker`` makes the pictures in this process; other workers are copies of it.
    """

    worker: Worker
    verb: str
    """The past participle in the summary: stylised, painted."""
    out: str
    pipes: Pipes
    quiet: bool
    as_json: bool
    report: Path | None = None
    ray: str | None = None
    layout: ApplyOptions | None = None
    """Options that choose the processes; None to use this process only."""
    into_folder: bool = True

    def carry_out(self, plan: Iterable[Planned], survey: Survey | Known) -> Outcome:
        """Make all pictures, show the progress, and print failures as they occur.

        Raises the errors of the plan, and `OutputError` for a report that cannot be written.
        """
        outcome = Outcome(self.verb, self.as_json)
        began = time.monotonic()
        counter, report = Counter(survey.total, quiet=self.quiet), Report(self.report)
        pool = self._pool(counter, survey.total)
        if self.into_folder:
            make_output_folder(self.out)
        what = "this picture" if isinstance(pool, InProcessPool) else "the pictures under way"
        # Ray prints its messages to standard output.
        stdout = redirect_stdout(sys.stderr) if self.ray else nullcontext()
        with gentle_interrupt(what) as interrupted, counter, report, stdout, closing(survey):
            archive = Archive(plan, pool, stop=lambda: interrupted() or survey.wrong)
            with closing(archive.work()) as events:
                for event in events:
                    counter.total = survey.total
                    self._take(event, outcome, counter, report)
            outcome.stopped = interrupted()
        survey.check()
        if outcome.stopped:
            seen = outcome.done + outcome.failed + outcome.skipped
            outcome.left = None if survey.total is None else max(0, survey.total - seen)
        outcome.seconds = time.monotonic() - began
        return outcome

    def _take(self, event: Event, outcome: Outcome, counter: Counter, report: Report) -> None:
        error = ""
        if isinstance(event, Failed | UnreadableFolder):
            error = self.pipes.message(event.reason)
        outcome.take(event, error)
        report.take(event)
        if isinstance(event, Skipped):
            counter.skip()
        elif not isinstance(event, UnreadableFolder):
            counter.advance()
        if error:
            typer.echo(f"impasto: {error}", err=True)

    def _pool(self, counter: Counter, total: int | None) -> Pool:
        """Choose the workers."""
        if self.ray is not None:
            from impasto.archive.ray_pool import RayPool

            jobs = AUTO if self.layout is None else self.layout.jobs
            count = None if jobs == AUTO else int(jobs)
            return RayPool(
                self.worker.task,
                self.ray,
                count,
                whole=self.layout is None,
                uploads=is_url(self.out),
            )
        few = total is not None and total <= _FEW
        if self.layout is None or self.layout.jobs == 1 or (self.layout.jobs == AUTO and few):
            return InProcessPool(self.worker, counter.part)
        return ProcessPool(
            self.worker.task, partial(lay_out, self.layout, total, uploads=is_url(self.out))
        )

    def report_outcome(self, outcome: Outcome) -> None:
        """Print the summary. Raises `typer.Exit` with code 1 after failures, 130 after Ctrl-C."""
        done, failed, skipped, left = (
            outcome.done, outcome.failed, outcome.skipped, outcome.left,
        )  # fmt: skip
        if self.as_json:
            facts = {
                "done": outcome.results,
                "failed": outcome.errors,
                "skipped": skipped,
                "left": left,
                "seconds": round(outcome.seconds, 3),
            }
            typer.echo(json.dumps(facts))
        elif not self.quiet and self.into_folder:
            counts = [f"{done} {self.verb}"]
            counts += [f"{skipped} already existed (--overwrite replaces them)"] * bool(skipped)
            counts += [f"{failed} failed"] * bool(failed)
            typer.echo(f"{', '.join(counts)}: {without_password(self.out)}")
        elif not self.quiet and done:
            typer.echo(f"picture  {self.out}")
        if left or (outcome.stopped and left is None):
            remaining = "" if left is None else f" with {left} left"
            typer.echo(f"impasto: stopped{remaining}; repeat the command to continue", err=True)
        if outcome.stopped or failed:
            raise typer.Exit(INTERRUPTED if outcome.stopped else 1)


def surveyed(plan: FolderPlan) -> Survey:
    """Count the items of a plan for a few seconds, then beside the work. Raises its errors."""
    survey = Survey(plan)
    survey.wait(_PATIENCE)
    return survey
