"""One attempt at a job: from the claim to the files that the row names.

The painter's own checkpoints make it possible to be killed at any moment. An attempt writes files
under names of its own only, and what it made is seen when the row says so, which the row does
while the attempt's claim is the latest. So no half file is served, and no job ends twice.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
from collections.abc import Mapping

from sqlalchemy.exc import SQLAlchemyError

from impasto.errors import (
    CheckpointError,
    DivergedError,
    ImageError,
    ImpastoError,
    OptionsError,
    OutOfMemoryError,
    is_out_of_memory,
)
from impasto.studio.checkpoints import JobCheckpoints
from impasto.studio.database import retry
from impasto.studio.film_runner import FilmRunner
from impasto.studio.heartbeat import Heartbeat
from impasto.studio.jobs import FILES, HOPELESS, Cancelled, ClaimLost, Job, attempt_of, needed
from impasto.studio.learn_runner import LearnRunner
from impasto.studio.room import WorkerLeaving, is_disk_full
from impasto.studio.runner import PaintRunner, Runner, WorkerContext

log = logging.getLogger("impasto.studio")

HUNG = 75
"""The exit status of a worker that ends itself because it hangs."""

_NO_MEMORY = "the painting does not fit into memory: lower its size"
_INSIDE = "something went wrong inside the studio"
_OF_THE_REQUEST = (ImageError, OptionsError, DivergedError)
"""Errors that are told as they are: they speak of what was sent in, and never of a path here."""

_NO_FILES: dict[str, object] = dict.fromkeys(FILES)
_RESUMED = ("checkpoint-", "piece-")
"""What files are called from which a job goes on."""

_RUNNERS: Mapping[str, type[Runner]] = {
    "paint": PaintRunner,
    "learn": LearnRunner,
    "video": FilmRunner,
}
"""What works at each kind of job."""


def execute(context: WorkerContext, claim: Job) -> None:
    """Work at a claimed job until it ends.

    Raises `WorkerLeaving` when the worker is to leave, and errors of the database or of the
    files: then the job is left behind, to be claimed again.
    """
    attempt = Attempt(context, claim)
    context.claim = claim
    try:
        attempt.work()
    except ClaimLost:
        log.info("job %s: attempt %d was overtaken", claim.id, claim.attempt)
        attempt.withdraw()
    finally:
        context.claim = None
        for path in context.scratch.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


class Attempt:
    """One attempt at a job."""

    def __init__(self, context: WorkerContext, claim: Job) -> None:
        self._context, self._claim = context, claim
        self._store, self._files = context.store, context.files
        self._id, self._number = claim.id, claim.attempt
        self._checkpoints = JobCheckpoints(context.files, self._id, self._number)
        self._heartbeat = Heartbeat(context.store, claim, hung=self._hung)

    def work(self) -> None:
        """Paint, and end the job as it is to end. Raises `ClaimLost`, `WorkerLeaving`."""
        with self._heartbeat:
            try:
                self._sweep()
                self._begin()
            except Cancelled:
                self._end("cancelled", **_NO_FILES)
            except WorkerLeaving:
                self._heartbeat.beat()
                self._store.release(self._claim)
                raise
            except Exception as error:
                if full := is_disk_full(error):
                    self._store.release(self._claim)
                if full or isinstance(error, ClaimLost | SQLAlchemyError | OSError):
                    raise
                self._fail(*self._reason(error))

    def withdraw(self) -> None:
        """Remove what a lost attempt made.

        Not its checkpoint and its pieces, which who has the job now may need, and nothing that the
        row names: the claim is lost, too, when the last word reached the database and its answer
        did not.
        """
        try:
            served = needed(self._store.job(self._id))
        except KeyError:
            self._files.remove(self._id)
            return
        own = [name for name in self._files.names(self._id) if attempt_of(name) == self._number]
        if names := [n for n in own if not (served(n) or n.startswith(_RESUMED))]:
            self._files.remove(self._id, *names)

    def _begin(self) -> None:
        """Work from the newest checkpoint that fits, else from the start."""
        self._heartbeat.check()
        if self._claim.stuck > HOPELESS:
            self._fail("hopeless", f"the work on it broke off {HOPELESS} times at the same place")
            return
        build = _RUNNERS[self._claim.kind]
        for name in [*self._checkpoints.names(), None]:
            runner = build(self._context, self._claim, self._heartbeat)
            try:
                stopped = runner.run(name)
            except CheckpointError as error:
                if name is None or runner.stepped:
                    raise
                log.warning("job %s: %s is of no use: %s", self._id, name, error)
                continue
            self._end("stopped" if stopped else "done", **runner.publish())
            return

    def _reason(self, error: Exception) -> tuple[str, str]:
        """Return what a job is said to have failed of: a code and a line."""
        if isinstance(error, OutOfMemoryError) or is_out_of_memory(error):
            return "memory", _NO_MEMORY
        code = re.sub(r"(?<=[a-z])(?=[A-Z])", "-", type(error).__name__).lower()
        if isinstance(error, _OF_THE_REQUEST):
            return code, str(error).replace("<memory>", "the picture")
        log.exception("job %s failed", self._id)
        return code if isinstance(error, ImpastoError) else "internal", _INSIDE

    def _fail(self, code: str, text: str) -> None:
        log.warning("job %s failed: %s: %s", self._id, code, text)
        self._end("failed", error_code=code, error=text)

    def _end(self, state: str, **columns: object) -> None:
        """Say how it ended, then remove what nobody needs any more."""
        retry(self._heartbeat.beat)
        if self._heartbeat.wish == "cancel" and state != "failed":  # at the last moment
            state, columns = "cancelled", _NO_FILES
        retry(lambda: self._store.end(self._claim, state, **columns))
        log.info("job %s: %s", self._id, state)
        self._sweep()

    def _sweep(self) -> None:
        """Remove what earlier attempts left behind, and what the job does not need any more.

        Nothing of a later attempt: it may be under way by now, and the row not say so yet.
        """
        try:
            job = self._store.job(self._id)
        except KeyError:
            job = None
        if job is None or job.state == "cancelled":
            self._files.remove(self._id)
            return
        served, checkpoints = needed(job), self._checkpoints.names()
        useful = {"running": checkpoints, "stopped": checkpoints[:1]}.get(job.state, [])
        if useful:
            useful += [name for name in self._files.names(self._id) if name.startswith("piece-")]
        self._files.sweep(
            self._id,
            lambda name: served(name) or name in useful or attempt_of(name) > self._number,
        )

    def _hung(self) -> None:
        log.error("job %s: no sign of the painter; this worker ends itself", self._id)
        os._exit(HUNG)  # no exception reaches a thread that hangs, and nothing else ends it
