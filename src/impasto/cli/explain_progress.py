"""Shows the progress of an explainer on stderr: a bar, or a line per part."""

from __future__ import annotations

from rich.progress import TaskID, TaskProgressColumn

from impasto.cli.bars import ProgressDisplay
from impasto.cli.words import duration
from impasto.explain.progress import Progressed


class ExplainProgress(ProgressDisplay):
    """Draws the events of an explainer."""

    def __init__(self, *, quiet: bool) -> None:
        super().__init__(TaskProgressColumn(), quiet=quiet)
        self._number = 0

    def _begin(self) -> TaskID:
        return self._bar.add_task("preparing", total=1.0, left="")

    def take(self, event: Progressed) -> None:
        """Show an event."""
        left = "" if event.remaining is None else f"{duration(event.remaining)} left"
        what = f"{event.number}/{event.parts} {event.part}"
        self._bar.update(self._task, description=what, completed=event.progress, left=left)
        if self._lines and event.number != self._number:
            self._line(f"{what}  {left}".rstrip())
            self._number = event.number
