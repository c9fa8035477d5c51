"""A bar with losses and the time left; plain lines where stderr is no terminal."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, TaskID, TaskProgressColumn, TextColumn
from rich.progress import Progress as Bar

from impasto.events import Event, Started, Step


class Progress:
    """Draws the events of an engine on stderr."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._console = Console(file=sys.stderr, highlight=False)
        self._bar = Bar(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            TaskProgressColumn(),
            TextColumn("{task.fields[losses]}"),
            TextColumn("[bold]{task.fields[left]}"),
            console=self._console,
            disable=quiet or not self._console.is_terminal,
            transient=True,
            expand=True,
        )
        self._task: TaskID | None = None
        self._next_line = 0.0

    def __enter__(self) -> Self:
        self._bar.start()
        self._task = self._bar.add_task("preparing", total=None, losses="", left="")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def take(self, event: Event) -> None:
        """Show an event."""
        if isinstance(event, Started):
            self._show_start(event)
        elif isinstance(event, Step):
            self._show_step(event)

    def _show_start(self, event: Started) -> None:
        sizes = " → ".join(f"{width}×{height}" for width, height, _ in event.scales)
        again = f", going on at step {event.step}" if event.step else ""
        self._line(
            f"painting at {sizes}, {event.steps} steps, {event.device} {event.precision}{again}"
        )

    def _show_step(self, event: Step) -> None:
        where = f"step {event.step}/{event.steps}"
        if event.scales > 1:
            where += f" · scale {event.scale}/{event.scales} {event.width}×{event.height}"
        losses = f"loss {event.loss:.3g} · content {event.content:.3g} · style {event.style:.3g}"
        left = f"{duration(event.remaining)} left"
        if self._task is not None:
            self._bar.update(
                self._task,
                description=where,
                completed=event.step,
                total=event.steps,
                losses=losses,
                left=left,
            )
        if not self._console.is_terminal and event.step >= self._next_line * event.steps:
            self._line(f"{where}  {losses}  {left}")
            self._next_line = event.step / event.steps + 0.1

    def _line(self, text: str) -> None:
        if not self._quiet:
            self._console.print(text, soft_wrap=True)


def duration(seconds: float) -> str:
    """Write seconds as 0:07, 12:34 or 1:02:03."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
