"""Carrying out one job: from the claim to the files that the row names.

The painter's own checkpoints make it possible to be killed at any moment. An attempt writes files
under names of its own only, and what it made is seen when the row says so, which the row does
while the attempt's claim is the latest. So no half file is served, and no job ends twice.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable

from sqlalchemy.exc import SQLAlchemyError

from impasto.errors import CheckpointError, ImpastoError, OutOfMemoryError, is_out_of_memory
from impasto.studio.checkpoints import JobCheckpoints
from impasto.studio.database import patiently
from impasto.studio.heartbeat import Heartbeat
from impasto.studio.jobs import HOPELESS, Claim, ClaimLost, Job
from impasto.studio.requests import PaintRequest
from impasto.studio.runner import PaintRunner, WorkerContext, WorkerLeaving

log = logging.getLogger("impasto.studio")

HUNG = 75
"""The exit status of a worker that ends itself because it hangs."""

_NO_ROOM = "the painting does not fit into memory: lower its size"
_OWN = re.compile(r"(?:preview|picture|timelapse)-(\d+)[-.\w]*")


_NO_FILES: dict[str, object] = {"preview": None, "picture": None, "timelapse": None}


def carry_out(workshop: WorkerContext, job: str, run: int) -> None:
    """Work at a run of a job until it ends, unless it is not to be worked at (now).

    Raises `WorkerLeaving` when the worker is to leave, and errors of the database or of the
    files: then the job is taken up again by whoever finds it abandoned.
    """
    claim = workshop.store.claim(job, run, workshop.worker)
    if claim is None:
        return
    attempt = Attempt(workshop, claim)
    workshop.claim = claim
    try:
        attempt.work()
    except ClaimLost:
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

    def __init__(self, workshop: WorkerContext, claim: Claim) -> None:
        self._shop, self._claim = workshop, claim
        self._store, self._files = workshop.store, workshop.files
        self._id, self._number = claim.job.id, claim.attempt
        self._kept = JobCheckpoints(workshop.files, self._id, self._number)

    def work(self) -> None:
        """Paint, and end the job as it is to end. Raises `ClaimLost`, `WorkerLeaving`."""
        with Heartbeat(self._store, self._claim, hung=self._hung) as pulse:
            try:
                self._sweep()
                self._begin(pulse)
            except WorkerLeaving:
                pulse.beat()
                self._store.release(self._claim)
                raise
            except (ClaimLost, SQLAlchemyError, OSError):
                raise
            except OutOfMemoryError:
                self._fail(pulse, "memory", _NO_ROOM)
            except ImpastoError as error:
                code = re.sub(r"(?<=[a-z])(?=[A-Z])", "-", type(error).__name__).lower()
                self._fail(pulse, code, self._without_paths(str(error)))
            except Exception as error:
                if is_out_of_memory(error):
                    self._fail(pulse, "memory", _NO_ROOM)
                    return
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

    def _begin(self, pulse: Heartbeat) -> None:
        if pulse.wish == "cancel":
            self._cancel(pulse)
        elif self._claim.job.stuck > HOPELESS:
            text = f"the work on it broke off {HOPELESS} times at the same place"
            self._fail(pulse, "hopeless", text)
        else:
            self._paint(pulse)

    def _paint(self, pulse: Heartbeat) -> None:
        """Paint from the newest checkpoint that fits, else from the start."""
        order = PaintRequest.of(self._claim.job.request)
        for name in [*self._kept.names(), None]:
            easel = PaintRunner(self._shop, self._claim, order, self._kept, pulse)
            try:
                wish = easel.follow(name)
            except CheckpointError as error:
                if name is None or easel.stepped:
                    raise
                log.warning("job %s: %s is of no use: %s", self._id, name, error)
                continue
            if wish == "cancel":
                self._cancel(pulse)
            else:
                self._publish(pulse, easel, "stopped" if wish == "stop" else "done")
            return

    def _publish(self, pulse: Heartbeat, easel: PaintRunner, state: str) -> None:
        columns: dict[str, object] = {"step": easel.step}
        for column, name, path in easel.finish():
            self._files.take(self._id, name, path)
            columns[column] = name
            pulse.sign()
        self._end(pulse, state, **columns)

    def _fail(self, pulse: Heartbeat, code: str, text: str) -> None:
        log.warning("job %s failed: %s: %s", self._id, code, text)
        self._end(pulse, "failed", error_code=code, error=text)

    def _cancel(self, pulse: Heartbeat) -> None:
        self._end(pulse, "cancelled", **_NO_FILES)

    def _end(self, pulse: Heartbeat, state: str, **columns: object) -> None:
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
