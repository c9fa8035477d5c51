"""Painting inside an attempt: a painter from its request to the files of its picture."""

from __future__ import annotations

import logging
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from impasto.errors import MissingExtraError, OutputError
from impasto.events import Event, Finished, Losses, Started, Step
from impasto.images import read_recipe, resize
from impasto.images.picture import Samples, floats
from impasto.options import RecordOptions
from impasto.painter import Painter, Start
from impasto.record import Recorder
from impasto.studio.checkpoints import JobCheckpoints
from impasto.studio.database import retry
from impasto.studio.heartbeat import Heartbeat
from impasto.studio.jobs import Job, JobStore
from impasto.studio.previews import Picture, Previews
from impasto.studio.requests import PaintRequest
from impasto.studio.room import Room, WorkerLeaving, is_disk_full
from impasto.studio.settings import Settings
from impasto.studio.storage import Storage

if TYPE_CHECKING:
    from impasto.training.learner import Learner
    from impasto.video.stylizer import VideoStylizer

log = logging.getLogger("impasto.studio")

EXTENSIONS = {"png": "png", "jpeg": "jpg", "webp": "webp", "tiff": "tif"}
"""Of the formats of a request."""

_SHARE = 0.1
"""Of the time, at most so much goes into checkpoints."""

_SLOWER = 2
"""Saving takes so many times as long here: a server and other workers have their share."""


@dataclass
class WorkerContext:
    """What a worker works with. ``leaving`` is set when it is to end soon.

    ``scratch`` is an empty folder of its own; ``claim`` what it works at now.
    """

    settings: Settings
    store: JobStore
    files: Storage
    scratch: Path
    worker: str
    leaving: threading.Event
    claim: Job | None = None
    clock: Callable[[], float] = time.monotonic


class Runner(ABC):
    """Runs an engine for one attempt at a job.

    ``step`` is the latest step; ``stepped`` tells whether this attempt did any.
    """

    def __init__(self, context: WorkerContext, claim: Job, heartbeat: Heartbeat) -> None:
        self.stepped, self.step = False, 0
        self._context, self._claim, self._heartbeat = context, claim, heartbeat
        self._room = Room(heartbeat, context.leaving)
        self._checkpoints = JobCheckpoints(context.files, claim.id, claim.attempt)
        self._previews = Previews(context.files, claim, heartbeat, context.clock)

    @abstractmethod
    def run(self, checkpoint: str | None) -> bool:
        """Work to the end, or until the owner stops it; return whether the owner did.

        Raises `ClaimLost`, `Cancelled`, `WorkerLeaving`, and `CheckpointError` when it cannot go on
        from there.
        """

    def publish(self) -> dict[str, object]:
        """Store the files of the result; return the columns that name them."""
        columns: dict[str, object] = {"step": self.step}
        for column, name, path in self.finish():
            self._room.wait_for(partial(self._context.files.take, self._claim.id, name, path))
            columns[column] = name
            self._heartbeat.sign()
        return columns

    @abstractmethod
    def finish(self) -> Iterator[tuple[str, str, Path]]:
        """Make the results; yield column, name and path of each."""

    @abstractmethod
    def _take(self, event: Any) -> None:
        """Tell of an event of the engine."""

    def _follow(self, engine: Learner | VideoStylizer) -> bool:
        """Take the events of an engine that can be stopped; return and raise as `run`."""
        stopped = False
        with closing(iter(engine)) as events:
            for event in events:
                self._take(event)
                stopped, leaving = self._wishes()
                if stopped or leaving:
                    engine.stop()  # it saves its state before it ends
        if engine.stopped and not stopped:
            raise WorkerLeaving
        return engine.stopped

    def _wishes(self) -> tuple[bool, bool]:
        """Return whether the owner stops the job, and whether the worker is to leave.

        Raises `ClaimLost` and `Cancelled`.
        """
        self._heartbeat.check()
        return self._heartbeat.wish == "stop", self._context.leaving.is_set()

    def _add_preview(self, picture: Picture) -> None:
        self._room.wait_for(lambda: self._previews.add(picture))


