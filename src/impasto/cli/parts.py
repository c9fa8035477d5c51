"""Work in parts on stderr: a bar over all of them, or a line for each where it is no terminal."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import TaskProgressColumn

from impasto.cli.bars import bar
from impasto.cli.words import duration
from impasto.explain.events import Progressed


class Parts:
    """Draws the events of an explainer."""

    def __init__(self, *, quiet: bool) -> None:
        self._console = Console(file=sys.stderr, highlight=False)
        terminal = self._console.is_terminal
        self._bar = bar(self._console, TaskProgressColumn(), hidden=quiet or not terminal)
        self._lines = not quiet and not terminal
        self._number = 0

    def __enter__(self) -> Self:
        self._bar.start()
        self._task = self._bar.add_task("preparing", total=1.0, left="")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def take(self, event: Progressed) -> None:
        """Show an event."""
        left = "" if event.remaining is None else f"{duration(event.remaining)} left"
        what = f"{event.number}/{event.parts} {event.part}"
        self._bar.update(self._task, description=what, completed=event.progress, left=left)
        if self._lines and event.number != self._number:
            self._console.print(f"{what}  {left}".rstrip(), soft_wrap=True)
            self._number = event.number
