"""Shows the progress of learning on stderr: a bar with losses and the time left."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from rich.progress import TaskID

from impasto.cli.bars import ProgressDisplay, losses
from impasto.cli.words import duration
from impasto.events import Trained, TrainingEvent, Unreadable

if TYPE_CHECKING:
    from impasto.training.learner import Learner

_WINDOW = 10
"""Number of steps that the displayed losses are averaged over."""

_LINES = 5
"""Number of lines per style if stderr is not a terminal."""


class LearningProgress(ProgressDisplay):
    """Shows the events of a learner. ``what`` is the name of the style."""

    def __init__(self, learner: Learner, what: str, *, quiet: bool) -> None:
        super().__init__(*losses(), quiet=quiet)
        self._learner, self._what = learner, what
        self._recent: deque[tuple[float, float]] = deque(maxlen=_WINDOW)
        self._next_line = 1 / _LINES

    def _begin(self) -> TaskID:
        return self._bar.add_task(f"learning {self._what}", total=1.0, losses="", left="")

    def take(self, event: TrainingEvent) -> None:
        """Show an event."""
        if isinstance(event, Trained):
            self._show(event)
        elif isinstance(event, Unreadable):
            self._line(f"skipped: {event.reason}")

    def _show(self, event: Trained) -> None:
        self._recent.append((event.content, event.style))
        content, style = (sum(values) / len(values) for values in zip(*self._recent, strict=True))
        terms = f"content {content:.2f} · style {style:.3f}"
        left = f"{duration(event.remaining)} left"
        self._bar.update(self._task, completed=event.progress, losses=terms, left=left)
        if self._lines and event.progress >= self._next_line:
            self._line(f"learning {self._what}  {terms}  {left}")
            self._next_line = event.progress + 1 / _LINES
