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


class Counter:
    """Shows how many of ``total`` pictures are done, once it takes more than two seconds.

    Until then, not even the drawing library is imported: most pictures finish sooner than that.
    """

    def __init__(self, total: int, *, quiet: bool) -> None:
        self._total = total
        self._done, self._part = 0, 0.0
        self._lines = not quiet and not sys.stderr.isatty()
        self._bar: Bar | None = None
        self._timer = None if quiet or self._lines else Timer(_SOON, self._open)
        self._next_line = 0.1

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
        bar.add_task("pictures", total=self._total, left="")
        bar.start()
        self._bar = bar
        self._show()

    def advance(self) -> None:
        """Count one more picture, finished or failed."""
        self._done, self._part = self._done + 1, 0.0
        self._show()

    def part(self, share: float) -> None:
        """Set the finished share of the current picture, from 0 to 1."""
        self._part = share
        self._show()

    def _show(self) -> None:
        so_far = self._done + self._part
        spent = time.monotonic() - self._began
        left = f"{duration(spent / so_far * (self._total - so_far))} left" if so_far else ""
        if self._bar:
            self._bar.update(self._bar.task_ids[0], completed=so_far, left=left)
        late = spent > _SOON and self._done < self._total
        if self._lines and late and so_far >= self._next_line * self._total:
            typer.echo(f"{self._done} of {self._total} pictures, {left}", err=True)
            self._next_line = so_far / self._total + 0.1
