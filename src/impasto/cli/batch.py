"""Carrying out many pictures for somebody at a terminal: checks, progress, Ctrl-C, what became."""

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
from impasto.archive.makers import Worker
from impasto.archive.places import is_url
from impasto.archive.plan import FolderPlan, Item, Known, Planned, Survey, There, Unreadable
from impasto.archive.processes import Here, Processes, lay_out
from impasto.archive.report import Report
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

_FEW = 8
"""So many pictures are made in this process: others would take longer to start."""

_PATIENCE = 3.0
"""Seconds in which all is listed and checked before the work begins; the rest is beside it."""


def plan(
    photos: Sequence[str], out: str, form: str | None, save: SaveOptions, *, overwrite: bool
) -> Item | FolderPlan:
    """Return what is to be made of what: a file of a photo, or what goes into a folder.

    Raises what is wrong at first sight: `ImageError` for photos that are not there, `OutputError`
    for a result that cannot be written, `OptionsError` for an unknown ``form``.
    """
    try:
        return _plan(photos, out, form, save, overwrite=overwrite)
    except (OSError, ValueError) as error:  # a name that is too long, a folder that is closed
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
            raise OptionsError("--format is for a folder; the name of a file says its own")
        check_output(target, extensions=EXTENSIONS, inputs=photos)
        check_format(target, 1, 1, save)
        return Item(photos[0], str(target), anew=True)
    if target.suffix.lower() in EXTENSIONS and not target.is_dir():
        raise OutputError(f"{shown(out)}: is not a folder; several photos go into one")
    extension = _extension(form)
    return FolderPlan(tuple(photos), out, extension, save, overwrite)


def _extension(form: str | None) -> str | None:
    known = [extension[1:] for extension in EXTENSIONS]
    if form is not None and form not in known:
        raise OptionsError(f"--format does not know {form!r}{nearest(form, known)}")
    return None if form is None else f".{form}"


def make_folder(folder: Path) -> None:
    """Make a folder and those above it. Raises `OutputError`."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        raise OutputError(f"{shown(folder)}: cannot be made: {reason(error)}") from error


def make_place(folder: str) -> None:
    """Make a folder for results, and see that they can be written there. Raises `OutputError`."""
    if not is_url(folder):
        make_folder(Path(folder))
        check_output(Path(folder) / f"x{EXTENSIONS[0]}", extensions=EXTENSIONS)


@dataclass
class Outcome:
    """What became of the photos. The names are kept only where they are to be told as JSON."""

    verb: str
    named: bool
    done: int = 0
    skipped: int = 0
    failed: int = 0
    left: int | None = 0
    stopped: bool = False
    seconds: float = 0.0
    results: dict[str, str] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)

    def take(self, event: Event, told: str) -> None:
        """Count an event; ``told`` is the error as people are to read it."""
        match event:
            case Made(item):
                self.done += 1
                if self.named:
                    self.results[without_password(item.photo)] = without_password(item.out)
            case There():
                self.skipped += 1
            case Failed() | Unreadable():
                self.failed += 1
                if self.named:
                    name = event.item.photo if isinstance(event, Failed) else told.split(": ")[0]
                    self.errors[without_password(name)] = told


@dataclass(frozen=True)
class Batch:
    """Many pictures, or one: how they are made, by whom, and what is told.

    ``worker`` is of this process; it makes them, or others do in the same way.
    """

    worker: Worker
    verb: str
    """What was done to them: stylised, painted."""
    out: str
    pipes: Pipes
    quiet: bool
    as_json: bool
    report: Path | None = None
    ray: str | None = None
    layout: ApplyOptions | None = None
    """What chooses the processes; None where one after the other is made here."""
    into_folder: bool = True

    def carry_out(self, plan: Iterable[Planned], survey: Survey | Known) -> Outcome:
        """Make all, show the progress, tell failures as they come.

        Raises what the plan raises, and `OutputError` for a report that cannot be written.
        """
        outcome = Outcome(self.verb, self.as_json)
        began = time.monotonic()
        counter, report = Counter(survey.total, quiet=self.quiet), Report(self.report)
        pool = self._pool(counter, survey.total)
        if self.into_folder:
            make_place(self.out)
        what = "this picture" if isinstance(pool, Here) else "the pictures under way"
        # Ray tells of workers that end where results are told.
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
        told = self.pipes.told(event.reason) if isinstance(event, Failed | Unreadable) else ""
        outcome.take(event, told)
        report.take(event)
        if isinstance(event, There):
            counter.skip()
        elif not isinstance(event, Unreadable):
            counter.advance()
        if told:
            typer.echo(f"impasto: {told}", err=True)

    def _pool(self, counter: Counter, total: int | None) -> Pool:
        """Choose who works."""
        if self.ray is not None:
            from impasto.archive.actors import Actors

            asked = AUTO if self.layout is None else self.layout.jobs
            jobs = None if asked == AUTO else int(asked)
            return Actors(self.worker.making, self.ray, jobs, whole=self.layout is None)
        few = total is not None and total <= _FEW
        if self.layout is None or self.layout.jobs == 1 or (self.layout.jobs == AUTO and few):
            return Here(self.worker, counter.part)
        return Processes(self.worker.making, partial(lay_out, self.layout, total))

    def tell(self, outcome: Outcome) -> None:
        """Tell what became of the photos, and end with the exit code that says it."""
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
            counts += [f"{skipped} there already (--overwrite redoes them)"] * bool(skipped)
            counts += [f"{failed} failed"] * bool(failed)
            typer.echo(f"{', '.join(counts)}: {without_password(self.out)}")
        elif not self.quiet and done:
            typer.echo(f"picture  {self.out}")
        if left or (outcome.stopped and left is None):
            some = "" if left is None else f", {left} not begun"
            typer.echo(f"impasto: stopped{some}; repeat the command to go on", err=True)
        if outcome.stopped or failed:
            raise typer.Exit(INTERRUPTED if outcome.stopped else 1)


def surveyed(plan: FolderPlan) -> Survey:
    """Count what is planned for some seconds, or beside the work. Raises what is wrong so far."""
    survey = Survey(plan)
    survey.wait(_PATIENCE)
    return survey
