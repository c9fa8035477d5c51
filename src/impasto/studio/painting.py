"""Carrying out one job: from the claim to the files that the row names.

The painter's own checkpoints make it possible to be killed at any moment. An attempt writes files
under names of its own only, and what it made is seen when the row says so, which the row does
while the attempt's claim is the latest. So no half file is served, and no job ends twice.
"""

from __future__ import annotations

import logging
import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from impasto.errors import CheckpointError, ImpastoError, MissingExtraError
from impasto.events import Event, Losses, Saved, Started, Step
from impasto.images import resize
from impasto.images.picture import Samples, floats
from impasto.options import CheckpointOptions, PaintOptions, ReadOptions, RecordOptions
from impasto.painter import Painter
from impasto.record import Recorder
from impasto.record.timelapse import MOST_SHOTS
from impasto.studio.checkpoints import Kept, adopt
from impasto.studio.files import Files
from impasto.studio.orders import PaintOrder
from impasto.studio.previews import PhotoColours, Picture, Previews
from impasto.studio.pulse import Pulse
from impasto.studio.settings import Settings
from impasto.studio.store import HOPELESS, Claim, Job, Lost, Store

log = logging.getLogger("impasto.studio")

EXTENSIONS = {"png": "png", "jpeg": "jpg", "webp": "webp", "tiff": "tif"}
"""Of the formats of an order."""

HUNG = 75
"""The exit status of a worker that ends itself because it hangs."""

_HISTORY_BYTES = 256 * 2**20
_LEAST_HISTORY = 5
_SAVING_A_PIXEL, _FILMING, _FILMING_A_STEP = 8e-7, 0.4, 0.008  # seconds, kept of a budget
_OWN = re.compile(r"(?:preview|picture|timelapse)-(\d+)[-.\w]*")


_NO_FILES: dict[str, object] = {"preview": None, "picture": None, "timelapse": None}


class Left(Exception):  # noqa: N818 - it is no error, but an event
    """The worker leaves: its job goes on elsewhere."""


@dataclass
class Workshop:
    """What a worker works with. ``leaving`` is set when it is to end soon.

    ``scratch`` is an empty folder of its own; ``claim`` what it works at now.
    """

    settings: Settings
    store: Store
    files: Files
    scratch: Path
    worker: str
    leaving: threading.Event
    claim: Claim | None = None


def carry_out(workshop: Workshop, job: str, run: int) -> None:
    """Work at a run of a job until it ends, unless it is not to be worked at (now).

    Raises `Left` when the worker is to leave, and errors of the database or of the files: then
    the job is taken up again by whoever finds it abandoned.
    """
    claim = workshop.store.claim(job, run, workshop.worker)
    if claim is None:
        return
    attempt = Attempt(workshop, claim)
    workshop.claim = claim
    try:
        attempt.work()
    except Lost:
        log.info("job %s: attempt %d was overtaken", job, claim.attempt)
        attempt.withdraw()
    finally:
        workshop.claim = None
        for path in workshop.scratch.iterdir():
            path.unlink(missing_ok=True)


def needed(job: Job) -> Callable[[str], bool]:
    """Return which files of an ended job are to be kept."""
    served = {job.preview, job.picture, job.timelapse}
    return lambda name: name in served or name == "photo" or name.startswith("style-")


