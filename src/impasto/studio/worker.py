"""A process that paints: ``python -m impasto.studio.worker``, and ``impasto worker``.

It claims the job that has waited longest, works at it, and claims the next. On SIGTERM it keeps its
work and leaves within ten seconds.
"""

from __future__ import annotations

import argparse
import gc
import hashlib
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress

import torch
from sqlalchemy.exc import SQLAlchemyError

from impasto.errors import ImpastoError
from impasto.runtime.device import give_back_memory
from impasto.studio import liveness, logs, slots
from impasto.studio.database import connect
from impasto.studio.executor import execute
from impasto.studio.jobs import GRACE, ClaimLost, JobStore
from impasto.studio.maintenance import sweep
from impasto.studio.room import WorkerLeaving, is_disk_full
from impasto.studio.runner import WorkerContext
from impasto.studio.settings import Settings, read
from impasto.studio.storage import Storage

log = logging.getLogger("impasto.studio")

_POLL = 0.5
"""Seconds from one look for a job to the next."""

_SWEEP = 600.0
"""Seconds from one cleanup to the next, at least."""

_TO_LEAVE = 7.0
"""Seconds that a running step and a checkpoint may take when the worker is to leave."""

_TO_RELEASE = 1.5
"""Seconds to tell the database so, when they took longer."""

_SLOT_PATIENCE = 10.0
"""Seconds for a worker that was replaced to leave its slot."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a worker with the settings of the environment. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="impasto.studio.worker", description=__doc__)
    parser.add_argument("--slot", type=int, help="Which slot to take; else the first that is free.")
    parser.add_argument("--tied", action="store_true", help="Leave when standard input ends.")
    given = parser.parse_args(argv)
    try:
        run(read(), slot=given.slot, tied=given.tied)
    except ImpastoError as error:
        print(f"impasto worker: {error}", file=sys.stderr)  # noqa: T201 - it is a command
        return 1
    return 0


def run(settings: Settings, *, slot: int | None = None, tied: bool = False) -> None:
    """Be a worker until told to leave. Call it from the main thread of a process of its own.

    ``tied`` is for workers that somebody started: they leave when standard input ends, as it does
    when that process dies. Raises `OutputError`, `OptionsError`.
    """
    leaving = threading.Event()
    gc.freeze()  # spares the collection after each job to look at what was imported
    os.nice(settings.nice)
    for sign in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sign, lambda *_: leaving.set())
    if tied:
        threading.Thread(target=_leave_with_input, args=(leaving,), daemon=True).start()
    files, url = Storage(settings.data), settings.database_url
    studio = hashlib.sha256(url.render_as_string(hide_password=True).encode()).hexdigest()[:16]
    held = slots.take(files.home / "workers" / studio, slot, _SLOT_PATIENCE)
    logs.set_up(settings.log_level, f"worker {held.number}: ")
    store, scratch = JobStore(connect(url)), files.scratch(held.name)
    worker = Worker(WorkerContext(settings, store, files, scratch, held.name, leaving))
    worker.start()
    liveness.keep_reporting(store.engine, held.name, leaving)
    log.info("ready")
    leaving.wait()
    log.info("leaving")
    if not worker.leave():
        logging.shutdown()
        os._exit(0)  # nothing interrupts a step under way, and the end would not be within seconds


class Worker:
    """Works in a thread of its own, one job after the other, until its context says to leave."""

    def __init__(self, context: WorkerContext) -> None:
        self._context = context
        self._thread = threading.Thread(target=self._work, name="worker", daemon=True)

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def leave(self) -> bool:
        """Wait until the job at hand is put down; return whether it was.

        If that takes too long, it is released as it is.
        """
        self._thread.join(_TO_LEAVE)
        if not self._thread.is_alive():
            return True
        releasing = threading.Thread(target=self._release, daemon=True)
        releasing.start()
        releasing.join(_TO_RELEASE)
        return False

    def _work(self) -> None:
        context, due = self._context, 0.0
        torch.set_num_threads(context.settings.threads_each)
        while not context.leaving.is_set():
            try:
                if time.monotonic() >= due:
                    due = time.monotonic() + _SWEEP
                    sweep(context.store, context.files, context.settings.keep)
                pause = 0.0 if self._work_once() else _POLL
            except Exception as error:
                # The job at hand is left behind: whoever claims it next is not to do so at once.
                pause = GRACE
                outside = isinstance(error, SQLAlchemyError | OSError) or is_disk_full(error)
                log.warning("%s, trying again later", type(error).__name__, exc_info=not outside)
            context.leaving.wait(pause)

    def _work_once(self) -> bool:
        """Claim a job and work at it; return whether there was one."""
        claim = self._context.store.claim(self._context.worker)
        if claim is None:
            return False
        with suppress(WorkerLeaving):
            execute(self._context, claim)
        give_back_memory()
        return True

    def _release(self) -> None:
        if claim := self._context.claim:
            with suppress(ClaimLost, SQLAlchemyError):
                self._context.store.release(claim)


def _leave_with_input(leaving: threading.Event) -> None:
    """Leave when standard input ends."""
    with suppress(OSError):
        while os.read(0, 1024):
            pass
    leaving.set()


if __name__ == "__main__":
    sys.exit(main())