class PaintRunner(Runner):
    """Runs a painter."""

    def run(self, checkpoint: str | None) -> bool:
        """Paint to the end, or until the owner stops it; return and raise as `Runner.run`."""
        self._prepare(checkpoint)
        for event in self._events():
            self._take(event)
            if isinstance(event, Finished) and not self._heartbeat.lost:
                break
            stopped, leaving = self._wishes()
            if self.stepped and (stopped or leaving or self._context.clock() >= self._due):
                self._keep_checkpoint()
            if leaving and not stopped:
                raise WorkerLeaving
            if stopped:
                return True
        return False

    def _prepare(self, checkpoint: str | None) -> None:
        self._request = PaintRequest.of(self._claim.request)
        self._painter = painter = self._build()
        self._heartbeat.sign()
        self._heartbeat.note(width=painter.width, height=painter.height)
        photo = painter.sources.photo.rgb
        self._recorder = self._build_recorder(photo)
        painter.companion = self._recorder
        if checkpoint:
            path = self._context.scratch / "checkpoint"
            self._room.wait_for(lambda: self._checkpoints.fetch(checkpoint, path))
            try:
                painter.resume(path)
            finally:
                path.unlink()
        self._due = self._context.clock() + self._context.settings.checkpoint_every

    def finish(self) -> Iterator[tuple[str, str, Path]]:
        """Make the picture and the time-lapse; yield column, name and path of each."""
        painting = self._painter.painting
        recipe = {**painting.recipe, "studio": self._request.flat()}
        extension = EXTENSIONS[self._request.format]
        path = self._context.scratch / f"picture.{extension}"
        self._room.wait_for(lambda: replace(painting, recipe=recipe).save(path))
        number = self._claim.attempt
        yield "picture", f"picture-{number}.{extension}", path
        self._heartbeat.sign()
        self._add_preview(painting.rgb)
        if film := self._room.wait_for(lambda: self._finish_film(painting.rgb)):
            yield "timelapse", f"timelapse-{number}.mp4", film

    def _build(self) -> Painter:
        context, job = self._context, self._claim.id
        files = context.files
        names = files.names(job)
        start = self._start("freeze" in names) if "start" in names else None
        begun: dict[str, Any] = {"init": start.styles, "scales": "single"} if start else {}
        if start and start.frozen is not None:
            begun["freeze"] = "mask.png"  # stands for the file of the start
        styles = sorted(name for name in names if name.startswith("style-"))
        return Painter(
            files.get(job, "photo"),
            [files.get(job, name) for name in styles],
            self._request.options(max_memory=context.settings.max_memory, **begun),
            start=start,
            read=context.settings.limits,
            clock=context.clock,
        )

    def _start(self, masked: bool) -> Start:
        """Return the picture that a network made, to be painted on."""
        path, files, job = self._context.scratch / "start", self._context.files, self._claim.id
        files.fetch(job, "start", path)
        frozen = files.get(job, "freeze") if masked else None
        return Start(path.read_bytes(), read_recipe(path), frozen)

    def _build_recorder(self, photo: Samples) -> Recorder:
        width, height = self._painter.width, self._painter.height
        try:
            return Recorder(
                RecordOptions(timelapse=self._context.scratch / "timelapse.mp4"),
                width,
                height,
                photo=resize(floats(photo), width, height),
                alpha=self._painter.sources.alpha(),
            )
        except MissingExtraError:
            return Recorder(RecordOptions(), width, height)

    def _finish_film(self, rgb: Picture) -> Path | None:
        try:
            files = self._recorder.finish(rgb)
        except OutputError as error:
            if is_disk_full(error):
                raise
            # The picture is there, and that is what counts.
            log.warning("job %s: no time-lapse: %s", self._claim.id, error)
            return None
        return next((saved.path for saved in files if saved.what == "time-lapse"), None)

    def _events(self) -> Iterator[Event]:
        self._keep_back()
        for event in self._painter:
            self._heartbeat.sign()
            self._keep_back()
            yield event

    def _take(self, event: Event) -> None:
        if isinstance(event, Started):
            self._heartbeat.note(steps=event.steps, remaining=event.seconds)
            claim, self.step = self._claim, event.step
            rows = self._painter.painting.losses if event.step else ()
            retry(lambda: self._context.store.begin(claim, rows))
            log.info("job %s: attempt %d begins after step %d", claim.id, claim.attempt, event.step)
        elif isinstance(event, Step):
            self.stepped, self.step = True, event.step
            self._heartbeat.note(
                Losses.of(event),
                steps=event.steps,
                loss=event.loss,
                seconds=event.seconds,
                remaining=event.remaining,
            )
            if self._previews.due:
                self._add_preview(event.picture())
            self._recorder.take(event)

    def _keep_back(self) -> None:
        """Keep of a budget about what the results take once the painting is done."""
        painter = self._painter
        if painter.budget:
            painter.budget.reserve = _SLOWER * self._recorder.reserve(painter.steps)

    def _keep_checkpoint(self) -> None:
        """Keep the state, in place of the last; the next is due when this one has paid off."""
        path, clock = self._context.scratch / "checkpoint", self._context.clock

        def keep() -> float:
            began = clock()
            self._painter.save_checkpoint(path, compact=True)
            self._checkpoints.put(path)
            return clock() - began

        took = self._room.wait_for(keep)
        self._due = clock() + max(self._context.settings.checkpoint_every, took / _SHARE)
