"""Shows the progress of training on stderr: a bar with losses and the time left."""

from __future__ import annotations

from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING

from rich.progress import TaskID

from impasto.cli.bars import ProgressDisplay, losses
from impasto.cli.words import duration
from impasto.events import Stalled, Trained, TrainingEvent, Unreadable

if TYPE_CHECKING:
    from impasto.training.trainer import Trainer

_WINDOW = 50
"""Number of steps that the displayed losses are averaged over."""

_LINES = 40
"""Number of lines per training if stderr is not a terminal."""

_WORDS = {"--from": "starting from", "--teacher": "learning from"}


class TrainingProgress(ProgressDisplay):
    """Shows the events of a trainer."""

    def __init__(self, trainer: Trainer, *, quiet: bool) -> None:
        super().__init__(*losses(), quiet=quiet)
        self._trainer = trainer
        self._recent: deque[tuple[float, float, float]] = deque(maxlen=_WINDOW)
        self._next_line = 0.0

    def _begin(self) -> TaskID:
        trainer = self._trainer
        device = f"{trainer.device} {trainer.precision}".replace("torch.", "")
        world = trainer.processes.world
        together = f", {world} processes" if world > 1 else ""
        self._line(f"training {trainer.model} on {device}{together}")
        for flag, pack in trainer.packs.items():
            self._line(f"{_WORDS[flag]} {Path(pack.name).name}")
        if trainer.on_samples:
            self._line(
                f"using the {len(trainer.photos)} photos that come with scikit-image; --photos DIR "
                "uses your own"
            )
        return self._bar.add_task("preparing", total=1.0, losses="", left="")

    def take(self, event: TrainingEvent) -> None:
        """Show an event."""
        if isinstance(event, Trained):
            self._show(event)
        elif isinstance(event, Unreadable):
            self._line(f"skipped: {event.reason}")
        elif isinstance(event, Stalled):
            self._line(f"warning: no progress by step {event.step}: {event.reason}")

    def _show(self, event: Trained) -> None:
        self._recent.append((event.loss, event.content, event.style))
        loss, content, style = (
            sum(values) / len(values) for values in zip(*self._recent, strict=True)
        )
        terms = f"loss {loss:.3g} · content {content:.3g} · style {style:.3g}"
        pace = f"{event.samples / max(event.seconds, 1e-9):.1f} pictures/s"
        where = f"step {event.step} · {pace}"
        left = f"{duration(event.remaining)} left"
        self._bar.update(
            self._task, description=where, completed=event.progress, losses=terms, left=left
        )
        if self._lines and event.progress >= self._next_line:
            self._line(f"{where}  {terms}  {left}")
            self._next_line = event.progress + 1 / _LINES