class Attempt:
    """One attempt at a job."""

    def __init__(self, workshop: Workshop, claim: Claim) -> None:
        self._shop, self._claim = workshop, claim
        self._store, self._files = workshop.store, workshop.files
        self._id, self._number = claim.job.id, claim.attempt
        self._kept = Kept(workshop.files, self._id, self._number)

    def work(self) -> None:
        """Paint, and end the job as it is to end. Raises `Lost`, `Left`."""
        with Pulse(self._store, self._claim, hung=self._hung) as pulse:
            try:
                self._sweep()
                self._begin(pulse)
            except Left:
                pulse.beat()
                self._store.release(self._claim)
                raise
            except (Lost, SQLAlchemyError, OSError):
                raise
            except ImpastoError as error:
                code = re.sub(r"(?<=[a-z])(?=[A-Z])", "-", type(error).__name__).lower()
                self._fail(pulse, code, self._without_paths(str(error)))
            except MemoryError:
                self._fail(pulse, "memory", "the painting does not fit into memory: lower its size")
            except Exception:
                log.exception("job %s failed", self._id)
                self._fail(pulse, "internal", "something went wrong inside the studio")

    def withdraw(self) -> None:
        """Remove what a lost attempt made.

        Not its checkpoint, which who has the job now may need, and nothing that the row names: the
        claim is lost, too, when the last word reached the database and its answer did not.
        """
        try:
            served = needed(self._store.job(self._id))
        except KeyError:
            self._files.remove(self._id)
            return
        mine = (found for name in self._files.names(self._id) if (found := _OWN.fullmatch(name)))
        own = [match[0] for match in mine if int(match[1]) == self._number]
        if names := [name for name in own if not served(name)]:
            self._files.remove(self._id, *names)

    def _begin(self, pulse: Pulse) -> None:
        if pulse.wish == "cancel":
            self._cancel(pulse)
        elif self._claim.job.stuck > HOPELESS:
            text = f"the work on it broke off {HOPELESS} times at the same place"
            self._fail(pulse, "hopeless", text)
        else:
            self._paint(pulse)

    def _paint(self, pulse: Pulse) -> None:
        """Paint from the newest checkpoint that fits, else from the start."""
        order = PaintOrder.of(self._claim.job.request)
        for name in [*self._kept.names(), None]:
            work = _Work(self._shop, self._claim, order, self._kept, pulse)
            try:
                wish = work.follow(name)
            except CheckpointError as error:
                if name is None or work.stepped:
                    raise
                log.warning("job %s: %s is of no use: %s", self._id, name, error)
                continue
            if wish == "cancel":
                self._cancel(pulse)
            else:
                self._publish(pulse, work, "stopped" if wish == "stop" else "done")
            return

    def _publish(self, pulse: Pulse, work: _Work, state: str) -> None:
        columns: dict[str, object] = {"step": work.step}
        for column, name, path in work.finish():
            self._files.take(self._id, name, path)
            columns[column] = name
            pulse.sign()
        self._end(pulse, state, **columns)

    def _fail(self, pulse: Pulse, code: str, text: str) -> None:
        log.warning("job %s failed: %s: %s", self._id, code, text)
        self._end(pulse, "failed", error_code=code, error=text)

    def _cancel(self, pulse: Pulse) -> None:
        self._end(pulse, "cancelled", **_NO_FILES)

    def _end(self, pulse: Pulse, state: str, **columns: object) -> None:
        """Say how it ended, then remove what nobody needs any more."""
        patiently(pulse.beat)
        if pulse.wish == "cancel" and state != "failed":  # at the last moment
            state, columns = "cancelled", _NO_FILES
        patiently(lambda: self._store.end(self._claim, state, **columns))
        log.info("job %s: %s", self._id, state)
        self._sweep()

    def _sweep(self) -> None:
        """Remove what earlier attempts left behind, and what the job does not need any more."""
        try:
            job = self._store.job(self._id)
        except KeyError:
            self._files.remove(self._id)
            return
        if job.state == "cancelled":
            self._files.remove(self._id)
            return
        served, checkpoints = needed(job), self._kept.names()
        kept = {"running": checkpoints, "stopped": checkpoints[:1]}.get(job.state, [])
        self._files.sweep(self._id, lambda name: served(name) or name in kept)

    def _without_paths(self, text: str) -> str:
        """Say nothing of where files of the studio lie."""
        for folder in (self._shop.scratch, self._files.home):
            text = text.replace(f"{folder}{os.sep}", "")
        return text.replace("<memory>", "the picture")

    def _hung(self) -> None:
        log.error("job %s: no sign of the painter; this worker ends itself", self._id)
        os._exit(HUNG)


