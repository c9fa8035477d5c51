"""Learning a style inside an attempt: from its painting to ever better rows."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from impasto.errors import WeightsError
from impasto.events import Losses, Saved, Trained, TrainingEvent
from impasto.studio.database import retry
from impasto.studio.learnt import PAINTING, options
from impasto.studio.previews import Series
from impasto.studio.runner import Runner
from impasto.training.learner import Learner
from impasto.training.trainer import StateFile
from impasto.zoo.rows import Row, parsed, serialised

_FIRST = 2.0
"""Seconds of learning before the first look at a style, and between looks at least."""

_SLOWER = 1.25
"""Looks come ever slower, by this factor: a style changes less and less."""

_SAVED = 5.0
"""Seconds from one saving of the state to the next, at most: it is small."""

_TOLD = 1.0
"""Seconds from one step whose losses are kept to the next."""


class LearnRunner(Runner):
    """Runs a learner."""

    def run(self, checkpoint: str | None) -> bool:
        """Learn to the end, or until the owner stops it; return and raise as `Runner.run`."""
        context, self.step = self._context, self._claim.step
        name = "row-{}-{}.safetensors"
        self._rows = Series(context.files, self._claim, self._heartbeat, "learnt", name)
        self._told, self._due, self._save_due, self._pause = -math.inf, 0.0, 0.0, 0.0
        self._state = context.scratch / "state"
        self._state.unlink(missing_ok=True)
        if checkpoint:
            self._room.wait_for(lambda: self._fetch(checkpoint))
        self._learner = self._build()
        return self._follow(self._learner)

    def finish(self) -> Iterator[tuple[str, str, Path]]:
        """Yield the column, the name and the path of what was learnt."""
        if self.stepped:
            path = self._context.scratch / "row"
            data = serialised(self._learner.rows)
            self._room.wait_for(lambda: path.write_bytes(data))
            yield "learnt", self._rows.next_name(), path

    def _fetch(self, checkpoint: str) -> None:
        """Copy a checkpoint: what is fetched may be one file with that of the job."""
        path = self._context.scratch / "fetched"
        self._checkpoints.fetch(checkpoint, path)
        self._state.write_bytes(path.read_bytes())
        path.unlink()

    def _build(self) -> Learner:
        context, job = self._context, self._claim
        learner = Learner(
            context.files.get(job.id, PAINTING),
            options=options(job.request),
            name=job.style,
            read=context.settings.limits,
            clock=context.clock,
        )
        # `_take` saves the state: a full disk then makes it wait, and does not end the learning.
        state = StateFile(self._state, math.inf, resume=True)
        learner.begin_with(self._row(), state, total=True)
        return learner

    def _row(self) -> Row | None:
        """Return what was learnt before; it counts if there is no state to go on from."""
        job = self._claim
        with suppress(FileNotFoundError, WeightsError):
            return (
                parsed(self._context.files.get(job.id, job.learnt)).rows[0] if job.learnt else None
            )
        return None

    def _take(self, event: TrainingEvent) -> None:
        if isinstance(event, Saved):
            self._room.wait_for(lambda: self._checkpoints.put(event.path))
        elif isinstance(event, Trained):
            if not self.stepped:
                self._begin(event.step - 1)
            self.stepped, self.step = True, event.step
            seconds = self._learner.seconds
            losses = None
            if seconds >= self._told + _TOLD and math.isfinite(event.loss):
                self._told, side = seconds, self._learner.options.size
                numbers = (event.loss, event.content, event.style, 0.0, event.seconds)
                losses = Losses.from_numbers((event.step, 0, side, side, *numbers))  # one scale
            self._heartbeat.note(
                losses,
                steps=round(event.step / max(event.progress, 1e-3)),
                seconds=seconds,
                remaining=max(self._learner.options.seconds - seconds, 0.0),
            )
            if event.progress < 1 and self._context.clock() >= self._due:
                self._room.wait_for(self._publish)
            if self._context.clock() >= self._save_due:
                self._room.wait_for(self._save)

    def _begin(self, step: int) -> None:
        """Go on after a step: what an earlier attempt told of later ones is forgotten."""
        context, claim = self._context, self._claim
        self._due = context.clock() + _FIRST
        known = [row for row in context.store.losses(claim.id) if row.step <= step]
        retry(lambda: context.store.begin(claim, known))

    def _save(self) -> None:
        for saved in self._learner.save():
            self._checkpoints.put(saved.path)
        every = min(self._context.settings.checkpoint_every, _SAVED)
        self._save_due = self._context.clock() + every

    def _publish(self) -> None:
        """Have photos be stylised with what is learnt so far."""
        self._rows.put(serialised(self._learner.rows))
        self._pause = max(_FIRST, _SLOWER * self._pause)
        self._due = self._context.clock() + self._pause
