"""The progress bar that all commands share."""

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
    """Return a progress bar as wide as the console: task, ``middle``, and the field ``left``.

    It disappears when it stops; a ``hidden`` bar is never drawn.
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
    """Return two columns: the percentage done, and the field ``losses``."""
    return TaskProgressColumn(), TextColumn("{task.fields[losses]}")


class ProgressDisplay:
    """Shows progress on stderr: a bar, or lines if stderr is not a terminal.

    Use it as a context manager around the work. ``middle`` are columns of the bar; `_begin` adds
    its task.
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
        """Add the task of the bar, and print lines that come before it."""
        raise NotImplementedError

    def _line(self, text: str) -> None:
        if not self._quiet:
            self._console.print(text, soft_wrap=True)
