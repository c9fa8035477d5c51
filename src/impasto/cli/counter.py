"""Counts pictures on stderr: a bar with the time left, or lines if it is not a terminal."""

from __future__ import annotations

import sys
import time
from threading import Timer
from types import TracebackType
from typing import TYPE_CHECKING, Self

import typer

from impasto.cli.words import duration

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

_SOON = 2.0
"""Seconds before anything is shown."""

_RARELY = 600.0
"""Seconds after which there is a line in any case."""


class Counter:
    """Shows how many of ``total`` pictures are done, once it takes more than two seconds.

    ``total`` may be None until it is known. For two seconds, not even the drawing library is
    imported: most pictures finish sooner than that.
    """

    def __init__(self, total: int | None, *, quiet: bool) -> None:
        self.total = total
        self._done, self._skipped, self._part = 0, 0, 0.0
        self._lines = not quiet and not sys.stderr.isatty()
        self._bar: Bar | None = None
        self._timer = None if quiet or self._lines else Timer(_SOON, self._open)
        self._next_line, self._next_time = 0.1, _RARELY
        self._first = 0.0

    def __enter__(self) -> Self:
        self._began = time.monotonic()
        if self._timer:
            self._timer.daemon = True
            self._timer.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer.join()
        if self._bar:
            self._bar.stop()

    def _open(self) -> None:
        from rich.console import Console
        from rich.progress import MofNCompleteColumn

        from impasto.cli.bars import bar as bar_of

        bar = bar_of(Console(file=sys.stderr, highlight=False), MofNCompleteColumn())
        bar.add_task("pictures", total=self.total, left="")
        bar.start()
        self._bar = bar
        self._show()

    def advance(self) -> None:
        """Count one more picture, finished or failed."""
        self._done, self._part = self._done + 1, 0.0
        if self._done == 1:
            self._first = time.monotonic() - self._began
        self._show()

    def skip(self) -> None:
        """One picture more was there already."""
        self._skipped += 1

    def part(self, share: float) -> None:
        """Set the finished share of the current picture, from 0 to 1."""
        self._part = share
        self._show()

    def _show(self) -> None:
        made = self._done + self._part
        spent = time.monotonic() - self._began
        so_far = self._skipped + made
        rate = self._rate(made, spent)
        words = [f"{_short(rate)} a second"] if self._done and rate else []
        if rate and self.total is not None:
            words.append(f"{duration((self.total - so_far) / rate)} left")
        left = ", ".join(words)
        if self._bar:
            self._bar.update(self._bar.task_ids[0], completed=so_far, total=self.total, left=left)
        if not self._lines or spent <= _SOON or self._done + self._skipped == self.total:
            return
        share = so_far / self.total if self.total else 0.0
        if share >= self._next_line or spent >= self._next_time:
            of = "" if self.total is None else f" of {self.total}"
            typer.echo(f"{self._done + self._skipped}{of} pictures, {left}", err=True)
            self._next_line, self._next_time = share + 0.1, spent + _RARELY

    def _rate(self, made: float, spent: float) -> float:
        """Return pictures a second, since the first was done: what begins may take long."""
        if made > 1 and spent > self._first:
            return (made - 1) / (spent - self._first)
        return made / spent if spent else 0.0


def _short(rate: float) -> str:
    """Write a rate with two digits or more."""
    return f"{rate:.0f}" if rate >= 10 else f"{rate:.2g}"
