"""The progress of a painting: a bar with losses and the time left, or lines without a terminal."""

from __future__ import annotations

from rich.progress import TaskID

from impasto.cli.bars import ProgressDisplay, losses
from impasto.cli.words import about, duration
from impasto.events import Event, Replanned, Started, Step

Scales = tuple[tuple[int, int, int], ...]

_SOON = 2.0
"""Seconds; a shorter duration is not shown."""


class PaintingProgress(ProgressDisplay):
    """Shows the events of an engine on stderr.

    ``size`` is the width and height of the finished picture; with ``planned``, steps and scales are
    a plan that may still change.
    """

    def __init__(self, size: tuple[int, int], *, planned: bool, quiet: bool) -> None:
        super().__init__(*losses(), quiet=quiet)
        self._size = size
        self._planned = planned
        self._next_line = 0.0

    def _begin(self) -> TaskID:
        return self._bar.add_task("preparing", total=None, losses="", left="")

    def take(self, event: Event) -> None:
        """Show an event."""
        if isinstance(event, Started):
            self._show_start(event)
        elif isinstance(event, Replanned):
            self._line(f"now painting at {_sizes(event.scales)}, about {event.steps} steps")
            self._show_end(event.scales)
        elif isinstance(event, Step):
            self._show_step(event)

    def _show_start(self, event: Started) -> None:
        steps = f"{'about ' if self._planned else ''}{event.steps} steps"
        if event.seconds and event.seconds > _SOON:
            steps += f" in {about(event.seconds)}"
        resumed = f", resuming at step {event.step}" if event.step else ""
        where = f"{event.device} {event.precision}"
        self._line(f"painting at {_sizes(event.scales)}, {steps}, {where}{resumed}")
        self._show_end(event.scales)

    def _show_end(self, scales: Scales) -> None:
        """Show a notice if the picture will be enlarged to its final size."""
        width, height, _ = scales[-1]
        if self._planned and (width, height) != self._size:
            size = "{}×{}".format(*self._size)
            self._line(f"too little time for {size}: painting at {width}×{height} and enlarging")

    def _show_step(self, event: Step) -> None:
        where = f"step {event.step}/{event.steps}"
        if event.scales > 1:
            where += f" · scale {event.scale}/{event.scales} {event.width}×{event.height}"
        terms = f"loss {event.loss:.3g} · content {event.content:.3g} · style {event.style:.3g}"
        left = f"{duration(event.remaining)} left"
        self._bar.update(
            self._task,
            description=where,
            completed=event.step,
            total=event.steps,
            losses=terms,
            left=left,
        )
        if self._lines and event.step >= self._next_line * event.steps:
            self._line(f"{where}  {terms}  {left}")
            self._next_line = event.step / event.steps + 0.1


def _sizes(scales: Scales) -> str:
    return " → ".join(f"{width}×{height}" for width, height, _ in scales)