class _Work:
    """The painting itself."""

    def __init__(
        self, shop: Workshop, claim: Claim, order: PaintOrder, kept: Kept, pulse: Pulse
    ) -> None:
        self.stepped, self.step = False, 0
        self._shop, self._claim, self._order = shop, claim, order
        self._kept, self._pulse = kept, pulse
        self._previews = Previews(shop.files, claim.job.id, claim.attempt, pulse)
        self._checkpoint = shop.scratch / "checkpoint"
        self._film = shop.scratch / "timelapse.mp4"

    def follow(self, checkpoint: str | None) -> str:
        """Paint to the end, or to the owner's wish, which is returned. Raises `Lost`, `Left`."""
        if checkpoint:
            self._kept.fetch(checkpoint, self._checkpoint)
        self._painter = painter = self._build(resume=checkpoint is not None)
        self._pulse.sign()
        self._pulse.note(width=painter.width, height=painter.height)
        photo = painter.sources.photo.rgb
        self._colours = PhotoColours(photo) if self._order.color == "photo" else None
        self._recorder = self._build_recorder(photo)
        painter.companion = self._recorder
        if checkpoint:
            adopt(self._checkpoint, painter.recipe)
        for event in self._events():
            self._take(event)
            if self._pulse.lost:
                raise Lost
            if self._pulse.wish:
                break
            if self._shop.leaving.is_set():
                self._keep_checkpoint()
                raise Left
        if self._pulse.wish == "stop":
            self._keep_checkpoint()
        return self._pulse.wish

    def finish(self) -> Iterator[tuple[str, str, Path]]:
        """Make the picture and the time-lapse; yield column, name and path of each."""
        painting = self._painter.painting
        rgb = self._coloured(painting.rgb)
        recipe = {**painting.recipe, "studio": self._order.flat()}
        extension = EXTENSIONS[self._order.format]
        path = self._shop.scratch / f"picture.{extension}"
        replace(painting, rgb=rgb, recipe=recipe).save(path)
        number = self._claim.attempt
        yield "picture", f"picture-{number}.{extension}", path
        self._pulse.sign()
        self._previews.add(rgb)
        for saved in self._recorder.finish(rgb):
            if saved.what == "time-lapse":
                yield "timelapse", f"timelapse-{number}.mp4", saved.path

    def _build(self, *, resume: bool) -> Painter:
        files, job, shop = self._shop.files, self._claim.job.id, self._shop
        styles = sorted(name for name in files.names(job) if name.startswith("style-"))
        return Painter(
            files.get(job, "photo"),
            [files.get(job, name) for name in styles],
            options(self._order, shop.settings),
            read=ReadOptions(
                max_pixels=shop.settings.max_pixels, max_bytes=shop.settings.max_upload
            ),
            checkpoint=CheckpointOptions(
                checkpoint=self._checkpoint,
                checkpoint_every=shop.settings.checkpoint_every,
                resume=resume,
            ),
        )

    def _build_recorder(self, photo: Samples) -> Recorder:
        width, height = self._painter.width, self._painter.height
        try:
            return Recorder(
                RecordOptions(timelapse=self._film),
                width,
                height,
                photo=resize(floats(photo), width, height),
            )
        except MissingExtraError:
            return Recorder(RecordOptions(), width, height)

    def _events(self) -> Iterator[Event]:
        self._keep_back()
        for event in self._painter:
            self._pulse.sign()
            self._keep_back()
            yield event

    def _take(self, event: Event) -> None:
        if isinstance(event, Saved):
            self._kept.put(event.path)
        elif isinstance(event, Started):
            self._pulse.note(steps=event.steps, remaining=event.seconds)
            claim, self.step = self._claim, event.step
            rows = self._painter.painting.losses if event.step else ()
            patiently(lambda: self._shop.store.begin(claim, rows))
            log.info(
                "job %s: attempt %d begins after step %d", claim.job.id, claim.attempt, event.step
            )
        elif isinstance(event, Step):
            self.stepped, self.step = True, event.step
            event = self._recoloured(event)
            self._pulse.note(
                Losses.of(event),
                steps=event.steps,
                loss=event.loss,
                seconds=event.seconds,
                remaining=event.remaining,
            )
            if self._previews.due:
                self._previews.add(event.picture())
            self._recorder.take(event)

    def _keep_back(self) -> None:
        """Keep of a budget about what the results take once the painting is done."""
        painter = self._painter
        if painter.budget:
            shots = min(painter.steps, MOST_SHOTS)
            saving = painter.width * painter.height * _SAVING_A_PIXEL
            painter.budget.reserve = saving + _FILMING + _FILMING_A_STEP * shots

    def _keep_checkpoint(self) -> None:
        if self.stepped:
            self._painter.save_checkpoint(self._checkpoint)
            self._kept.put(self._checkpoint)

    def _recoloured(self, event: Step) -> Step:
        if not self._colours:
            return event
        picture = event.picture
        return replace(event, picture=lambda: self._coloured(picture()))

    def _coloured(self, picture: Picture) -> Picture:
        return self._colours(picture) if self._colours else picture


def options(order: PaintOrder, settings: Settings) -> PaintOptions:
    """Return the options of an order, with a history that keeps its checkpoints small."""
    most = PaintOptions().history
    pair = 2 * 3 * 4 * order.options().size ** 2  # bytes, if the picture were square
    history = max(_LEAST_HISTORY, min(most, _HISTORY_BYTES // pair))
    return order.options(history=history, max_memory=settings.max_memory)


def patiently(act: Callable[[], None], seconds: float = 60.0) -> None:
    """Do something with the database, again and again while it does not answer."""
    end = time.monotonic() + seconds
    while True:
        try:
            return act()
        except SQLAlchemyError as error:
            if time.monotonic() > end:
                raise
            log.warning("the database does not answer: %s", type(error).__name__)
            time.sleep(1)
