"""Counts pictures on stderr: a bar with the time left, or lines where it is not a terminal."""

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
"""Seconds: who waits no longer need not see anything."""


class Counter:
    """Shows how many of ``total`` pictures are done, if it takes more than two seconds.

    Until then nothing of what draws is even imported: most pictures take less than that would.
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
        """One picture more is done, well or badly."""
        self._done, self._part = self._done + 1, 0.0
        self._show()

    def part(self, share: float) -> None:
        """So much, from 0 to 1, of the picture under way is done."""
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
