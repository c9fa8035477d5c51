"""Shows the progress of a film on stderr: a bar with the current frame and the time left."""

from __future__ import annotations

import json
import time

import typer
from rich.progress import TaskID, TaskProgressColumn, TextColumn

from impasto.cli.bars import ProgressDisplay
from impasto.cli.interrupt import INTERRUPTED, gentle_interrupt
from impasto.cli.words import duration
from impasto.video.events import FilmStarted, FramePainted, VideoEvent
from impasto.video.stylizer import VideoStylizer


def carry_out(stylizer: VideoStylizer, *, quiet: bool, as_json: bool) -> None:
    """Make a film and show the progress. Ctrl-C stops it, and exits with code 130."""
    began, out = time.monotonic(), stylizer.out
    with (
        gentle_interrupt("frame") as interrupted,
        FilmProgress(str(stylizer.film.path), quiet=quiet) as progress,
    ):
        for event in stylizer:
            progress.take(event)
            if interrupted():
                stylizer.stop()
    facts = {"out": str(out), "frames": progress.done, "stopped": stylizer.stopped,
             "seconds": round(time.monotonic() - began, 3)}  # fmt: skip
    if as_json:
        typer.echo(json.dumps(facts))
    elif not quiet and not stylizer.stopped:
        typer.echo(f"film  {out}")
    if stylizer.stopped:
        typer.echo(
            f"impasto: stopped after {progress.done} frames; repeat the command with --resume to "
            "continue",
            err=True,
        )
        raise typer.Exit(INTERRUPTED)


class FilmProgress(ProgressDisplay):
    """Displays the events of a video stylizer. ``done`` is the number of frames, over all runs."""

    def __init__(self, clip: str, *, quiet: bool) -> None:
        super().__init__(TaskProgressColumn(), TextColumn("{task.fields[pace]}"), quiet=quiet)
        self._clip = clip
        self._first = 0
        self._next_line = 0.1
        self.done = 0

    def _begin(self) -> TaskID:
        return self._bar.add_task("opening", total=None, pace="", left="")

    def take(self, event: VideoEvent) -> None:
        """Show an event."""
        if isinstance(event, FilmStarted):
            self.done = self._first = event.done
            again = f", continuing after frame {event.done}" if event.done else ""
            count = "" if event.frames is None else f"about {event.frames} frames of "
            self._line(f"painting {self._clip}: {count}{event.width}×{event.height}{again}")
        elif isinstance(event, FramePainted):
            self._show(event)

    def _show(self, event: FramePainted) -> None:
        self.done = event.frame
        of = "" if event.frames is None else f"/{event.frames}"
        what = f"frame {event.frame}{of} at {duration(event.time)}"
        pace = f"{(event.frame - self._first) / max(event.seconds, 1e-6):.3g} frames/s"
        left = "" if event.remaining is None else f"{duration(event.remaining)} left"
        self._bar.update(
            self._task,
            description=what,
            completed=event.frame,
            total=event.frames,
            pace=pace,
            left=left,
        )
        share = event.frame / event.frames if event.frames else event.frame / 1000
        if self._lines and share >= self._next_line:
            self._line(f"{what}  {pace}  {left}".rstrip())
            self._next_line = share + 0.1
