"""The progress bar that all commands draw."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    TaskID,
    TaskProgressColumn,
    TextColumn,
)


def bar(console: Console, *middle: ProgressColumn, hidden: bool = False) -> Progress:
    """Return a bar as wide as the console: what is done, ``middle``, and the field ``left``.

    It goes away when it stops; ``hidden`` ones are never seen.
    """
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        *middle,
        TextColumn("[bold]{task.fields[left]}"),
        console=console,
        disable=hidden,
        transient=True,
        expand=True,
    )


def losses() -> tuple[ProgressColumn, ProgressColumn]:
    """Return the columns of a bar with the share that is done, and the field ``losses``."""
    return TaskProgressColumn(), TextColumn("{task.fields[losses]}")


class Drawing:
    """What draws on stderr while work goes on: a bar, or lines where it is not a terminal.

    Enter it before the work and leave it after. ``middle`` are columns of the bar, and `_begin`
    adds its task.
    """

    def __init__(self, *middle: ProgressColumn, quiet: bool) -> None:
        self._quiet = quiet
        self._console = Console(file=sys.stderr, highlight=False)
        self._lines = not quiet and not self._console.is_terminal
        self._bar = bar(self._console, *middle, hidden=quiet or self._lines)

    def __enter__(self) -> Self:
        self._task = self._begin()
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def _begin(self) -> TaskID:
        """Add the task of the bar, and say what is to be said before it."""
        raise NotImplementedError

    def _line(self, text: str) -> None:
        if not self._quiet:
            self._console.print(text, soft_wrap=True)
